"""A lab drill of an organisation's own set-up, made by ``bcp init``, where the network refuses everything but loopback.

The namespace is the proof: a machine with no way out, on which the drill plays as everywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, bcp
from unit.contracts.test_exercise import ASKED

from bcp.testing.command import environment

ALONE = ["unshare", "-n"] if hasattr(os, "geteuid") and os.geteuid() == 0 else ["unshare", "-rn"]
ANSWERS = """\
domains: [corp.example]
name: Corp
timezone: Europe/Berlin
relay: mx.backup.example
dns: rfc2136
dns_server: 192.0.2.53
tsig_key: bcp
canary: alice@corp.example
known: [bob@corp.example]
channels: [twilio, status-page]
twilio_from: "+12025550100"
people:
  - Alice Weber, +12025550101
  - Bob Braun, +12025550102
"""
OURS = """\
version: 1
name: ours
title: Our own words
phase: identified
audiences: [employees]
sms: {en: "{{ org.name }}: read your mail at the desk of Ms Winter"}
page: {en: {subject: Mail, body: "Read your mail at the desk of Ms Winter."}}
"""


def _may() -> bool:
    if not shutil.which("unshare") or not shutil.which("ip"):
        return False
    return subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _may(), reason="no network namespaces here")


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command on a machine whose only interface is loopback."""
    line = f'ip link set lo up && exec "{sys.executable}" -m bcp "$@"'
    return subprocess.run(
        [*ALONE, "sh", "-c", line, "bcp", *arguments], cwd=folder, capture_output=True, text=True, timeout=300,
        env=environment(BCP_CONFIG=str(folder / "bcp.yaml")), check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """An organisation with a playbook and words of its own, and its drill."""
    folder = tmp_path_factory.mktemp("corp")
    (folder / "answers.yaml").write_text(ANSWERS)
    done = bcp("init", "--answers", "answers.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    for name, text in (
        ("messages/ours.yaml", OURS),
        ("playbooks/ours-out.yaml", (ROOT / "playbooks" / "exchange-inbound-outage.yaml").read_text()
            .replace("name: exchange-inbound-outage", "name: ours-out")
            .replace("{audience: employees, template: inbound-on-backup", "{audience: employees, template: ours")),
    ):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    with (folder / "bcp.yaml").open("a") as out:
        out.write("playbooks: [playbooks]\nmessages: [messages]\n")
    made = alone(
        folder, "drill", "new", "lab", "refuse", "--playbook", "ours-out", "--person", "alice=approver",
        "--out", "archive", "--bia", "https://intra.example/bia", "--expect", "mail flows by the relay",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return folder, alone(folder, "drill", "run", "last", "--no-plans")


def record(folder: Path) -> dict[str, Any]:
    done = bcp("drill", "show", "last", "--output", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def values(data: Any, path: str) -> list[Any]:
    """What stands at ``steps.started``, in every row."""
    head, _, rest = path.partition(".")
    rows = data if isinstance(data, list) else [data]
    found = [r[head] for r in rows]
    return [v for f in found for v in values(f, rest)] if rest else found


def then_it_plays_with_nothing_but_loopback(played) -> None:
    _, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    last = json.loads(done.stdout.strip().splitlines()[-1])
    assert (last["kind"], last["outcome"], last["met"]) == ("lab", "completed", True)


def then_the_record_has_every_field_that_an_auditor_asks_for(played) -> None:
    folder, _ = played
    found = record(folder)
    later = {"deviations.text", "feedback.text", "feedback.rating", "conclusions.text", "next_drill.at"}
    later |= {p for paths in ASKED.values() for p in paths if p.startswith(("findings.", "signatures."))}
    never = {"receipts.delivered", "receipts.acknowledged", "receipts.failed", "scenario.incident", "scenario.digest",
             "planned_start", "participants.attended", "shared_fate.chains"}  # fmt: skip
    for name, paths in ASKED.items():
        for path in set(paths) - later - never:
            given = values(found, path)
            assert any(v not in (None, "", 0, [], 0.0) or v is False or path == "mails.lost" for v in given), (
                name,
                path,
            )


def then_its_figures_are_those_of_the_raw_events(played) -> None:
    folder, _ = played
    found = record(folder)
    state = folder / ".bcp" / "drills" / found["id"] / "state"
    with sqlite3.connect(folder / ".bcp" / "drills.db") as db:
        rows = [
            (k, json.loads(d)) for k, d in db.execute("select kind, data from event where drill = ?", (found["id"],))
        ]
    measured = {d["what"]: d for k, d in rows if k == "measured"}
    broke = measured["outage"]["since"]
    goals = {(o["code"], o["audience"]): o for o in found["objectives"]}
    assert goals["rto_receive", ""]["achieved"] == round(measured["first_mail"]["first"] - broke, 1)
    assert goals["rto_receive", ""]["how"] == "lab-mail"
    with sqlite3.connect(state / "runs" / f"{found['runs'][0]}.db") as db:
        (ended,) = db.execute(
            "select at from event where kind = 'step_finished' and step = 'tell-employees'"
        ).fetchone()
        taken = [at for (at,) in db.execute("select settled from effect where step = 'tell-employees'")]
    told = goals["rto_communicate", "employees"]["achieved"]  # when a channel had taken enough, not when its step ended
    assert round(min(taken) - broke, 1) <= told <= round(ended - broke, 1)
    assert goals["rpo_messages", ""]["achieved"] == measured["mails"]["lost"] + measured["mails"]["bounced"] == 0
    assert measured["lab"]["refused"] == []
    points = [(p["new"], p["asked"]) for p in found["propagation"]]
    assert points[0][0] == 0
    assert max(n for n, _ in points) == max(a for _, a in points) == 5


def then_its_own_people_heard_its_own_words_marked_as_an_exercise(played) -> None:
    folder, done = played
    found = record(folder)
    away = [r for r in found["receipts"] if r["run"] == found["runs"][0]]
    rows = [r for r in away if r["step"] == "tell-employees" and r["channel"] == "sms"]
    assert [(r["planned"], r["sent"], r["failed"]) for r in rows] == [(2, 2, 0)]
    state = folder / ".bcp" / "drills" / found["id"] / "state"
    with sqlite3.connect(state / "runs" / f"{found['runs'][0]}.db") as db:
        texts = [json.loads(d) for (d,) in db.execute("select data from event where kind = 'text'")]
    ours = [t["body"] for t in texts if "Ms Winter" in t["body"]]
    assert ours
    assert all("EXERCISE" in t.upper() or "ÜBUNG" in t.upper() for t in ours)
    assert {d["by"] for d in found["decisions"]} <= {"alice", "bob"}


def then_nothing_of_it_is_in_the_organisations_own_runs_and_whoever_changes_it_is_found(played) -> None:
    folder, _ = played
    assert not list((folder / ".bcp").glob("runs/*.db"))
    assert bcp("audit", "verify", cwd=folder).returncode == 0
    found = record(folder)
    path = folder / ".bcp" / "drills" / found["id"] / "state" / "runs" / f"{found['runs'][0]}.db"
    kept = path.read_bytes()
    with sqlite3.connect(path) as db:
        db.execute("update event set actor = 'mallory' where kind = 'approved'")
    db.close()
    done = bcp("audit", "verify", cwd=folder)
    assert done.returncode == 3
    assert found["runs"][0] in done.stdout
    path.unlink()
    assert bcp("audit", "verify", cwd=folder).returncode == 3
    assert any("gone" in c["damage"] for c in record(folder)["integrity"]["chains"])
    path.write_bytes(kept)


def test_a_drill_of_ones_own_set_up(played) -> None:
    """One drill, looked at from all sides: it takes a minute."""
    then_it_plays_with_nothing_but_loopback(played)
    then_the_record_has_every_field_that_an_auditor_asks_for(played)
    then_its_figures_are_those_of_the_raw_events(played)
    then_its_own_people_heard_its_own_words_marked_as_an_exercise(played)
    then_nothing_of_it_is_in_the_organisations_own_runs_and_whoever_changes_it_is_found(played)
