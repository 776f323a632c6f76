"""``bcp audit verify``: a broken chain is an exit code, not only a word in a table."""

from __future__ import annotations

import json
import sqlite3

import pytest

from bcp.cli import audit, render
from bcp.kernel.errors import Missing, Refused


@pytest.fixture
def said(monkeypatch):
    """What is printed, as data."""
    out: list[dict] = []
    monkeypatch.setattr(render, "emit", lambda schema, data, text: out.append(json.loads(json.dumps(data))))
    return out


def test_a_chain_that_nobody_touched_is_whole(house, said) -> None:
    house.run()
    audit.verify()
    assert [(r["run"], r["damage"]) for r in said[0]["runs"]] == [("run-1", "")]


@pytest.mark.parametrize("run", ["all", "run-2", "last"])
def test_an_event_that_was_changed_breaks_the_chain(house, said, run) -> None:
    """It is shown which run, then refused, so that a script notices."""
    house.run("run-1")
    house.run("run-2", events=[("run_finished", "", {"status": "done"})])
    with sqlite3.connect(house.runs.path("run-2")) as db:
        assert db.execute("update event set data = replace(data, 'done', 'fail') where seq = 2").rowcount == 1
    with pytest.raises(Refused) as caught:
        audit.verify(run)
    assert caught.value.rule == "audit-chain" and caught.value.exit_code == 3
    assert [r["run"] for r in said[0]["runs"] if r["damage"]] == ["run-2"]


def test_of_one_run_the_others_do_not_count(house, said) -> None:
    """And one that is not there is named."""
    house.run("run-1")
    house.run("run-2")
    with sqlite3.connect(house.runs.path("run-2")) as db:
        db.execute("delete from event")
    audit.verify("run-1")
    assert len(said) == 1
    with pytest.raises(Missing):
        audit.verify("run-9")


@pytest.mark.parametrize(
    ("events", "anchor", "words"),
    [
        ([], "begun", ", not over yet"),
        ([("run_finished", "", {"status": "done"})], "begun", ", over; its end is not in audit.jsonl"),
        ([("run_finished", "", {"status": "done"})], "done", "head "),
    ],
)
def test_a_run_that_is_over_is_never_called_not_over(house, monkeypatch, events, anchor, words) -> None:
    """Its process may have ended between its last event and the audit file: `bcp acknowledge` mends that."""
    out: list[str] = []
    monkeypatch.setattr(render, "emit", lambda schema, data, text: out.append(text))
    house.run("run-1", events=events)
    house.runs.anchor("run-1", house.runs.card("run-1").head, anchor)
    audit.verify()
    assert words in out[0] and ("not over yet" in out[0]) == (not events)
    assert ("bcp acknowledge RUN" in " ".join(out[0].split())) == (anchor == "begun" and bool(events))


def lab_run(house, drill: str = "drill-1") -> None:
    """A run that an exercise played in a lab, in a state folder of its own."""
    from bcp.engine.store import Runs
    from bcp.store.sqlite.state import SqliteState

    folder = house.folder / ".bcp" / "drills" / drill / "state"
    folder.mkdir(parents=True)
    runs, house.runs = house.runs, Runs(SqliteState(folder), house.app.clock)
    house.run("run-7", events=[("run_finished", "", {"status": "done"})])
    head = house.runs.card("run-7").head
    house.runs.anchor("run-7", head, "done")
    house.runs = runs
    house.app.running.drills.append(drill, "began", "alice", {})
    house.app.running.drills.append(drill, "measured", "bcp", {"what": "lab", "heads": {"run-7": head}})


def test_where_only_a_lab_has_runs_they_are_told_of(house, monkeypatch) -> None:
    out: list[str] = []
    monkeypatch.setattr(render, "emit", lambda schema, data, text: out.append(text))
    lab_run(house)
    audit.verify()
    assert "No runs" not in out[0] and "drill-1/run-7" in out[0] and "2 events" in out[0]


def test_without_anything_it_says_so(house, monkeypatch) -> None:
    out: list[str] = []
    monkeypatch.setattr(render, "emit", lambda schema, data, text: out.append(text))
    audit.verify()
    assert "No runs and no drills yet." in out[0]


@pytest.mark.parametrize("what", ["drill-1", "all"])
def test_an_exercise_is_checked_as_its_report_says(house, said, what: str) -> None:
    """`bcp audit verify DRILL` stands in the annex of every report of one."""
    lab_run(house)
    house.app.running.drills.append("drill-2", "began", "alice", {})
    audit.verify(what)
    rows = {r["run"]: (r["events"], r["damage"]) for r in said[0]["drills"]}
    assert rows["drill-1"] == (2, "") and rows["drill-1/run-7"][1] == ""
    assert ("drill-2" in rows) == (what == "all") and said[0]["runs"] == []


@pytest.mark.parametrize(("where", "text"), [("drills.db", "update event set actor = 'eve' where drill = 'drill-1'"),
                                             ("lab", "delete from event where seq = 2")])  # fmt: skip
def test_an_exercise_that_was_changed_is_refused_and_another_is_not(house, said, where: str, text: str) -> None:
    lab_run(house)
    house.app.running.drills.append("drill-2", "began", "alice", {})
    folder = house.folder / ".bcp"
    path = folder / "drills.db" if where == "drills.db" else folder / "drills/drill-1/state/runs/run-7.db"
    with sqlite3.connect(path) as db:
        assert db.execute(text).rowcount
    for what in ("drill-1", "all"):
        with pytest.raises(Refused) as caught:
            audit.verify(what)
        assert caught.value.rule == "audit-chain"
    audit.verify("drill-2")
    with pytest.raises(Missing):
        audit.verify("drill-9")
