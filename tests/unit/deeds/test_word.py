"""A person's word: who may give it, how long it lasts, what of it stands in the record, and who can take it back."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from bcp.deeds.incident import Declare, declare
from bcp.deeds.word import Give, end_of, give, words
from bcp.incident.wording import event_title, event_words
from bcp.kernel.errors import BcpError, Invalid, StorageError
from bcp.store.files.words import FILE, read_words

from .house import House, person

NOBODY = replace(person("token:ci"), contact="")
LOOKS = person("alice", can=frozenset({"approve"}))
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()


def rule(house: House, who, wanted) -> str:
    with pytest.raises(BcpError) as caught:
        house.do(give(house.ground, who, wanted))
    return caught.value.rule


def kept(house: House) -> list:
    return read_words(house.folder / ".bcp" / FILE)


@pytest.mark.parametrize(
    ("what", "kind", "letter"),
    [("B", "is", "B"), ("b", "is", "B"), ("none", "is-not", ""), ("maintenance", "maintenance", "")],
)
def test_a_word_is_kept_holds_and_stands_in_the_record(house, what, kind, letter) -> None:
    """Of the incident that is open, under the name that the door has proven and by which door it came."""
    made = house.do(declare(house.ground, person("bob"), Declare("Mail is late")))
    word = house.do(give(house.ground, person("alice"), Give(what, " I  see\nit ", lasts="2h")))
    assert (word.kind, word.outage_class, word.who, word.text) == (kind, letter, "alice", "I see it")
    assert word.until == word.at + 7200 and words(house.ground) == (word,)
    event = house.book.events(made.id)[-1]
    assert (event.kind, event.actor, event.data["how"]) == ("word", "alice", "a test")
    assert (event.data["word"], event.data["text"]) == (kind, "I see it") and not house.book.damage()
    assert event.data["classes"] == ([letter] if letter else [])


def test_without_an_incident_it_stands_in_the_chain_of_the_book(house) -> None:
    house.do(give(house.ground, person("alice"), Give("maintenance")))
    (event,) = house.book.events()
    assert (event.kind, event.incident, event.actor) == ("word", "", "alice")


@pytest.mark.parametrize(
    ("who", "wanted", "expected"),
    [
        (LOOKS, Give("B"), "not-allowed"),
        (NOBODY, Give("B"), "no-person"),
        (person("alice"), Give("Z"), "no-such-word"),
        (person("alice"), Give(""), "no-such-word"),
        (person("alice"), Give("BE"), "no-such-word"),
        (person("alice"), Give("B", lasts="25h"), "word-too-long"),
        (person("alice"), Give("B", lasts="soon"), "no-such-time"),
        (person("alice"), Give("B", lasts="0s"), "no-such-time"),
        (person("alice"), Give("B", until="25:00"), "no-such-time"),
        (person("alice"), Give("B", until="noon"), "no-such-time"),
        (person("alice"), Give("B", lasts="1h", until="14:00"), "no-such-time"),
        (person("alice"), Give("withdraw"), "nothing-said"),
    ],
)
def test_what_a_word_needs(house, who, wanted, expected) -> None:
    """What is refused is neither kept nor in the chain."""
    assert rule(house, who, wanted) == expected
    assert kept(house) == [] and house.book.events() == []


def test_nobody_gives_or_takes_back_the_word_of_another(house) -> None:
    """A word has no name in it, and who takes back takes back their own."""
    assert {f.name for f in fields(Give)} == {"what", "text", "lasts", "until", "zone"}
    house.do(give(house.ground, person("alice"), Give("B")))
    assert rule(house, person("bob"), Give("withdraw")) == "nothing-said"
    assert [w.who for w in words(house.ground)] == ["alice"]
    taken = house.do(give(house.ground, person("alice"), Give("withdraw")))
    assert taken.kind == "withdrawn" and words(house.ground) == ()
    assert [e.data["word"] for e in house.book.events()] == ["is", "withdrawn"]


def test_what_cannot_be_kept_does_not_stand_in_the_record_either(house, monkeypatch) -> None:
    """One transaction: the record never says what the detector is not told."""

    def full(*_: object) -> None:
        raise StorageError("the report cannot be written: No space left on device")

    monkeypatch.setattr("bcp.deeds.word.add_word", full)
    with pytest.raises(StorageError):
        house.do(give(house.ground, person("alice"), Give("B")))
    assert house.book.events() == [] and not house.book.damage()


@pytest.mark.parametrize(
    ("lasts", "until", "seconds"),
    [("", "", 3600), ("90m", "", 5400), ("24h", "", 86_400), ("", "14:00", 7200), ("", "11:59", 86_340),
     ("", "12:00", 86_400), ("", "9:30", 77_400)],
)  # fmt: skip
def test_when_it_ends(lasts, until, seconds) -> None:
    """After an hour when nothing is said; a time of day that is past is tomorrow's."""
    assert end_of(NOON, lasts, until) == NOON + seconds


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("now", "until", "zone", "end"),
    [
        ("2026-03-01T12:00", "14:00", BERLIN, "2026-03-01T13:00"),
        ("2026-03-01T13:30", "14:00", BERLIN, "2026-03-02T13:00"),
        ("2026-07-01T23:30", "01:45", BERLIN, "2026-07-01T23:45"),
        ("2026-03-01T12:00", "14:00", "America/New_York", "2026-03-01T19:00"),
        ("2026-03-01T12:00", "14:00", "Nowhere/Else", "2026-03-01T14:00"),
        ("2026-03-28T22:00", "12:00", BERLIN, "2026-03-29T10:00"),
        ("2026-10-25T00:10", "02:30", BERLIN, "2026-10-25T00:30"),
        ("2026-10-25T00:40", "02:30", BERLIN, "2026-10-25T01:30"),
        ("2026-10-25T01:40", "02:30", BERLIN, "2026-10-26T01:30"),
    ],
)
def test_a_time_of_day_is_one_of_the_persons_own_zone(now, until, zone, end) -> None:
    """Over midnight, over both changes of the clock, and in UTC where the zone is not known here. All in UTC."""

    def at(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    if at(end) - at(now) > 86_400:
        with pytest.raises(Invalid):
            end_of(at(now), "", until, zone)
        return
    assert end_of(at(now), "", until, zone) == at(end)


def test_the_hint_names_the_zone() -> None:
    with pytest.raises(Invalid) as caught:
        end_of(NOON, "", "noon", BERLIN)
    assert caught.value.hint == "For example 14:00 (CET)"


def test_a_second_more_than_a_day_is_too_long() -> None:
    with pytest.raises(Invalid) as caught:
        end_of(NOON, "24h1s", "")
    assert caught.value.rule == "word-too-long"


def test_the_record_in_words(house) -> None:
    for what in ("B", "none", "maintenance", "withdraw"):
        house.do(give(house.ground, person("alice"), Give(what, "as I see", "1h")))
    said = [event_words(e) for e in house.book.events()]
    assert said[0].startswith("It is class B, until ") and said[0].endswith(": as I see")
    assert said[1].startswith("It is no outage, until ") and said[2].startswith("We are in maintenance, until ")
    assert said[3] == "Takes it back: as I see" and event_title("word") == "A person says what it is"
