"""Windows in local time, recurrence over summer time, surprise inside the window, never beside anything real."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcp.drills.calendar import (
    Act,
    Facts,
    Slot,
    begins_at,
    judge,
    next_turn,
    read_slot,
    said_by,
    slot_of,
    wall_of,
    window_of,
)
from bcp.kernel.errors import Invalid

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
walls = st.datetimes(datetime(2024, 1, 1), datetime(2035, 1, 1)).map(lambda d: d.strftime("%Y-%m-%dT%H:%M:00"))
slots = st.builds(
    Slot, walls, st.sampled_from(ZONES), st.floats(60, 86_400), st.sampled_from(["", "week", "month", "year"]),
    st.booleans(), st.text(max_size=8),
)  # fmt: skip


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@given(slots, st.floats(-90_000, 180_000), st.booleans(), st.sampled_from(["", "inc-1 is open"]))
@settings(max_examples=300, deadline=None)
def test_it_never_begins_outside_of_its_window_or_beside_anything(slot, offset, playing, trouble) -> None:
    opens, closes = window_of(slot)
    act = judge(slot, Facts(opens + offset, playing=playing, trouble=trouble))
    if act.what == "start":
        assert opens <= opens + offset < closes
        assert not playing
        assert not trouble
        assert opens + offset >= begins_at(slot)
    if act.what == "miss":
        assert opens + offset >= closes
    if act.what == "remind":
        assert offset < 0


@given(slots)
@settings(max_examples=200, deadline=None)
def test_surprise_is_inside_the_window_and_the_same_after_a_restart(slot) -> None:
    opens, closes = window_of(slot)
    moment = begins_at(slot)
    assert opens <= moment < closes or moment == opens
    assert begins_at(slot_of(slot.to_data())) == moment
    if not slot.surprise:
        assert moment == opens


@given(slots, st.floats(0, 400 * 86_400))
@settings(max_examples=200, deadline=None)
def test_the_next_turn_is_later_and_at_the_same_time_on_the_wall(slot, later) -> None:
    opens, _ = window_of(slot)
    found = next_turn(slot, opens + later)
    if not slot.every:
        assert found is None
        return
    assert found is not None
    assert window_of(found)[0] > opens + later
    assert wall_of(found).time() == wall_of(slot).time()
    before = Slot(**{**found.to_data(), "remind": found.remind, "turn": found.turn - 1})
    assert window_of(before)[0] <= opens + later or before.turn == slot.turn, "no turn is left out"


@given(slots, st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_in_its_window_it_begins_at_some_time_and_only_then(slot, share) -> None:
    opens, closes = window_of(slot)
    now = opens + share * (closes - opens) * 0.999999
    assert (judge(slot, Facts(now)).what == "start") is (now >= begins_at(slot))


@pytest.mark.parametrize(
    ("wall", "zone", "instant"),
    [
        ("2027-01-14T10:00:00", "Europe/Berlin", "2027-01-14T09:00"),
        ("2027-07-14T10:00:00", "Europe/Berlin", "2027-07-14T08:00"),
        ("2027-03-28T02:30:00", "Europe/Berlin", "2027-03-28T01:30"),  # there is no such time: 03:30 on the wall
        ("2027-10-31T02:30:00", "Europe/Berlin", "2027-10-31T00:30"),  # it comes twice: the first
        ("2027-01-14T10:00:00", "Asia/Kathmandu", "2027-01-14T04:15"),
    ],
)
def test_a_time_on_the_wall_is_one_instant(wall: str, zone: str, instant: str) -> None:
    assert window_of(Slot(wall, zone))[0] == at(instant)


def test_a_weekly_drill_stays_at_ten_over_the_change_of_clocks() -> None:
    slot = Slot("2027-03-22T10:00:00", "Europe/Berlin", every="week")
    second = next_turn(slot, window_of(slot)[0])
    assert second is not None
    assert window_of(second)[0] - window_of(slot)[0] == 7 * 86_400 - 3600
    assert datetime.fromtimestamp(window_of(second)[0], ZoneInfo("Europe/Berlin")).hour == 10


def test_the_last_of_the_month_comes_back_after_a_short_one() -> None:
    slot = Slot("2027-01-31T10:00:00", every="month")
    days = [wall_of(Slot("2027-01-31T10:00:00", every="month", turn=n)).day for n in range(5)]
    assert days == [31, 28, 31, 30, 31]
    assert wall_of(Slot("2027-11-30T10:00:00", every="quarter", turn=1)).isoformat() == "2028-02-29T10:00:00"
    assert next_turn(slot, at("2028-02-01T00:00")) == Slot("2027-01-31T10:00:00", every="month", turn=13)


def test_a_machine_that_was_off_for_a_year_starts_nothing_late() -> None:
    slot = Slot("2027-01-14T10:00:00", every="week")
    now = at("2028-01-20T10:00")
    assert judge(slot, Facts(now)).what == "miss"
    found = next_turn(slot, now)
    assert found is not None
    assert now < window_of(found)[0] <= now + 7 * 86_400


def test_what_waits_for_an_incident_begins_when_it_is_over_or_is_missed() -> None:
    slot = Slot("2027-01-14T10:00:00", window_s=3600)
    opens, closes = window_of(slot)
    waiting = judge(slot, Facts(opens + 10, trouble="inc-1 is open"))
    assert (waiting.what, "inc-1" in waiting.why) == ("wait", True)
    assert judge(slot, Facts(opens + 1800)).what == "start"
    assert judge(slot, Facts(closes, trouble="inc-1 is open")).what == "miss"
    assert judge(slot, Facts(opens + 10, playing=True)).what == "wait"


def test_nobody_is_reminded_of_an_exercise_during_a_real_outage() -> None:
    slot = Slot("2027-01-14T10:00:00")
    opens, _ = window_of(slot)
    waiting = judge(slot, Facts(opens - 600, trouble="inc-1 is open"))
    assert (waiting.what, waiting.why) == ("wait", "no reminder now: inc-1 is open")
    assert judge(slot, Facts(opens - 500)) == Act("remind", remind_s=900.0), "it is over before the window opens"


late = st.builds("{}T{}:30:00".format, walls.map(lambda w: w[:10]), st.integers(20, 23))


@given(late, st.sampled_from(ZONES), st.floats(4 * 3600, 8 * 3600), st.text(max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_surprise_over_midnight_begins_once_on_either_day(wall: str, zone: str, window_s: float, seed: str) -> None:
    slot = Slot(wall, zone, window_s, "week", surprise=True, seed=seed)
    opens, closes = window_of(slot)
    begins = begins_at(slot)
    assert opens <= begins < closes
    assert judge(slot, Facts(begins - 0.01, slot.remind)).what == "wait"
    assert judge(slot, Facts(begins + 0.01, slot.remind)).what == ("start" if begins + 0.01 < closes else "miss")
    following = next_turn(slot, begins)
    assert following is not None and following.turn == 1 and window_of(following)[0] > closes


def test_one_reminder_stands_for_those_that_nobody_was_there_to_send() -> None:
    slot = Slot("2027-01-14T10:00:00")
    opens, _ = window_of(slot)
    assert judge(slot, Facts(opens - 8 * 86_400)) == Act("wait")
    assert judge(slot, Facts(opens - 7 * 86_400)) == Act("remind", remind_s=7 * 86_400.0)
    assert judge(slot, Facts(opens - 6 * 86_400, {7 * 86_400.0})) == Act("wait")
    late = judge(slot, Facts(opens - 600))
    assert late == Act("remind", remind_s=900.0)
    assert said_by(slot, late.remind_s) == [7 * 86_400.0, 86_400.0, 900.0]
    assert judge(slot, Facts(opens - 600, set(said_by(slot, 900.0)))).what == "wait"


@pytest.mark.parametrize(
    ("given_", "rule"),
    [
        (("soon", "UTC", 3600, ""), "no-time"),
        (("2027-01-14T10:00+01:00", "UTC", 3600, ""), "no-time"),
        (("2027-01-14 10:00", "Mars/Olympus", 3600, ""), "no-zone"),
        (("2027-01-14 10:00", "../etc/passwd", 3600, ""), "no-zone"),
        (("0001-01-01 00:00", "Europe/Berlin", 3600, ""), "no-time"),
        (("9999-12-31 23:59", "America/New_York", 3600, ""), "no-time"),
        (("9999-12-31 23:30", "Europe/Berlin", 3600, "year"), "no-time"),
        (("2027-01-14 10:00", "UTC", 3600, "day"), "no-recurrence"),
        (("2027-01-14 10:00", "UTC", 3600, "x"), "no-recurrence"),
        (("2027-01-14 10:00", "UTC", 5, ""), "no-window"),
        (("2027-01-14 10:00", "UTC", 1e9, ""), "no-window"),
    ],
)
def test_what_is_no_slot_is_refused(given_, rule: str) -> None:
    with pytest.raises(Invalid) as told:
        read_slot(*given_, surprise=False, seed="")
    assert told.value.rule == rule


def test_a_slot_as_a_person_writes_it() -> None:
    found = read_slot("2027-01-14 10:00", "Europe/Berlin", 7200, "quarter", surprise=True, seed="x")
    assert found == Slot("2027-01-14T10:00:00", "Europe/Berlin", 7200, "quarter", True, "x")
    assert slot_of(found.to_data()) == found
