"""``bcp declare``: what can be declared, for how long, and by whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bcp.cli import render
from bcp.cli.declare import _end, declare
from bcp.kernel.errors import Invalid, Refused

NOON = datetime(2026, 1, 22, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("lasts", "until", "seconds"),
    [
        ("", "", 3600),
        ("90s", "", 90),
        ("", "12:30", 1800),
        ("", "11:00", 23 * 3600),
        ("", "12:00", 24 * 3600),
    ],
    ids=["an hour", "so long", "later today", "tomorrow", "now is tomorrow"],
)
def test_it_ends_when_it_is_said(lasts, until, seconds) -> None:
    assert _end(NOON, lasts, until) == NOON + seconds


@pytest.mark.parametrize(
    ("lasts", "until", "words"),
    [
        ("1h", "12:30", "contradict"),
        ("soon", "", "--for"),
        ("", "25:00", "no time of day"),
        ("", "noon", "no time of day"),
        ("", "12", "no time of day"),
        ("", "12:60", "no time of day"),
    ],
)
def test_an_end_that_is_none_is_refused(lasts, until, words) -> None:
    with pytest.raises(Invalid, match=words):
        _end(NOON, lasts, until)


@pytest.mark.parametrize("what", ["I", "b2", "", "outage", "None"])
def test_what_cannot_be_declared_is_refused(house, what) -> None:
    with pytest.raises(Invalid, match="cannot be declared"):
        declare(what)


def test_a_word_ends_within_a_day(house, monkeypatch) -> None:
    monkeypatch.setattr(house.app.people, "whoami", lambda claimed="": "alice")
    with pytest.raises(Invalid, match="at the latest"):
        declare("B", lasts="25h")
    assert not (house.folder / ".bcp" / "words.jsonl").exists()


@pytest.mark.parametrize(("what", "letter", "kind"), [("b", "B", "is"), ("none", "", "is-not"), ("withdraw", "", "")])
def test_a_word_is_written_down_with_who_said_it(house, monkeypatch, capsys, what, letter, kind) -> None:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    monkeypatch.setenv("BCP_APPROVAL_CODE", "kiwi-tulip-42")
    declare(what, "seen\nby me", as_="alice")
    told = json.loads(capsys.readouterr().out)
    line = json.loads((house.folder / ".bcp" / "words.jsonl").read_text())
    assert (told["class"], told["who"], told["text"]) == (letter, "alice", "seen by me")
    assert (line["outage_class"], line["who"], line["kind"]) == (letter, "alice", told["kind"])


def test_nobody_declares_in_the_name_of_another(house) -> None:
    with pytest.raises(Refused):
        declare("B", as_="alice")
    assert not (house.folder / ".bcp" / "words.jsonl").exists()
