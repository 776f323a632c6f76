"""``bcp drill`` for people and programs: what it prints, what it refuses, and what a stranger may try at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner
from unit.deeds.house import BOOK, CONFIG, CONTACTS

from bcp.cli.app import app
from bcp.cli.common import Place
from bcp.kernel.errors import BcpError

RUNNER = CliRunner()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bcp.yaml").write_text(CONFIG)
    (tmp_path / "contacts.csv").write_text(CONTACTS.replace("slack,language,groups", "slack,language,groups,logins")
        .replace("staff;oncall\nbob", "staff;oncall,root\nbob"))  # fmt: skip
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "out.yaml").write_text(BOOK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bcp.wiring.people.login_name", lambda: "root")
    monkeypatch.setattr(Place, "config", "")
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    return tmp_path


def type_(*words: str, code: int = 0) -> str:
    done = RUNNER.invoke(app, ["drill", *words])
    assert done.exit_code == code, (done.output, done.exception)
    return done.stdout


def refused(*words: str) -> str:
    done = RUNNER.invoke(app, ["drill", *words])
    assert isinstance(done.exception, BcpError), done.output
    return done.exception.rule


def as_json(*words: str) -> dict:
    done = RUNNER.invoke(app, ["--output", "json", "drill", *words])
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def new(*more: str) -> str:
    return type_("new", "dry", "--playbook", "out", "--title", "Quarter drill", *more).split()[0]


def test_a_stranger_without_a_configuration_sees_the_scenarios(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Place, "config", "")
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    assert "550-valid-recipients" in type_("list")
    found = as_json("list")
    assert (found["schema"], found["drills"]) == ("bcp.drills/1", [])
    assert {"name", "class", "title", "playbook"} <= set(found["scenarios"][0])


def test_a_length_of_time_that_is_none_is_said_by_its_option(here) -> None:
    drill = new()
    for words, option in (
        (("drill", "new", "live", "--hold", "soon"), "--hold"),
        (("drill", "schedule", drill, "--at", "2099-01-14 10:00", "--window=-1h"), "--window"),
        (("relay", "drain", "--timeout", "a while"), "--timeout"),
    ):
        error = RUNNER.invoke(app, words).exception
        assert isinstance(error, BcpError), repr(error)
        assert error.message.startswith(f"{option}: ")


def test_made_written_in_listed_and_shown(here) -> None:
    drill = new("--objective", "rto_receive=30m", "--person", "alice=facilitator", "--out", "archive")
    assert "written down" in type_("note", "last", "phones are slow", "--kind", "deviation")
    assert type_("attend", "last", "bob", "--absent").strip() == "bob: absent"
    name = type_("finding", "last", "No list", "--severity", "high", "--owner", "bob").strip()
    shown = type_("show")
    for words in (
        drill,
        "Quarter drill",
        "rto_receive",
        "30m",
        "open",
        "archive",
        "phones are slow",
        "No list",
        "absent",
    ):
        assert words in shown
    listed = as_json("list")["drills"]
    assert [(d["id"], d["kind"], d["state"], d["findings"]) for d in listed] == [(drill, "dry", "planned", 1)]
    todo = as_json("findings")["findings"]
    assert [(f["id"], f["owner"], f["severity"]) for f in todo] == [(name, "bob", "high")]
    type_("finding", "last", "--id", "last", "--done")
    assert "Nothing is open" in type_("findings")
    assert name in type_("findings", "--all")
    assert as_json("show", drill)["findings"][0]["state"] == "done"


def test_the_calendar_by_hand(here) -> None:
    assert "Nothing is planned" in type_("schedule")
    drill = new()
    assert "2099-01-14 10:00" in type_("schedule", "last", "--at", "2099-01-14 10:00", "--every", "year")
    assert as_json("schedule")["planned"][0]["drill"] == drill
    assert "will not be played" in type_("schedule", drill, "--cancel", "no time")
    assert "Nothing is planned" in type_("schedule")
    assert refused("schedule", drill, "--at", "2099-01-14 10:00") == "drill-over"


@pytest.mark.parametrize(
    ("words", "rule", "message", "hint"),
    [
        (
            ["--every", "x"],
            "no-recurrence",
            "--every: 'x' is no recurrence",
            "week, month, quarter, half-year or year.",
        ),
        (
            ["last", "--every", "monthly"],
            "no-recurrence",
            "--every: 'monthly' is no recurrence",
            "Did you mean month? ",
        ),
        (["--every", "year"], "usage", "which drill?", "bcp drill schedule DRILL"),
        (["last", "--every", "year"], "no-time", "at what time?", "--at '2027-01-14 10:00'"),
    ],
)
def test_what_a_schedule_lacks_is_said(here, words, rule: str, message: str, hint: str) -> None:
    """A wrong recurrence without a drill showed the calendar, and said nothing."""
    error = RUNNER.invoke(app, ["drill", "schedule", *words]).exception
    assert isinstance(error, BcpError) and (error.rule, error.message) == (rule, message) and hint in error.hint


def test_refusals_have_rules(here) -> None:
    assert refused("show") == "no-such-drill"
    assert refused("new", "party") == "no-such-kind"
    assert refused("new", "tabletop") == "no-scenario"
    new()
    assert refused("finding", "last", "x", "--done", "--dismiss") == "too-many"
    assert refused("sign") == "drill-running"
    assert refused("close") == "drill-running"
    assert refused("run", "drill-none") == "no-such-drill"
    done = RUNNER.invoke(app, ["drill", "run", "refus"])
    assert isinstance(done.exception, BcpError)
    assert "refuse" in done.exception.hint


def test_a_dry_drill_that_fails_says_so_to_people_and_programs(here) -> None:
    (here / "playbooks" / "out.yaml").write_text(BOOK.replace("title: Out", "title: Out\ncolour: red"))
    new_dry = RUNNER.invoke(app, ["drill", "new", "dry", "--playbook", "out"])
    assert isinstance(new_dry.exception, BcpError)
    (here / "playbooks" / "out.yaml").write_text(BOOK)
    drill = new()
    done = RUNNER.invoke(app, ["drill", "run", drill, "--no-plans"])
    assert done.exit_code != 0
    shown = type_("show", drill)
    assert "failed" in shown
    assert refused("run", drill) == "drill-over"
