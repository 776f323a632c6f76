"""What people type holds nothing that a terminal obeys or that nobody sees, wherever it is shown later; what is
planned stands before what was, the next first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.deeds.house import BOOK, House, person

from bcp.contracts.exercise import DrillRecord, Scenario
from bcp.deeds.exercise import FindingOf, New, NoteOf, attend, finding, make, note
from bcp.deeds.exercises import _order
from bcp.deeds.incident import Close, Declare, close, declare
from bcp.deeds.told import told
from bcp.drills.fold import Exercise
from bcp.drills.play import Play
from bcp.kernel.errors import Invalid

ALICE = person("alice")
BAD = ["a\x1b[31mb", "a\x1b]0;title\x07b", "a\rb", "a\x00b", "a\u202eb", "a\x85b", "a\u2028b"]


@pytest.mark.parametrize("text", [*BAD, "a\nb", "a\tb"])
def test_a_title_with_a_hidden_character_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        told(text)
    assert caught.value.rule == "text-hidden"
    assert caught.value.message.startswith("character 2 of 'a'... is ")
    assert caught.value.message.isprintable()


def test_what_is_well_stays_as_it_was() -> None:
    assert told(" Übung für Zürich 👩\u200d🚒 ") == "Übung für Zürich 👩\u200d🚒"
    assert told("one\r\n\ttwo", lines=True) == "one\n\ttwo"
    assert told("", empty=True) == ""
    for text, rule in (("", "no-text"), ("x" * 4001, "text-too-long")):
        with pytest.raises(Invalid) as caught:
            told(text)
        assert caught.value.rule == rule
    for text in BAD:
        with pytest.raises(Invalid):
            told(text, lines=True)


def test_every_door_of_a_record_refuses_it(house: House) -> None:
    (house.folder / "playbooks").mkdir(exist_ok=True)
    (house.folder / "playbooks" / "out.yaml").write_text(BOOK)
    wanted, bad = New("dry", Scenario("", "no story"), Play("out"), "Drill", people=("alice=lead",)), "x\x1b[2Jy"
    ground = house.ground
    for new in (replace(wanted, title=bad), replace(wanted, people=(f"{bad}=observer",))):
        with pytest.raises(Invalid, match="which nobody sees"):
            make(ground, ALICE, new)
    drill = make(ground, ALICE, wanted)
    for write in (
        lambda: note(ground, ALICE, drill, NoteOf(bad)),
        lambda: attend(ground, ALICE, drill, bad),
        lambda: finding(ground, ALICE, drill, FindingOf(title=bad)),
        lambda: house.do(declare(ground, ALICE, Declare(bad))),
        lambda: house.do(close(ground, ALICE, Close("inc-1", bad))),
    ):
        with pytest.raises(Invalid) as caught:
            write()
        assert caught.value.rule == "text-hidden"
    opened, _ = house.book.open("exchange", "an alert\x1b[2J says\r\nthis", "watch", "watch")
    assert opened.title == "an alert [2J says this"


def test_the_next_one_comes_first_and_then_the_newest() -> None:
    def of(name: str, **more: float) -> Exercise:
        return Exercise(DrillRecord(name, "dry", created=1.0, **more))

    found = [
        of("far", planned_start=9e9), of("old", started=10.0), of("next", planned_start=200.0),
        of("newest", started=90.0, planned_start=500.0), of("missed", planned_start=50.0), of("made"),
    ]  # fmt: skip
    assert [e.record.id for e in sorted(found, key=lambda e: _order(e, 100.0))] == [
        "next", "far", "newest", "missed", "old", "made",
    ]  # fmt: skip
