"""The how-to of drills, typed line by line in a lab: what it says is what happens."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from demands import check
from support import ROOT

from bcp.testing.command import PROGRAM, environment
from bcp.testing.lab import Lab

PAGE = ROOT / "docs" / "howto" / "drills.md"
SCHEMA = json.loads((ROOT / "docs" / "reference" / "report.v2.schema.json").read_text())
YEAR = json.loads((ROOT / "docs" / "reference" / "year.v1.schema.json").read_text())
SITTING = """

d rto_receive: the crisis team decides to move MX
d rto_communicate:employees: everybody has the text
n it is loud
x
"""


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose organisation has volunteers; its ``bin`` holds ``bcp``. A town for each story: after a drill that
    moved MX the domain rests."""
    lab = Lab(tmp_path_factory.mktemp("town"), patience_s=20)
    path = lab.folder / "bcp.yaml"
    path.write_text(path.read_text().replace("audiences:\n", "audiences:\n  volunteers: {people: [carol]}\n"))
    (lab.folder / "sitting.txt").write_text(SITTING)
    tool = lab.folder / "bin" / "bcp"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    tool.chmod(0o755)
    yield lab
    lab.stop()


def blocks() -> list[tuple[str, list[str]]]:
    """Commands by section, in their order."""
    out: list[tuple[str, list[str]]] = []
    for section in PAGE.read_text().split("\n## ")[1:]:
        lines = [x for b in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for x in b.splitlines() if x.strip()]
        out.append((section.splitlines()[0], lines))
    return out


SECTIONS = dict(blocks())


def type_(lab: Lab, line: str) -> subprocess.CompletedProcess[str]:
    env = environment(BCP_CONFIG=str(lab.folder / "bcp.yaml"), COLUMNS="80")
    env["PATH"] = f"{lab.folder / 'bin'}:{env.get('PATH', os.defpath)}"
    if "--as alice" in line:
        env["BCP_APPROVAL_CODE"] = (lab.folder / "secrets" / "code-alice").read_text()
    return subprocess.run(
        ["sh", "-c", line], cwd=lab.folder, env=env, capture_output=True, text=True, timeout=240, check=False
    )


def read(lab: Lab, section: str) -> dict[str, str]:
    """Type a section; each command does what it says."""
    out = {}
    for line in SECTIONS[section]:
        done = type_(lab, line)
        failing = "drill run last <" in line  # the sitting ends before the story is told: that is no success
        assert done.returncode == (1 if failing else 0), f"{line}\n{done.stdout}{done.stderr}"
        out[line] = done.stdout
    return out


def then_a_tabletop_is_played_learned_from_signed_and_closed(town: Lab) -> None:
    read(town, "A tabletop")
    learned = read(town, "What is learned")
    assert "no list of phone numbers" in learned["bcp drill findings"]
    assert "proposed" in learned["bcp drill findings"]
    closed = read(town, "Sign and close")
    record = json.loads(closed["bcp drill show last --output json"])
    assert (record["kind"], record["state"], record["outcome"]) == ("tabletop", "closed", "aborted")
    judged = {o["code"]: o["judged"] for o in record["objectives"]}
    assert set(judged.values()) <= {"void", "missed"}  # it was ended before its end: nothing counts as met
    assert record["signatures"][0]["stands"] is True
    assert [f["state"] for f in record["findings"] if not f["code"]] == ["done"]
    assert {n["kind"] for n in [*record["feedback"], *record["conclusions"], *record["deviations"]]} == {
        "feedback", "conclusion", "deviation",
    }  # fmt: skip


def then_a_dry_drill_writes_nothing(town: Lab) -> None:
    before = town.count()["mx"]
    said = read(town, "Dry, any day")
    assert json.loads(said["bcp drill run last --no-plans"].splitlines()[-1])["outcome"] == "completed"
    assert town.count()["mx"] == before
    assert (town.count()["sms"], town.count()["slack"]) == (0, 0)
    record = json.loads(type_(town, "bcp drill show last --output json").stdout)
    assert {s["result"] for s in record["steps"] if s["id"] in {"mx", "everywhere", "tell-employees"}} == {"would_run"}


def then_the_calendar(town: Lab) -> None:
    said = read(town, "The calendar")
    assert "quarter" in said["bcp drill schedule"]


def then_ones_own_set_up_in_the_lab(town: Lab) -> None:
    said = read(town, "Your own set-up in the lab")
    last = json.loads(next(iter(said.values())).splitlines()[-1])
    assert (last["outcome"], last["met"]) == ("completed", True)
    assert (town.count()["sms"], town.count()["slack"]) == (0, 0), (
        "nothing of it reaches the world outside of the drill"
    )


def then_live_with_volunteers_alone(town: Lab, tmp_path: Path) -> None:
    new, run, *approvals = SECTIONS["Live, on a drill domain"]
    assert type_(town, new.replace("10m", "1s")).returncode == 0
    env = environment(BCP_CONFIG=str(town.folder / "bcp.yaml"))
    played = subprocess.Popen(
        [sys.executable, "-m", "bcp", *run.removesuffix("&").split()[1:]], cwd=town.folder, env=env,
        stdout=subprocess.PIPE, stderr=(tmp_path / "log").open("w"), stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    for number, line in enumerate(approvals, 1):
        while (tmp_path / "log").read_text().count("waiting for 1 approval") < number and played.poll() is None:
            time.sleep(0.1)
        assert type_(town, line).returncode == 0
    out, _ = played.communicate(timeout=200)
    assert played.returncode == 0, (tmp_path / "log").read_text()
    last = json.loads(out.splitlines()[-1])
    assert (last["kind"], last["outcome"]) == ("live", "completed")
    counted = town.count()
    assert counted["slack"] == 0
    assert counted["mx"].startswith("0 corp-test.mail.protection.outlook.test")
    record = json.loads(type_(town, "bcp drill show last --output json").stdout)
    sms = [r for r in record["receipts"] if r["channel"] == "sms"]
    assert counted["sms"] == sum(r["sent"] for r in sms) == len([r for r in sms if r["sent"]])
    assert {c["name"]: c["real"] for c in record["components"]}["DNS"] is True
    assert record["propagation"]


def then_the_report_of_each_kind_and_the_year(town: Lab) -> None:
    """Each field that auditors demand, in reports made by drills of all four kinds, and in that of a run."""
    for out in (read(town, "The report"), read(town, "The year")):
        assert all(out.values())
    made = {d["id"]: d["kind"] for d in json.loads(type_(town, "bcp drill list --output json").stdout)["drills"]}
    assert set(made.values()) == {"tabletop", "dry", "lab", "live"}
    for what in (*made, "last"):
        done = type_(town, f"bcp report {what} --output json")
        assert done.returncode == 0, done.stderr
        files = json.loads(done.stdout)["files"]
        data, page = json.loads(Path(files["json"]).read_text()), Path(files["html"]).read_text()
        check(data, page)
        jsonschema.validate(data, SCHEMA)
        if data["record"]["outcome"] == "completed" and made.get(what) in {"lab", "live"}:
            assert len(data["milestones"]) >= 5, what
            assert data["runs"], what
    year = json.loads(type_(town, "bcp drill year --output json").stdout)
    jsonschema.validate({k: v for k, v in year.items() if k != "files"}, YEAR)
    levels = {(c["what"], c["name"]): c["level"] for c in year["coverage"]}
    assert levels["channels", "sms"] == "real", "the live drill told volunteers by text message"
    assert levels["playbooks", "exchange-inbound-outage"] == "real"
    assert levels["classes", "H"] == "never"


def test_live_is_aborted_when_the_real_service_turns_bad(town: Lab, tmp_path: Path) -> None:
    """It leaves the domain on the relay, because mail is never moved into a path that fails."""
    new = SECTIONS["Live, on a drill domain"][0]
    assert type_(town, new).returncode == 0
    log = tmp_path / "log"
    played = subprocess.Popen(
        [sys.executable, "-c", QUICK, "drill", "run", "last", "--no-plans"], cwd=town.folder,
        env=environment(BCP_CONFIG=str(town.folder / "bcp.yaml")),
        stdout=subprocess.PIPE, stderr=log.open("w"), stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip

    def until(words: str) -> None:
        while words not in log.read_text() and played.poll() is None:
            time.sleep(0.1)
        assert words in log.read_text(), log.read_text()[-3000:]

    until("waiting for 1 approval")
    assert type_(town, SECTIONS["Live, on a drill domain"][2]).returncode == 0
    until("holding")
    town.order("refuse")
    out, _ = played.communicate(timeout=200)
    assert played.returncode == 1, log.read_text()
    assert json.loads(out.splitlines()[-1])["outcome"] == "aborted"
    assert "watch of the real service says" in log.read_text()
    record = json.loads(type_(town, "bcp drill show last --output json").stdout)
    assert {o["judged"] for o in record["objectives"]}.isdisjoint({"met"})
    assert town.count()["mx"].startswith("10 mx.backup.test")
    town.order("heal")


QUICK = """
import bcp.rehearse.live as live
live.WATCH_S, live.UNDO_S = 0.5, 8.0
from bcp.cli.main import main
raise SystemExit(main())
"""
"""The command, looking at the real service twice a second and giving people a few seconds to say yes."""


def test_the_page_is_typed_in_its_order(town: Lab, tmp_path: Path) -> None:
    """One story: each part stands on the drills of those before it."""
    then_a_tabletop_is_played_learned_from_signed_and_closed(town)
    then_a_dry_drill_writes_nothing(town)
    then_the_calendar(town)
    then_ones_own_set_up_in_the_lab(town)
    then_live_with_volunteers_alone(town, tmp_path)
    then_the_report_of_each_kind_and_the_year(town)
