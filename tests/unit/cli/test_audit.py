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
