"""Detection through the command line, in the lab: look, explain, report, snapshot, history, several places."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support import ROOT, bcp, next_second

PAGES = ROOT / "docs" / "howto"


@pytest.fixture
def own(lab, tmp_path):
    """The lab's configuration with a state folder of our own, so that histories do not mix."""
    config = yaml.safe_load((lab.folder / "bcp.yaml").read_text())
    config["state"] = str(tmp_path / "state")

    class Own:
        folder = tmp_path
        data = config

        def write(self, name="bcp.yaml", **changes):
            path = lab.folder / f"{tmp_path.name}-{name}"
            path.write_text(yaml.safe_dump({**config, **changes}))
            self.path = path
            return path

        def run(self, *arguments, path=None, **more):
            return bcp(*arguments, env={"BCP_CONFIG": str(path or self.path), **more.pop("env", {})}, **more)

    found = Own()
    found.write()
    yield found
    for path in lab.folder.glob(f"{tmp_path.name}-*"):
        path.unlink()


def test_look_and_explain(own) -> None:
    """One look, a verdict, why, and what the numbers imply; 80 columns, exit codes as documented."""
    done = own.run("probe")
    assert done.returncode == 0 and "smtp-rcpt" in done.stdout and "(control)" in done.stdout, done.stdout + done.stderr
    assert own.run("probe", "smtp").stdout.count("accepts") == 2
    wrong = own.run("probe", "smpt")
    assert wrong.returncode == 2 and "smtp" in wrong.stderr
    done = own.run("verdict")
    assert done.returncode == 0 and "healthy" in done.stdout
    done = own.run("explain", "--fresh")
    assert done.returncode == 0 and "For:" in done.stdout and "Rules:" in done.stdout
    assert "confirmed 5s to 6s" in own.run("explain", "--rules").stdout
    for command in (
        ["verdict"],
        ["explain", "--fresh"],
        ["explain", "--rules"],
        ["history"],
        ["replay", "jan-2026-gls"],
        ["replay", "--list"],
    ):
        assert [line for line in own.run(*command).stdout.splitlines() if len(line) > 80] == [], command
    data = json.loads(own.run("verdict", "--output", "json").stdout)
    assert (
        data["schema"] == "bcp.verdict/2"
        and data["state"] == "healthy"
        and {p["name"] for p in data["planes"]} >= {"dns", "inbound"}
    )


def test_a_probe_needs_no_configuration(tmp_path) -> None:
    """At 03:00, from any machine."""
    done = bcp("probe", "https", "--with", "url=http://127.0.0.1:1/", cwd=tmp_path)
    assert done.returncode == 1 and "refused" in done.stdout
    done = bcp("probe", "https", "--with", "uri=http://127.0.0.1:1/", cwd=tmp_path)
    assert done.returncode == 2 and "uri" in done.stderr and "Traceback" not in done.stderr
    done = bcp("probe", "dns", "--with", "host=a.example", "--with", "resolvers=127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 4
    assert bcp("probe", "--kinds", cwd=tmp_path).stdout.count("\n") >= 13
    assert bcp("probe", "--with", "nonsense", "smtp", cwd=tmp_path).returncode == 2


def test_doctor_asks_whether_people_can_check_a_text(own) -> None:
    """A number in the phone book, a page to look at: warned of where they are missing, silent where they are there."""
    assert "is real" not in own.run("doctor").stdout
    path = own.write(organisation={"name": "Corp"})
    said = " ".join(bcp("doctor", env={"BCP_CONFIG": str(path)}).stdout.split())
    assert (
        "no number to ask whether a text is real - Set organisation: hotline: to" in said and "no place to look" in said
    ), said


def test_people_make_an_outage_that_nothing_looks_at(own) -> None:
    """Three colleagues; then it is over."""
    bad = own.run("report-problem", "--plane", "mailbx", "x")
    assert bad.returncode == 2 and "mailbox" in bad.stderr
    assert own.run("report-problem").returncode == 2
    for who in ("carol", "dave", "bob"):
        assert own.run("report-problem", "Outlook does not open", "--as", who).returncode == 0
    done = own.run("verdict")
    assert (
        done.returncode == 1
        and "class A" in done.stdout
        and "3 people" in done.stdout
        and "exchange-mailbox-access" in done.stdout
    ), done.stdout
    assert own.run("report-problem", "--resolved").returncode == 0
    assert own.run("verdict").returncode == 0


def test_nobody_declares_in_the_name_of_another(own) -> None:
    """What on call says is believed by the judgement: it needs the login or the approval code of who says it."""
    words = own.folder / "state" / "words.jsonl"
    for name, code in (("bob", 3), ("nobody-of-that-name", 2)):
        done = own.run("declare", "none", "all is well", "--as", name, env={"BCP_APPROVAL_CODE": "wrong"})
        assert done.returncode == code and not done.stdout, done.stdout + done.stderr
    assert not words.exists()
    assert own.run("declare", "maintenance", "we move").returncode == 0 and words.exists()


def test_a_snapshot_is_taken_compared_and_read_by_playbooks(own, lab) -> None:
    """Graph's record wins over DNS; a playbook reads it; doctor knows its age and whether bcp.yaml agrees."""
    vendors = own.data["channels"]["sms"]["api_url"]
    secret = lab.folder / "secrets" / "graph"
    secret.write_text("s" * 20)
    secret.chmod(0o600)
    path = own.write(
        graph={"tenant_id": "t", "client_id": "c", "client_secret": "file:secrets/graph", "api_url": vendors}
    )
    done = own.run("snapshot")
    assert done.returncode == 0 and "the first one" in done.stdout, done.stdout + done.stderr
    shown = json.loads(own.run("snapshot", "--show", "--output", "json").stdout)
    facts = shown["domains"]["corp.test"]
    assert (
        facts["graph"][0]["host"] == "corp-test.mail.protection.outlook.com"
        and facts["mx"]["ttl_s"] > 0
        and facts["spf"] == ["v=spf1 -all"]
    )
    assert shown["health"] == {"Exchange Online": "serviceOperational"} and facts["ns"]
    next_second()
    assert "nothing changed" in own.run("snapshot").stdout
    assert own.run("snapshot", "--diff").returncode == 0
    doctor = own.run("doctor").stdout
    assert "Graph says corp-test.mail.protection.outlook.com" in " ".join(doctor.split()), doctor
    book = lab.playbook(
        "peace",
        """concurrency: {group: peace}
activation:
  - {id: age, uses: verify, with: {that: "{{ snapshot.age < 3600 and snapshot.domains['corp.test'].mx.ttl_s > 0 }}", \
otherwise: The snapshot is old}}
""",
    )
    done = bcp("run", book, "--yes", env={"BCP_CONFIG": str(path)})
    assert done.returncode == 0, done.stdout + done.stderr


def test_watch_history_and_metrics(own, lab) -> None:
    """An outage from break to clear: said once each, kept, counted, exported."""
    lab_own = own.folder / "metrics.prom"
    config = dict(own.data)
    config["detect"] = {**config["detect"], "interval": "500ms", "threshold": 3, "keep_firing_for": "1s"}
    path = own.write(**config)
    process = subprocess.Popen(
        [sys.executable, "-m", "bcp", "watch", "--output", "json", "--metrics", str(lab_own)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "BCP_CONFIG": str(path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []

    def until(condition):
        for line in process.stdout:
            said.append(json.loads(line))
            if condition(said[-1]):
                return said[-1]
        raise AssertionError((said, process.stderr.read()))

    try:
        until(lambda v: v["state"] == "healthy")
        began = time.time()
        lab.order("451")
        found = until(lambda v: v["state"] == "down")
        within = time.time() - began
        assert (
            found["class"] == "B"
            and found["action"] == "wait"
            and found["decide_at"]
            and found["playbook"] == "exchange-inbound-outage"
        )
        explained = own.run("explain", path=path)
        assert "As the watch saw it" in explained.stdout and "█" in explained.stdout and "Clock:" in explained.stdout
        lab.order("heal")
        until(lambda v: v["state"] == "healthy" and v["stage"] in {"closed", "healthy"})
    finally:
        lab.order("heal")
        process.terminate()
        process.wait(60)
    assert 'bcp_service_state{state="healthy"} 1' in lab_own.read_text()
    done = own.run("history", "--output", "json", path=path)
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads(done.stdout)
    (incident,) = data["incidents"]
    assert incident["classes"] == ["B"] and 0.5 <= incident["detect_s"] <= within + 0.1 and incident["lasted_s"] > 0
    assert 0 < data["uptime"]["inbound"]["share"] < 1
    text = own.run("history", "--looks", path=path).stdout
    assert "1 outage(s) confirmed" in text and "451" in text
    assert "bcp_looks_total" in own.run("history", "--prometheus", path=path).stdout
    assert own.run("history", "--since", "yesterday", path=path).returncode == 2


def test_another_vantage_point_reports_and_is_heard(own, lab) -> None:
    """Sealed rounds by folder and by pipe; a copy and a forged one are put aside and said; two places must agree."""
    key = "file:secrets/vantage"
    secret = lab.folder / "secrets" / "vantage"
    secret.write_text("k" * 40)
    secret.chmod(0o600)
    detect = own.data["detect"]
    main = own.write("main.yaml", detect={**detect, "vantage": "office", "vantages": {"far": {"key": key}}})
    far = own.write("far.yaml", state=str(own.folder / "far-state"), detect={**detect, "vantage": "far", "key": key})
    spool = own.folder / "state" / "observed"
    done = own.run("probe", "--remote-to", str(spool), "--once", path=far)
    assert done.returncode == 0 and len(list(spool.glob("*.json"))) == 1, done.stderr
    copy = next(spool.glob("*.json")).read_text()
    done = own.run("watch", "--once", "--output", "json", path=main)
    data = json.loads(done.stdout)
    inbound = next(p for p in data["planes"] if p["name"] == "inbound")
    assert done.returncode == 0 and any(w["vantages"] == [0, 2, 0] for w in inbound["ways"]), inbound
    (spool / "00000000000000000009-copy.json").write_text(copy)
    line = own.run("probe", "--remote-to", "-", "--once", path=far).stdout
    forged = line.replace('"result": "ok"', '"result": "fail"')
    assert forged != line
    took = own.run("probe", "--receive", path=main, stdin=line + forged + "garbage\n")
    assert "1 round(s) taken" in took.stderr and "seal" in took.stderr and "Traceback" not in took.stderr
    done = own.run("watch", "--once", path=main)
    assert done.returncode == 0 and len(list((spool / "refused").iterdir())) == 1
    short = own.run("probe", "--remote-to", "ftp://x", "--once", path=far)
    assert short.returncode == 2
    assert (
        own.run("probe", "--remote-to", str(spool), "--once", path=main).returncode == 2
    )  # it has no key to sign with
    secret.write_text("short")
    assert own.run("probe", "--remote-to", str(spool), "--once", path=far).returncode == 2


def test_what_the_howtos_show_is_right(tmp_path) -> None:
    """The configuration of the pages is valid, the outage of the page holds."""
    page = (PAGES / "write-an-outage.md").read_text()
    (tmp_path / "outages").mkdir()
    (tmp_path / "outages" / "mine.yaml").write_text(
        re.search(r"```yaml\n# outages/mine.yaml\n(.*?)```", page, re.DOTALL)[1]
    )
    done = bcp("replay", "outages/mine.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        bcp(
            "init",
            "--domain",
            "example.com",
            "--dns-server",
            "127.0.0.1:1",
            "--relay",
            "relay.example.net",
            "--canary",
            "canary@example.com",
            cwd=tmp_path,
        ).returncode
        == 0
    )
    base = (tmp_path / "bcp.yaml").read_text()
    found = [
        b
        for name in ("watch.md", "vantage-points.md")
        for b in re.findall(r"```yaml\n# bcp.yaml, detect:\n(.*?)```", (PAGES / name).read_text(), re.DOTALL)
    ]
    assert len(found) == 3
    for block in found:
        (tmp_path / "bcp.yaml").write_text(base + block)
        done = bcp("config", "check", cwd=tmp_path)
        assert done.returncode == 0, block + done.stdout + done.stderr
        assert bcp("explain", "--rules", cwd=tmp_path).returncode == 0


def test_every_kind_and_key_that_the_outage_page_names_exists() -> None:
    """The page is enough to write one."""
    page = (PAGES / "write-an-outage.md").read_text()
    schema = json.loads((ROOT / "docs" / "reference" / "outage.v1.schema.json").read_text())
    moment, expect = set(schema["$defs"]["Moment"]["properties"]), set(schema["$defs"]["Expect"]["properties"])
    for word in (
        "at",
        "until",
        "probe",
        "vantage",
        "result",
        "share",
        "otherwise",
        "kind",
        "on",
        "off",
        "silent",
        "clock",
        "event",
    ):
        assert word in moment and f"{word}" in page
    for word in expect:
        assert re.search(rf"\b{word}\b", page), word
    assert Path(ROOT / "docs" / "reference" / "outage.md").exists()
