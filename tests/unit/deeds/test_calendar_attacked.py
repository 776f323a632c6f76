"""The calendar under attack, by a clock that moves when told: summer time both ways, a kill at each write, a clock that
is set back, a machine that was off, two at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from unit.deeds.conftest import house  # noqa: F401
from unit.deeds.house import House, person
from unit.deeds.test_drill_calendar import DAY, TIME, acts, at, made, restarted  # noqa: F401

from bcp.deeds.drill_calendar import Wish, begun, due, mend, miss, note_reminded, planned, schedule, still_due
from bcp.deeds.exercises import exercise_of
from bcp.drills.calendar import Facts, Slot, judge, next_turn, window_of

ZONES = {
    "Europe/Berlin": (2027, "2027-03-28", "2027-10-31", 3600),
    "America/New_York": (2027, "2027-03-14", "2027-11-07", 3600),
    "Australia/Lord_Howe": (2027, "2027-10-03", "2027-04-04", 1800),  # half an hour
    "America/Santiago": (2027, "2027-09-05", "2027-04-04", 3600),  # at midnight
    "Asia/Kathmandu": (2027, "", "", 0),
}
STEP_S = 1800.0


def local(at_: float, zone: str) -> datetime:
    return datetime.fromtimestamp(at_, ZoneInfo(zone))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("wall", ["00:15", "01:45", "02:30", "10:00"])
def test_a_year_of_weekly_drills_begins_each_once_and_at_its_time_on_the_wall(zone: str, wall: str) -> None:
    """A daemon that looks every half-hour of two weeks around each change of clocks, restarted at every look."""
    _, forward, back, gap = ZONES[zone]
    for day in filter(None, (forward, back, "2027-06-06")):
        first = datetime.fromisoformat(f"{day}T{wall}")
        slot: Slot | None = Slot(first.isoformat(), zone, 3600.0, "week")
        now, begins = window_of(slot)[0] - 3 * 3600.0, list[float]()  # type: ignore[arg-type]
        end = now + 14 * DAY + 8 * 3600
        while now < end and slot is not None:
            act = judge(slot, Facts(now, slot.remind))
            assert act.what in {"wait", "start"}
            if act.what == "start":
                begins.append(now)
                slot = next_turn(slot, now)
            now += STEP_S
        assert len(begins) == 3
        for turn, moment in enumerate(begins):
            opens = window_of(Slot(first.isoformat(), zone, 3600.0, "week", turn=turn))[0]
            assert opens <= moment < opens + STEP_S
            said = local(opens, zone)
            assert f"{said:%H:%M}" == wall or (turn == 0 and day == forward and gap), "only a gap moves it"
        weeks = [b - a for a, b in pairwise(begins)]
        assert all(abs(w - 7 * DAY) <= gap + STEP_S for w in weeks)


@pytest.mark.parametrize(("zone", "wall", "instant"), [
    ("America/Santiago", "2027-09-05T00:15:00", "2027-09-05T04:15"),  # there is no such time: 01:15 there
    ("Australia/Lord_Howe", "2027-10-03T02:15:00", "2027-10-02T15:45"),  # 02:45 there
    ("America/New_York", "2027-11-07T01:30:00", "2027-11-07T05:30"),  # it comes twice: the first
    ("Africa/Casablanca", "2027-02-07T02:30:00", "2027-02-07T01:30"),  # clocks go back for Ramadan
])  # fmt: skip
def test_times_that_are_skipped_or_come_twice(zone: str, wall: str, instant: str) -> None:
    found = window_of(Slot(wall, zone))[0]
    assert datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%dT%H:%M") == instant


class Killed(BaseException):
    """The process is not there any more."""


def killed_at(house: House, number: int, deed: Callable[[], object]) -> bool:  # noqa: F811
    """Do it, and be killed instead of the so-manieth write; false: it was through before."""
    book = house.app.running.drills
    real, count = book.append, [0]

    def append(*args, **more):
        count[0] += 1
        if count[0] == number:
            raise Killed
        return real(*args, **more)

    book.append = append  # type: ignore[method-assign]
    try:
        deed()
    except Killed:
        return True
    finally:
        del book.append
    return False


def whole(house: House, drill: str) -> None:  # noqa: F811
    """The series goes on: one next turn, planned once, and the old one knows it."""
    (following,) = [p.drill for p in planned(house.app)]
    names = [n for n in house.app.running.drills.drills() if n != drill]
    assert names == [following]
    assert exercise_of(house.app, drill).record.next_drill.id == following
    assert mend(house.app) == []


@pytest.mark.parametrize("number", range(1, 6))
def test_a_kill_at_any_write_of_a_miss_loses_no_series(at, number: int) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00", every="week"))
    clock.set(TIME + 20 * DAY)
    one = due(house.app, playing=False, trouble="")[0]
    was_killed = killed_at(house, number, lambda: miss(house.app, one))
    assert was_killed is (number < 5), "four writes: made, scheduled, next, missed"
    restarted(house, clock)
    for again in due(house.app, playing=False, trouble=""):
        if again.act.what == "miss":
            miss(house.app, again)
    mend(house.app)
    assert exercise_of(house.app, drill).record.state == "missed"
    whole(house, drill)


@pytest.mark.parametrize("number", range(1, 5))
def test_a_kill_at_any_write_of_a_beginning_loses_no_series(at, number: int) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00", every="month", surprise=True))
    clock.set(window_of(planned(house.app)[0].slot)[1] - 1)
    house.app.running.drills.append(drill, "began", "bcp", {})
    assert killed_at(house, number, lambda: begun(house.app, drill)) is (number < 4)
    restarted(house, clock)
    mend(house.app)
    whole(house, drill)


def test_what_was_called_off_is_not_planned_again(at) -> None:  # noqa: F811
    house, _ = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00", every="week"))
    house.app.running.drills.append(drill, "cancelled", "alice", {"reason": "no time"})
    assert mend(house.app) == []
    assert planned(house.app) == []


def test_a_clock_that_is_set_back_begins_nothing_twice_and_reminds_nobody_twice(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00", every="week"))
    opens, _ = window_of(planned(house.app)[0].slot)
    note_reminded(house.app, due(house.app, playing=False, trouble="")[0], 1, 0)
    clock.set(opens + 10)
    house.app.running.drills.append(drill, "began", "bcp", {})
    following = begun(house.app, drill)
    clock.set(opens - DAY)
    restarted(house, clock)
    assert [a for a in acts(house) if a[0] == drill] == []
    assert begun(house.app, drill) == ""
    clock.set(opens + 20)
    assert (drill, "start") not in acts(house)
    assert [p.drill for p in planned(house.app)] == [following]


def test_two_at_the_same_time_and_the_second_says_why_it_was_missed(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    one, two = made(house, Wish("2027-01-20 10:00")), made(house, Wish("2027-01-20 10:00"))
    opens, closes = window_of(planned(house.app)[0].slot)
    clock.set(opens + 5)
    assert sorted(acts(house)) == sorted([(one, "start"), (two, "start")])
    assert acts(house, playing=True) == []
    house.app.running.drills.append(one, "began", "bcp", {})
    clock.set(closes)
    (late,) = due(house.app, playing=True, trouble="")
    miss(house.app, late)
    assert exercise_of(house.app, two).record.reason == "its window went by: another drill is being played"


@pytest.mark.parametrize(("meanwhile", "facts", "same"), [
    ("nothing", {}, True),
    ("moved", {}, False),
    ("called off", {}, False),
    ("begun", {}, False),
    ("nothing", {"trouble": "the incident inc-1 is open"}, False),
    ("nothing", {"playing": True}, False),
    ("the window went by", {}, False),
])  # fmt: skip
def test_what_was_due_a_moment_ago_is_judged_again_at_the_deed(at, meanwhile: str, facts, same: bool) -> None:  # noqa: F811
    """Others are told in between, and a channel that hangs takes a minute."""
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00", every="week"))
    opens, closes = window_of(planned(house.app)[0].slot)
    clock.set(opens + 5)
    (one,) = due(house.app, playing=False, trouble="")
    if meanwhile == "moved":
        schedule(house.ground, person("alice"), drill, Wish("2027-01-21 10:00"))
    elif meanwhile == "called off":
        house.app.running.drills.append(drill, "cancelled", "alice", {"reason": "no time"})
    elif meanwhile == "begun":
        house.app.running.drills.append(drill, "began", "alice", {})
    elif meanwhile == "the window went by":
        clock.set(closes)
    assert one.act.what == "start"
    assert still_due(house.app, one, **({"playing": False, "trouble": ""} | facts)) is same


def test_a_reminder_is_not_sent_twice_by_two_looks_at_once(at) -> None:  # noqa: F811
    house, _ = at  # noqa: F811
    made(house, Wish("2027-01-20 10:00"))
    (one,) = due(house.app, playing=False, trouble="")
    assert still_due(house.app, one, playing=True, trouble=""), "telling people disturbs no other exercise"
    note_reminded(house.app, one, 1, 0)
    assert not still_due(house.app, one, playing=False, trouble="")


@pytest.mark.parametrize(("facts", "why"), [
    ({}, "its window went by while nothing was there to begin it"),
    ({"trouble": "the incident inc-1 is open"}, "its window went by: the incident inc-1 is open"),
])  # fmt: skip
def test_what_was_missed_says_why(at, facts: dict[str, str], why: str) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00"))
    clock.set(window_of(planned(house.app)[0].slot)[1])
    (late,) = due(house.app, playing=False, **({"trouble": ""} | facts))
    miss(house.app, late)
    assert exercise_of(house.app, drill).record.reason == why


def test_a_machine_that_was_off_and_is_back_in_time_begins_late(at) -> None:  # noqa: F811
    house, clock = at  # noqa: F811
    drill = made(house, Wish("2027-01-20 10:00", window_s=7200))
    clock.set(window_of(planned(house.app)[0].slot)[1] - 1)
    restarted(house, clock)
    assert acts(house) == [(drill, "start")]
