"""A tabletop: injects at their times, decisions as they are said, on after a stop, however it came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.deeds.house import House, person

from bcp.contracts.exercise_parts import Detection
from bcp.deeds.exercise import New, NoteOf, make, note
from bcp.deeds.exercises import exercise_of, record_of
from bcp.drills.play import Play
from bcp.kernel.errors import Interrupted, Invalid
from bcp.pages.words import words
from bcp.rehearse.conduct import conducting
from bcp.rehearse.scene import MOST, essence, path_of, scenario_of, story_of
from bcp.rehearse.table import Paused, Table
from bcp.replay import find, load
from bcp.reports.figures import figures_of
from bcp.testing.clock import FakeClock

ALICE = person("alice")
STORY = """\
version: 1
name: small
title: Inbound mail fails
sources: [a report]
start: "2026-01-22T10:00:00Z"
length: 2h
vantages: [office]
detect: {interval: 1m, threshold: 3, need: 1}
truth: [{from: 10m, until: 100m, class: B}]
probes: {smtp: {kind: smtp}, relay: {kind: smtp, control: true}}
timeline:
  - {at: 10m, until: 100m, probe: smtp, result: fail, kind: 4xx, evidence: "451 4.3.2"}
expect: [{at: 1h, state: down}]
"""
Say = Callable[[FakeClock], str | None] | str | None | type[BaseException]


@pytest.fixture
def drill(house: House, tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(STORY)
    scene, _ = scenario_of("tabletop", str(path))
    return make(house.ground, ALICE, New("tabletop", scene, Play(), objectives=("rto_receive=30m", "mtpd=4h")))


def sit(house: House, clock: FakeClock, drill: str, lines: list[Say], speed: float = 0.0) -> list[str]:
    """One sitting in which these lines are said; when they are over people stop for now."""
    left, said = list(lines), list[str]()

    async def ask(seconds: float | None) -> str | None:
        if not left:
            raise Paused
        line = left.pop(0)
        if isinstance(line, type):
            raise line(2) if line is Interrupted else line
        if callable(line):
            return line(clock)
        if line is None:
            clock.wall += seconds or 0.0
        return line

    with conducting(house.app, drill, "alice", "a test", said.append) as conductor:
        asyncio.run(Table(conductor, ask, speed).play())
    return said


def after(seconds: float, line: str = "") -> Callable[[FakeClock], str]:
    def say(clock: FakeClock) -> str:
        clock.wall += seconds
        return line

    return say


def test_the_story_is_that_of_the_replay(drill: str, house: House) -> None:
    injects, onset = story_of(path_of(exercise_of(house.app, drill).record.scenario))
    assert onset == 600.0
    assert [i.number for i in injects] == list(range(1, len(injects) + 1))
    assert injects[0].at_s == 0.0
    assert "healthy" in injects[0].text
    assert any("down" in i.text and "451 4.3.2" in i.text for i in injects)
    assert [i.at_s for i in injects] == sorted(i.at_s for i in injects)


def test_stepped_to_its_end(house: House, clock: FakeClock, drill: str) -> None:
    injects, _ = story_of(path_of(exercise_of(house.app, drill).record.scenario))
    first_down = next(i for i in injects if "down" in i.text)
    lines: list[Say] = []
    for inject in injects[1:]:
        lines.append("")
        if inject.number == first_down.number:
            lines += [after(120, "d rto_receive: we move MX"), "n phones are slow", "v we skip the checklist"]
    sit(house, clock, drill, [*lines, "what", "x"])
    found = record_of(house.app, drill)
    assert (found.state, found.outcome) == ("ended", "completed")
    goal = next(o for o in found.objectives if o.code == "rto_receive")
    assert goal.achieved == round(first_down.at_s + 120 - 600, 1)
    assert (goal.judged, goal.how) == ("met" if goal.achieved <= 1800 else "missed", "clock")
    assert next(o for o in found.objectives if o.code == "mtpd").judged == "not-reached"
    assert [d.what for d in found.decisions] == ["we move MX"]
    assert [n.text for n in found.deviations] == ["we skip the checklist"]
    assert sum(m.kind == "inject" for m in found.timeline) == len(injects)


def test_by_the_clock_each_inject_comes_at_its_time(house: House, clock: FakeClock, drill: str) -> None:
    begun = clock.now()
    sit(house, clock, drill, [None] * 4000 + ["x"], speed=60.0)
    found = exercise_of(house.app, drill)
    for inject in found.injects:
        assert 0 <= inject.at - begun - inject.planned_s / 60 <= 1.01


@pytest.mark.parametrize("stop", ["q", Interrupted, KeyboardInterrupt])
def test_a_stop_is_no_end_and_the_story_stands_still_meanwhile(house, clock, drill, stop) -> None:
    with pytest.raises((Paused, Interrupted, KeyboardInterrupt)):
        sit(house, clock, drill, ["", after(30, "d we wait"), stop])
    found = exercise_of(house.app, drill)
    assert (found.record.state, found.record.outcome) == ("running", "")
    told = found.clock[-1].story_s
    clock.wall += 5 * 86_400
    with pytest.raises(Paused):
        sit(house, clock, drill, [after(10, "d rto_receive: we move MX")])
    goal = record_of(house.app, drill).objectives[0]
    assert goal.achieved == round(told + 10 - 600, 1)
    assert [i.number for i in exercise_of(house.app, drill).injects] == [1, 2], "none comes twice"


def test_after_a_kill_the_clock_stood_still_since_the_last_event(house: House, clock: FakeClock, drill: str) -> None:
    with pytest.raises(Paused):
        sit(house, clock, drill, ["", after(30, "d we wait")])
    book = house.app.running.drills
    book.append(drill, "clock", "alice", {"story_s": 1000.0, "speed": 1.0})  # it went on, and was killed
    clock.wall += 7 * 86_400
    with pytest.raises(Paused):
        sit(house, clock, drill, [after(5, "d rto_receive: now")])
    assert record_of(house.app, drill).objectives[0].achieved == 1005.0 - 600.0


def test_ended_before_its_end_it_is_not_completed(house: House, clock: FakeClock, drill: str) -> None:
    sit(house, clock, drill, ["", "x"])
    found = record_of(house.app, drill)
    assert (found.outcome, "after inject 2 of" in found.reason) == ("aborted", True)


@pytest.mark.parametrize("again", [False, True])
def test_what_was_decided_before_the_outage_began_reaches_nothing(
    house: House, clock: FakeClock, drill: str, again: bool
) -> None:
    """The story begins ten minutes before the outage: nobody answers it in minus ten minutes."""
    injects, onset = story_of(path_of(exercise_of(house.app, drill).record.scenario))
    number, at = next((i.number, i.at_s) for i in injects if i.at_s >= onset)
    later: list[Say] = ["d rto_receive: we move MX"] if again else []
    said = sit(house, clock, drill, ["d rto_receive: we move MX", *[""] * (number - 1), *later, "x"])
    assert "  written down: decision; rto_receive is not reached by it" in "\n".join(said)
    goal = next(o for o in record_of(house.app, drill).objectives if o.code == "rto_receive")
    assert goal.achieved == (round(at - onset, 1) if again else None)
    assert goal.judged == ("void" if again else "not-reached")


def test_what_was_decided_before_the_sitting_reaches_nothing(house: House, clock: FakeClock, drill: str) -> None:
    note(house.ground, ALICE, drill, NoteOf("we move MX", reaches="rto_receive"))
    sit(house, clock, drill, ["x"])
    found = exercise_of(house.app, drill)
    assert found.reaches[0]["story_s"] < 0 and found.record.decisions[0].what == "we move MX"
    assert record_of(house.app, drill).objectives[0].judged == "not-reached"


def test_a_colon_in_a_sentence_reaches_nothing(house: House, clock: FakeClock, drill: str) -> None:
    with pytest.raises(Paused):
        sit(house, clock, drill, ["d note: call Bob", "d rto_communicate:staff: all are told"])
    found = exercise_of(house.app, drill)
    assert [d.what for d in found.record.decisions] == ["note: call Bob", "all are told"]
    assert [(r["code"], r["audience"]) for r in found.reaches] == [("rto_communicate", "staff")]


def test_a_decision_that_no_objective_is_about_says_so(house: House, clock: FakeClock, drill: str) -> None:
    said = sit(house, clock, drill, ["d wrt: all is worked off", "x"])
    assert any("; nothing is reached by it: wrt is no objective of it. It has: rto_receive" in text for text in said)


@pytest.mark.parametrize(("line", "told"), [("decide!", "'decide!' is nothing known"), ("d", "'d' needs words")])
def test_what_was_not_written_down_is_said(house: House, clock: FakeClock, drill: str, line: str, told: str) -> None:
    """Whoever forgets the letter must not believe that the sentence stands in the record."""
    assert any(told in text for text in sit(house, clock, drill, [line, "x"]))
    assert exercise_of(house.app, drill).record.decisions == ()


def test_a_story_that_was_changed_is_not_played(house: House, clock: FakeClock, drill: str, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(STORY.replace("10m, until", "20m, until"))
    with pytest.raises(Invalid) as told:
        sit(house, clock, drill, [])
    assert told.value.rule == "scenario-changed"


def test_a_tabletop_needs_a_story() -> None:
    with pytest.raises(Invalid) as told:
        scenario_of("tabletop", "")
    assert told.value.rule == "no-scenario"


@pytest.mark.parametrize(("name", "letter"), [("latency-alone", ""), ("mar-2025-sign-in", "D")])
def test_shipped_outages_are_stories(name: str, letter: str) -> None:
    scene, playbook = scenario_of("tabletop", name)
    assert (scene.source, scene.outage_class, playbook, len(scene.digest)) == ("shipped", letter, "", 64)
    injects, _ = story_of(path_of(scene))
    assert injects


def test_other_kinds_have_their_own_stories() -> None:
    scene, playbook = scenario_of("lab", "550")
    assert (scene.name, scene.outage_class, playbook) == ("550-valid-recipients", "F", "exchange-false-rejects")
    assert scenario_of("dry", "")[0].name == ""
    assert scenario_of("live", "jan-2026-gls")[0].outage_class == "B"


TOLD = (
    STORY
    + """table:
  - {at: 5m, says: "The help desk has a ticket."}
  - {at: 30m, says: "The director calls: how long?"}
"""
)


def at_a_table(house: House, tmp_path: Path, story: str = TOLD) -> str:
    path = tmp_path / "told.yaml"
    path.write_text(story)
    scene, _ = scenario_of("tabletop", str(path))
    return make(house.ground, ALICE, New("tabletop", scene, Play(), objectives=("rto_receive=30m",)))


def test_words_that_were_written_for_a_table_are_told_with_what_the_watch_says_then(house, tmp_path: Path) -> None:
    injects, onset = story_of(path_of(exercise_of(house.app, at_a_table(house, tmp_path)).record.scenario))
    assert [(i.at_s, onset) for i in injects] == [(0.0, 600.0), (300.0, 600.0), (1800.0, 600.0)]
    assert injects[1].text == "[5m] The help desk has a ticket. The watch says healthy."
    assert injects[2].text.startswith("[30m] The director calls: how long? The watch says down, class B. It proposes")


@pytest.mark.parametrize("told", [True, False])
def test_a_record_says_when_the_watch_saw_it_once_people_were_told(house, clock, tmp_path: Path, told: bool) -> None:
    """The dates are those of the story, and *detected after* is by its clock; what nobody was told is not known."""
    drill = at_a_table(house, tmp_path)
    sit(house, clock, drill, ["", "", "x"] if told else ["", "x"])
    found = record_of(house.app, drill).detection
    if not told:
        assert found == Detection()
        return
    start = datetime(2026, 1, 22, 10, tzinfo=UTC).timestamp()
    assert (found.outage_since, found.outage_class, found.exact) == (start + 600, "B", True)
    assert found.outage_since < found.detected <= start + 1800
    figure = next(f for f in figures_of(record_of(house.app, drill), words("en")) if f.code == "detection")
    assert figure.value == found.detected - found.outage_since


def test_the_shipped_tabletop_is_played_in_three_quarters_of_an_hour() -> None:
    """People talk for some minutes about each, and each asks them something."""
    file, _ = load(find("jan-2026-gls"))
    assert 10 <= len(file.table) <= 12
    assert all("?" in row.says for row in file.table)


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("at: 30m, says", "at: 4m, says", "before the one above it"),
        ("at: 30m, says", "at: 3h, says", "when all is over"),
    ],
)
def test_words_for_a_table_that_make_no_sense_are_told_at_their_line(tmp_path: Path, was, becomes, says) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(TOLD.replace(was, becomes))
    with pytest.raises(Invalid) as told:
        load(path)
    assert [(p.line, says in p.message) for p in told.value.problems] == [(TOLD.count("\n"), True)]


def course(*rows: tuple[float, str, str]) -> list[Any]:
    return [
        SimpleNamespace(at=at, decision=SimpleNamespace(state=state, outage_class="B", action=action))
        for at, state, action in rows
    ]


def test_of_many_changes_those_that_last_and_those_that_are_new_are_told() -> None:
    flutter = [(60.0 * i, "suspect" if i % 2 else "down", "ask") for i in range(2, 80)]
    beats = course((0, "healthy", ""), *flutter, (4800, "down", "switch"), (4810, "down", "ask"), (9000, "healthy", ""))
    kept = essence(beats, 12_000)
    assert len(kept) == MOST
    assert {("healthy", ""), ("down", "ask"), ("down", "switch")} <= {
        (b.decision.state, b.decision.action) for b in kept
    }
    assert (kept[0].at, kept[-1].at) == (0, 9000)
    assert essence(beats[:2], 12_000) == beats[:2]
