"""The command line as a person meets it at 03:00."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT, bcp

GATE = """\
concurrency: {group: "gate-NAME"}
activation:
  - {id: gate, uses: approval, with: {from: [group:oncall], min: 1, timeout: TIMEOUT}}
  - {id: act, uses: shell, with: {run: [touch, "MARK"]}, irreversible: a test}
"""


def gate(lab, name: str, tmp_path: Path, timeout: str = "300s") -> tuple[str, Path]:
    mark = tmp_path / "mark"
    return lab.playbook(name, GATE.replace("NAME", name).replace("TIMEOUT", timeout).replace("MARK", str(mark))), mark


def wait_for_gate(lab, process) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        done = lab.run("status", "--output", "json")
        if done.returncode == 0 and json.loads(done.stdout)["gates"]:
            return json.loads(done.stdout)["run"]
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("no gate opened")


def family(pid: int) -> list[int]:
    """A process and all that it started: others on this machine are none of our business."""
    children: list[str] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):  # each thread may have started some
        with contextlib.suppress(OSError):
            children += path.read_text().split()
    return [pid, *(x for child in children for x in family(int(child)))]


def test_help_fits_eighty_columns(cli) -> None:
    """Every command's help, on a small terminal."""
    top = cli("--help").stdout
    commands = re.findall(r"^  ([a-z]+) {2,}", top.split("At night:")[1], re.MULTILINE)
    assert len(commands) > 15
    for command in commands:
        done = cli(command, "--help")
        assert done.returncode == 0
        assert all(len(line) <= 80 for line in done.stdout.splitlines()), command
        assert "Usage:" in done.stdout


def test_without_configuration_it_says_what_to_do(cli, tmp_path) -> None:
    """The first thing a newcomer sees."""
    done = cli("status", cwd=tmp_path)
    assert done.returncode == 2
    assert "bcp init" in done.stderr and "Traceback" not in done.stderr


def test_no_terminal_no_run(lab, tmp_path) -> None:
    """Gates fail closed: nobody can be asked."""
    path, mark = gate(lab, "no-terminal", tmp_path)
    done = lab.run("run", path)
    assert done.returncode == 5, done.stderr
    assert not mark.exists()


def test_a_gate_that_nobody_answers_closes(lab, tmp_path) -> None:
    """Silence is no."""
    path, mark = gate(lab, "silence", tmp_path, "1s")
    done = lab.run("run", path, "--yes")
    assert done.returncode == 5, done.stderr
    assert "no answer in time" in done.stdout
    assert not mark.exists()


def test_approval_by_code_opens_and_others_do_not(lab, tmp_path) -> None:
    """Who answers must prove who they are; the plan must be the one they saw."""
    path, mark = gate(lab, "by-code", tmp_path)
    process = lab.start("run", path, "--yes")
    run_id = wait_for_gate(lab, process)
    assert lab.run("approve", run_id, "--as", "alice", env={"BCP_APPROVAL_CODE": "wrong"}).returncode == 3
    assert lab.run("approve", run_id).returncode == 3
    assert lab.run("approve", run_id, "--as", "carol", env={"BCP_APPROVAL_CODE": "x"}).returncode == 3
    assert (
        lab.run(
            "approve",
            run_id,
            "--as",
            "alice",
            "--plan",
            "feedbeef",
            env={"BCP_APPROVAL_CODE": lab.secret("code-alice")},
        ).returncode
        == 3
    )
    assert not mark.exists()
    done = lab.run("approve", run_id, "--as", "alice", env={"BCP_APPROVAL_CODE": lab.secret("code-alice")})
    assert done.returncode == 0, done.stderr
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert mark.exists()


def test_a_rejection_stops_the_run(lab, tmp_path) -> None:
    """No means no."""
    path, mark = gate(lab, "rejected", tmp_path)
    process = lab.start("run", path, "--yes")
    run_id = wait_for_gate(lab, process)
    assert lab.run("reject", run_id, "--as", "bob", env={"BCP_APPROVAL_CODE": lab.secret("code-bob")}).returncode == 0
    process.communicate(timeout=120)
    assert process.returncode == 5
    assert not mark.exists()


def test_who_started_it_may_not_approve_it(lab, tmp_path) -> None:
    """Two persons where two are required."""
    people = lab.folder / "contacts.csv"
    before = people.read_text()
    import pwd

    people.write_text(before.replace("staff;oncall,\nbob", f"staff;oncall,{pwd.getpwuid(os.getuid()).pw_name}\nbob"))
    try:
        path, mark = gate(lab, "initiator", tmp_path)
        process = lab.start("run", path, "--yes")
        run_id = wait_for_gate(lab, process)
        done = lab.run("approve", run_id)
        assert done.returncode == 3 and "[initiator]" in done.stderr and "had a hand in the start" in done.stderr
        code = {"BCP_APPROVAL_CODE": lab.secret("code-bob")}
        assert lab.run("reject", run_id, "--as", "bob", env=code).returncode == 0  # and so it ends without a yes
        process.communicate(timeout=120)
        assert process.returncode == 5
        assert not mark.exists()
    finally:
        people.write_text(before)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_stops_before_the_next_step(lab, tmp_path, number, code) -> None:
    """No later step starts, the code is not zero, the journal is whole, resume finishes."""
    mark, begun, go_on = tmp_path / "after", tmp_path / "begun", tmp_path / "go-on"
    wait = f"touch {begun}; while [ ! -e {go_on} ]; do sleep 0.05; done"
    path = lab.playbook(
        f"signal-{int(number)}",
        f"""\
activation:
  - {{id: slow, uses: shell, with: {{run: [sh, -c, "{wait}"]}}, timeout: 300s, irreversible: a test}}
  - {{id: after, uses: shell, with: {{run: [touch, "{mark}"]}}, irreversible: a test}}
""",
    )
    process = lab.start("run", path, "--yes")
    deadline = time.monotonic() + 120
    while not begun.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    found = json.loads(lab.run("status", "--output", "json").stdout)
    assert found["playbook"] == f"signal-{int(number)}" and found["steps"][0]["status"] == "running"
    process.send_signal(number)
    go_on.touch()
    process.communicate(timeout=120)
    assert process.returncode == code
    assert not mark.exists()
    assert lab.run("audit", "verify", found["run"]).returncode == 0
    done = lab.run("resume", found["run"])
    assert done.returncode == 0, done.stderr
    assert mark.exists()


def test_plan_then_run_then_refuse(lab, tmp_path) -> None:
    """A plan is run once; an edited one, a stale one and an expired one are refused."""
    mark = tmp_path / "ran"
    path = lab.playbook(
        "planned",
        f"""\
activation:
  - {{id: look, uses: dns.mx.check, with: {{domains: "{{{{ domains }}}}"}}}}
  - {{id: act, uses: shell, with: {{run: [touch, "{mark}"]}}, irreversible: a test}}
""",
    )
    plan = tmp_path / "plan.json"
    assert lab.run("plan", path, "--out", str(plan)).returncode == 0
    data = json.loads(plan.read_text())
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps({**data, "domains": ["other.test"]}))
    done = lab.run("run", str(edited), "--yes")
    assert done.returncode == 3 and "plan-changed" in done.stderr
    assert lab.run("run", str(plan), "--dry-run").returncode == 0
    assert not mark.exists()
    assert lab.run("run", str(plan), "--yes").returncode == 0
    assert mark.exists()
    done = lab.run("run", str(plan), "--yes")
    assert done.returncode == 3 and "plan-used" in done.stderr
    Path(path).write_text(Path(path).read_text() + "# changed\n")
    again = tmp_path / "again.json"
    assert lab.run("plan", path, "--out", str(again)).returncode == 0
    Path(path).write_text(Path(path).read_text() + "# changed more\n")
    done = lab.run("run", str(again), "--yes")
    assert done.returncode == 3 and "plan-stale" in done.stderr


def test_dry_run_says_would_run_and_never_ok_for_writes(lab) -> None:
    """A dry run is the real code path with services that write nothing."""
    lab.order("451")
    try:
        before = lab.count()
        done = lab.run("run", "exchange-inbound-outage", "--dry-run", "--output", "json")
        assert done.returncode == 0, done.stderr
        states = {s["id"]: s["status"] for s in json.loads(done.stdout)["steps"]}
        assert states["mx"] == states["tell-employees"] == states["approve"] == states["mail-flows"] == "would_run"
        assert states["everywhere"] == "would_run", "it rests on a step that was not carried out"
        assert states["relay-accepts"] == states["outage-is-real"] == "ok"
        after = lab.count()
        assert (after["mx"], after["sms"], after["slack"]) == (before["mx"], before["sms"], before["slack"])
    finally:
        lab.order("heal")


def test_a_healthy_service_refuses_the_outage_playbook(lab) -> None:
    """Facts decide, not the person's fear; the rule has a name and can be overridden with a reason."""
    done = lab.run("plan", "exchange-inbound-outage")
    assert done.returncode == 3
    assert "steady-state" in done.stdout and "--override" in done.stdout
    assert lab.run("plan", "exchange-inbound-outage", "--override", "steady-state").returncode == 2


def test_the_quick_help_is_the_help() -> None:
    """Word for word, and completion still knows every option."""
    full = subprocess.run(
        [sys.executable, "-c", "from bcp.cli.app import app; app(args=['--help'], prog_name='bcp')"],
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert bcp("--help").stdout == bcp("-h").stdout == full.stdout
    words = {**os.environ, "_BCP_COMPLETE": "complete_bash", "COMP_WORDS": "bcp comms send --", "COMP_CWORD": "3"}
    assert (
        "--dry-run"
        in subprocess.run(
            [str(Path(sys.executable).parent / "bcp")], env=words, capture_output=True, text=True, timeout=120
        ).stdout
    )


def test_completion_installs(tmp_path) -> None:
    """Shell completion."""
    env = {**os.environ, "HOME": str(tmp_path), "SHELL": "/bin/bash"}
    done = subprocess.run(
        ["bash", "-c", f"{Path(sys.executable).parent / 'bcp'} --show-completion; true"],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "_BCP_COMPLETE" in done.stdout, done.stderr


def test_init_makes_a_configuration_that_is_valid(cli, tmp_path) -> None:
    """From nothing to a file that `config check` accepts."""
    done = cli("init", "--domain", "corp.test", "--dns-server", "127.0.0.1:1", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    done = cli("config", "check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert cli("init", "--domain", "corp.test", "--folder", str(tmp_path)).returncode == 2


def test_status_loads_no_vendor(tmp_path) -> None:
    """It must work when everything else is broken, and at once."""
    code = (
        "import sys; sys.argv=['bcp','status']\nfrom bcp.cli.main import main\ntry:\n    main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('pydantic','jinja2','dns','twilio','slack_sdk','aiohttp','msgraph','rich') if m in "
        "sys.modules])"
    )
    (tmp_path / "bcp.yaml").write_text("version: 1\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("[]"), done.stdout


def test_secrets_appear_nowhere(own_processes, lab, tmp_path) -> None:
    """Not in output at any verbosity, files, journals, reports or the process list."""
    secrets = [p.read_text() for p in (lab.folder / "secrets").iterdir()]
    seen = tmp_path / "seen"
    path = lab.playbook(
        "talk",
        f"""\
activation:
  - {{id: tell, uses: notify, with: {{audience: employees, template: access-down, channels: [sms, slack, \
status-page]}}}}
  - {{id: env, uses: shell, with: {{run: [sh, -c, "echo $TOKEN; while [ ! -e {seen} ]; do sleep 0.05; done"], \
environment: {{TOKEN: "file:secrets/slack"}}}}, timeout: 300s, irreversible: a test}}
always: [{{uses: report.write}}]
""",
    )
    process = lab.start("run", path, "--yes", "--debug", "-vv")
    lines = ""
    while process.poll() is None:
        for pid in family(process.pid):
            with contextlib.suppress(OSError):
                lines += Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
        if f"! -e {seen}" in lines:  # the command's own line was there, and now its child's is
            seen.touch()
        time.sleep(0.02)
    out, err = process.communicate()
    assert "-vv" in lines and seen.exists()
    assert process.returncode == 0, err
    status = lab.run("status", "-t", "--output", "json", "--debug")
    written = "".join(
        p.read_bytes().decode("latin-1")
        for p in [*(lab.folder / "state").rglob("*"), *(lab.folder / "public").rglob("*")]
        if p.is_file()
    )
    for secret in secrets:
        for where, text in {
            "out": out,
            "err": err,
            "status": status.stdout + status.stderr,
            "files": written,
            "processes": lines,
        }.items():
            assert secret not in text, where
    assert "********" in written
