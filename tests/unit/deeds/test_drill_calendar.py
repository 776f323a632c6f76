"""The calendar in the drill book: scheduled, reminded of, missed, planned again; nothing is lost by a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from unit.deeds.house import CONFIG, House, person
from unit.deeds.test_exercise import WANTED, house_with_a_book

from bcp.deeds.drill_calendar import Wish, again, begun, due, miss, note_reminded, planned, schedule, set_right
from bcp.deeds.exercise import cancel, make
from bcp.deeds.exercises import exercise_of
from bcp.drills.calendar import next_turn, read_slot, window_of
from bcp.kernel.errors import Refused
from bcp.pages.words import words
from bcp.settings import load
from bcp.testing.clock import FakeClock
from bcp.wiring import make_app

ALICE = person("alice")
TIME = 1_800_000_000.0  # 2027-01-15 08:00 UTC
DAY = 86_400.0


@pytest.fixture
def at(house: House) -> tuple[House, FakeClock]:
    clock = FakeClock(TIME)
    (house.folder / "bcp.yaml").write_text(CONFIG.replace("{name: Corp}", "{name: Corp, timezone: Europe/Berlin}"))
    house_with_a_book(house)
    house.app = make_app(load(house.folder / "bcp.yaml"), clock)
    return house, clock


def restarted(house: House, clock: FakeClock) -> None:
    """The process ended, and another one begins."""
    house.app.running.drills.close()
    house.app = make_app(load(house.folder / "bcp.yaml"), clock)


def made(house: House, wish: Wish) -> str:
    drill = make(house.ground, ALICE, WANTED)
    schedule(house.ground, ALICE, drill, wish)
    return drill


def acts(house: House, **facts) -> list[tuple[str, str]]:
    given = {"playing": False, "trouble": ""} | facts
    return [(d.planned.drill, d.act.what) for d in due(house.app, **given)]


def test_times_are_those_of_the_organisation(at) -> None:
    house, _ = at
    drill = made(house, Wish("2027-01-20 10:00"))
    found = planned(house.app)[0]
    assert (found.drill, found.slot.zone) == (drill, "Europe/Berlin")
    record = exercise_of(house.app, drill).record
    assert (record.planned_start, record.planned_end) == window_of(found.slot)
    assert record.planned_start == TIME + 5 * DAY + 3600


def test_reminded_begun_once_and_planned_again_over_restarts(at) -> None:
    house, clock = at
    drill = made(house, Wish("2027-01-20 10:00", every="month", surprise=True))
    opens, closes = window_of(planned(house.app)[0].slot)
    one = due(house.app, playing=False, trouble="")[0]
    assert one.act.what == "remind"
    note_reminded(house.app, one, 2, 0)
    restarted(house, clock)
    assert acts(house) == []
    clock.set(closes - 1)
    assert acts(house) == [(drill, "start")]
    assert acts(house, playing=True) == []
    assert acts(house, trouble="inc-1 is open") == []
    restarted(house, clock)
    house.app.running.drills.append(drill, "began", "bcp", {})
    following = begun(house.app, drill)
    assert begun(house.app, drill) == "", "its next turn is planned once"
    assert [p.drill for p in planned(house.app)] == [following]
    record = exercise_of(house.app, following).record
    assert record.planned_start == opens + 31 * DAY
    assert exercise_of(house.app, drill).record.next_drill.id == following
    assert record.objectives[0].target == exercise_of(house.app, drill).record.objectives[0].target


def test_a_machine_that_was_off_says_what_was_missed_and_starts_nothing_late(at) -> None:
    house, clock = at
    drill = made(house, Wish("2027-01-20 10:00", every="week"))
    clock.set(TIME + 40 * DAY)
    restarted(house, clock)
    one = due(house.app, playing=False, trouble="")[0]
    assert one.act.what == "miss"
    following = miss(house.app, one)
    record = exercise_of(house.app, drill).record
    assert (record.state, record.outcome) == ("missed", "not-begun")
    opens = record.planned_start
    missed = int((TIME + 40 * DAY - opens) // (7 * DAY))
    assert missed > 3 and record.reason.endswith(f" to begin it; {missed} more of its series went by unplanned")
    assert words("de").told(record.reason, "reason.").endswith(f"; {missed} weitere der Reihe verstrichen ungeplant")
    again_at = exercise_of(house.app, following).record.planned_start
    assert TIME + 40 * DAY < again_at <= TIME + 47 * DAY
    assert acts(house) in ([], [(following, "remind")])


def test_a_clock_that_was_years_ahead_costs_a_series_no_turn(at) -> None:
    """Twice it was missed then, and the far turn waits: with the right clock it is the turn of this week again. What a
    person plans by hand stays, and a series that is well is left alone."""
    house, clock = at
    drill = made(house, Wish("2027-01-20 10:00", every="week"))
    opens = window_of(planned(house.app)[0].slot)[0]
    assert set_right(house.app) == []
    for years in (5, 9):
        clock.set(TIME + years * 365 * DAY)
        following = miss(house.app, due(house.app, playing=False, trouble="")[0])
    clock.set(TIME)
    restarted(house, clock)
    assert set_right(house.app) == [following] and set_right(house.app) == []
    assert window_of(planned(house.app)[0].slot)[0] == opens == exercise_of(house.app, following).record.planned_start
    clock.set(opens)
    assert acts(house) == [(following, "start")] and exercise_of(house.app, drill).record.state == "missed"
    house.app.running.drills.append(following, "began", "bcp", {})
    after = begun(house.app, following)
    assert window_of(planned(house.app)[0].slot)[0] == opens + 7 * DAY
    clock.set(opens - 2 * DAY)  # a few days back, as after a wrong clock: the turn that is planned is the right one
    assert planned(house.app)[0].drill == after and set_right(house.app) == []


def test_beyond_all_times_there_is_no_next_turn() -> None:
    slot = read_slot("2027-01-20 10:00", "UTC", 3600.0, "week", surprise=False, seed="")
    end = datetime(9999, 12, 25, tzinfo=UTC).timestamp()
    assert next_turn(slot, end + 6 * DAY) is None and next_turn(slot, end - 30 * DAY) is not None


def test_one_that_does_not_recur_has_no_next(at) -> None:
    house, clock = at
    drill = made(house, Wish("2027-01-20 10:00"))
    assert again(house.app, drill, planned(house.app)[0].slot) == ""


@pytest.mark.parametrize(("wall", "rule"), [("2027-01-14 10:00", "in-the-past"), ("2026-01-14 10:00", "in-the-past")])
def test_what_is_over_cannot_be_planned(at, wall: str, rule: str) -> None:
    house, _ = at
    drill = make(house.ground, ALICE, WANTED)
    with pytest.raises(Refused) as told:
        schedule(house.ground, ALICE, drill, Wish(wall))
    assert told.value.rule == rule


def test_another_time_is_another_time_and_reminders_come_again(at) -> None:
    house, _ = at
    drill = made(house, Wish("2027-01-20 10:00"))
    note_reminded(house.app, due(house.app, playing=False, trouble="")[0], 1, 0)
    assert acts(house) == []
    schedule(house.ground, ALICE, drill, Wish("2027-01-21 10:00"))
    assert acts(house) == [(drill, "remind")]
    assert len(planned(house.app)) == 1


def test_what_was_called_off_or_has_begun_is_not_in_the_calendar(at) -> None:
    house, _ = at
    one, two = made(house, Wish("2027-01-20 10:00")), made(house, Wish("2027-01-21 10:00"))
    cancel(house.ground, ALICE, one, "no time")
    house.app.running.drills.append(two, "began", "bcp", {})
    assert planned(house.app) == []
    with pytest.raises(Refused) as told:
        schedule(house.ground, ALICE, two, Wish("2027-02-21 10:00"))
    assert told.value.rule == "drill-over"


def test_who_may_not_run_may_not_plan(at) -> None:
    house, _ = at
    drill = make(house.ground, ALICE, replace(WANTED, title="x"))
    with pytest.raises(Refused) as told:
        schedule(house.ground, person("eve", can=frozenset()), drill, Wish("2027-01-20 10:00"))
    assert told.value.rule == "not-allowed"
