"""Real Prometheus, blackbox exporter and Alertmanager fire into a real daemon:
by the docs' own words, and on a real Postfix's death."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from support import ROOT

from bcp.testing.world import incident_in
from real.net import IP, Net, able
from real.test_story import Ops, block

PAGE = (ROOT / "docs" / "howto" / "alertmanager-drill.md").read_text()
SERVERS = ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter")
MISSING = [n for n in SERVERS if shutil.which(n) is None]
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(condition, what: str, seconds: float = 150):
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not in {seconds} s"
        time.sleep(0.3)


def told(log: Path) -> int:
    """How many notifications the daemon took."""
    return log.read_text().count("POST /hooks/alertmanager 202")


class Newcomer:
    """Types what the page says, in an empty folder; only ports differ, as other tests run beside."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.alerts = folder, free_port(), free_port()
        self.blocks = re.findall(r"```(sh|bash)\n(.*?)```", PAGE, re.DOTALL)
        self.env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "80"}
        self.running: list[subprocess.Popen] = []

    def commands(self, word: str) -> list[str]:
        """Commands of the page that hold this."""
        found = [line for _, text in self.blocks for line in text.splitlines() if word in line]
        assert found, word
        return [
            c.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}").replace("127.0.0.1:9093", f"127.0.0.1:{self.alerts}")
            for c in found
        ]

    def run(self, command: str, code: int = 0) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=150,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
        assert all(len(line) <= 80 for line in done.stdout.splitlines() if not line.startswith("{")), done.stdout
        return done.stdout

    def start(self, command: str, name: str) -> None:
        log = (self.folder / f"{name}.log").open("w")
        self.running.append(
            subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        )

    def stop(self) -> None:
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.mark.timeout(900)
def test_the_page_for_newcomers_works_word_by_word(tmp_path) -> None:
    """From `bcp lab up` to the question of the way back; Alertmanager's repeats start nothing."""
    n = Newcomer(tmp_path)
    try:
        n.start(n.commands("bcp lab up")[0], "lab")
        until(lambda: (tmp_path / "lab" / "count.json").exists(), "the lab")
        config = tmp_path / "lab" / "bcp.yaml"
        config.write_text(config.read_text().replace("serve:\n", f"serve:\n  listen: 127.0.0.1:{n.port}\n"))
        serve = [c for c in n.commands("bcp --config lab/bcp.yaml serve") if not c.startswith("`")]
        assert "asks               alice, bob" in n.run(next(c for c in serve if "--check" in c))
        n.start(next(c for c in serve if "--check" not in c), "serve")
        (tmp_path / "alertmanager.yml").write_text(
            re.search(r"```yaml\n# alertmanager.yml\n(.*?)```", PAGE, re.DOTALL)[1]
            .replace("127.0.0.1:8080", f"127.0.0.1:{n.port}")
            .replace("repeat_interval: 1m", "repeat_interval: 5s")
        )
        n.start(n.commands("prometheus-alertmanager --config.file")[0], "am")
        until(lambda: "Serving" in (tmp_path / "serve.log").read_text(), "the daemon")
        n.run(n.commands("bcp lab break")[0])
        fire = n.commands("curl -fsS")[0]
        until(
            lambda: subprocess.run(["bash", "-c", fire], cwd=tmp_path, env=n.env, capture_output=True).returncode == 0,
            "Alertmanager",
        )
        show = n.commands("incident show")[0]
        until(
            lambda: any(q["state"] == "open" for q in incident_in(tmp_path / "lab" / "state").get("questions", [])),
            "the question",
        )
        assert "question  open" in n.run(show)
        assert "waiting" in n.run(n.commands("bcp.yaml status")[0])
        answer = f"{n.commands('export BCP_APPROVAL_CODE')[0]}; {n.commands('incident answer --yes')[0]}"
        assert "Yes from alice" in n.run(answer)
        until(lambda: "holding" in n.run(n.commands("bcp.yaml status")[0]), "the switch")
        n.run(fire)
        repeated = told(tmp_path / "serve.log") + 2
        until(lambda: told(tmp_path / "serve.log") >= repeated, "Alertmanager's repeats")
        runs = [line for line in n.run(n.commands("status --all")[0]).splitlines() if "exchange-inbound-outage" in line]
        assert len(runs) == 1, runs
        n.run(n.commands("bcp lab heal")[0])
        n.run(fire.replace('"labels"', '"endsAt": "2020-01-01T00:00:00Z", "labels"'))
        until(
            lambda: any(q["state"] == "open" for q in incident_in(tmp_path / "lab" / "state")["questions"]),
            "the question of the way back",
        )
        assert "question  open" in n.run(show)
        assert "Yes from alice" in n.run(answer)
        until(
            lambda: any(
                "failback" in line and ("done" in line or "running" in line)
                for line in n.run(n.commands("status --all")[0]).splitlines()
            ),
            "the way back",
        )
        assert "Unbroken" in n.run(n.commands("incident verify")[0])
    finally:
        n.stop()


@pytest.mark.timeout(900)
def test_a_real_primary_dies_and_prometheus_says_so(tmp_path) -> None:
    """Postfix killed: probe, rule, Alertmanager, hook, our own look, question, answer, switch;
    then the repair, `resolved`, the way back."""
    if why := able():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="bcp-al-"))
    folder.chmod(0o755)
    net = Net(folder)
    running: list[subprocess.Popen] = []
    try:
        net.start()
        ops = Ops(net, tmp_path / "ops")
        data = yaml.safe_load(block("bcp.yaml").replace("/srv/relay", f"{net.folder}/relay"))
        data["approvals"].pop("standing")
        data["detect"] |= {
            "keep_firing_for": "3s",
            "dwell": "3s",
            "interval": "5s",
        }  # slow on purpose: the alert comes first
        data["serve"] = {
            "verdict": "notify",
            "hooks": {
                "alertmanager": {
                    "kind": "alertmanager",
                    "mode": "ask",
                    "playbook": "real-outage",
                    "auth": {"bearer": ["file:am"]},
                }
            },
        }
        (ops.folder / "am").write_text("real-alertmanager-token")
        (ops.folder / "bcp.yaml").write_text(yaml.safe_dump(data))
        base = tmp_path / "mon"
        base.mkdir()
        (base / "bb.yml").write_text(
            "modules:\n  smtp: {prober: tcp, timeout: 800ms, tcp: {query_response: [{expect: '^220'}]}}\n"
        )
        (base / "am.yml").write_text(
            "route: {receiver: bcp, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 3s}\n"
            "receivers:\n  - name: bcp\n"
            "    webhook_configs: [{url: 'http://127.0.0.1:8080/hooks/alertmanager', send_resolved: true, "
            f"http_config: {{authorization: {{credentials_file: {ops.folder}/am}}}}}}]\n"
        )
        (base / "rules.yml").write_text(
            "groups:\n  - {name: mail, interval: 1s, rules: [{alert: PrimarySmtpDown, expr: "
            "'probe_success == 0', for: 2s, labels: {service: exchange-online}}]}\n"
        )
        (base / "prom.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
            "alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:9093']}]}]}\n"
            f"scrape_configs:\n  - {{job_name: smtp, metrics_path: /probe, params: {{module: [smtp], target: "
            f"['{IP['primary']}:25']}}, static_configs: [{{targets: ['127.0.0.1:9115']}}]}}\n"
        )
        log = base / "serve.log"
        serve = ops.start("serve", log=log)
        running.append(serve)
        for name, *arguments in (
            ("prometheus-blackbox-exporter", "--config.file=bb.yml", "--web.listen-address=127.0.0.1:9115"),
            (
                "prometheus-alertmanager",
                "--config.file=am.yml",
                "--web.listen-address=127.0.0.1:9093",
                "--storage.path=am",
                "--cluster.listen-address=",
            ),
            ("prometheus", "--config.file=prom.yml", "--web.listen-address=127.0.0.1:9090", "--storage.tsdb.path=tsdb"),
        ):
            running.append(
                subprocess.Popen(
                    [*net.inside("ops"), name, *arguments],
                    cwd=base,
                    stdout=(base / f"{name}.log").open("w"),
                    stderr=subprocess.STDOUT,
                )
            )
        until(lambda: '"1"]' in ops.curl("http://127.0.0.1:9090/api/v1/query?query=probe_success"), "Prometheus' look")
        until(lambda: ops.curl("http://127.0.0.1:9093/-/ready"), "Alertmanager")
        until(lambda: ops.curl("http://127.0.0.1:8080/readyz"), "the daemon")
        broken = net.break_("kill")

        def incident() -> dict:
            return incident_in(ops.folder / "state") or {"questions": [], "events": [], "runs": [], "state": ""}

        asked = until(lambda: [q for q in incident()["questions"] if q["state"] == "open"], "the question")[0]
        after = time.time() - broken
        assert incident()["events"][0]["actor"] == "alertmanager"
        code, out = ops.run("incident", "answer", "--yes", "--as", "alice")
        assert code == 0, out
        until(lambda: json.loads(ops.run("status", "--output", "json")[1])["status"] == "holding", "the switch")
        repeated = told(log) + 2
        until(lambda: told(log) >= repeated, "Alertmanager's repeats")
        assert len(incident()["runs"]) == 1 and asked["run"] == incident()["runs"][0]
        net.heal("kill")
        back = until(
            lambda: [q for q in incident()["questions"] if q["state"] == "open"], "the question of the way back"
        )[0]
        assert back["run"] != asked["run"] and any(e["kind"] == "alert_resolved" for e in incident()["events"])
        code, out = ops.run("incident", "answer", "--yes", "--as", "alice")
        assert code == 0, out
        until(lambda: ops.run("status", "--all")[1].count("done") == 2, "the way back")
        until(lambda: incident()["state"] == "closed", "the end of the incident")
        print(f"question {after:.1f} s after the kill")
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
        net.stop()
        shutil.rmtree(folder, ignore_errors=True)
