"""Once a week, at an hour of the organisation, whatever its summer time and however long the machine was off."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bcp.ready.weekly import LATE_S, due

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("now", "key"),
    [
        ("2026-11-23T08:00", "readiness-weekly/2026-11-23"),
        ("2026-11-23T07:59", ""),
        ("2026-11-24T10:00", "readiness-weekly/2026-11-23"),
        ("2026-11-24T10:01", ""),
        ("2026-11-28T12:00", ""),
    ],
    ids=["on the minute", "before", "a day late", "too late", "in between"],
)
def test_monday_at_eight(now: str, key: str) -> None:
    found = due(at(now), "mon", "08:00", BERLIN)
    assert (found.key if found else "") == key


def test_a_week_has_one_key_and_the_next_another() -> None:
    keys = {due(at(f"2026-11-{d}T0{h}:30"), "mon", "08:00", BERLIN) for d in (16, 23) for h in (8, 9)}
    assert len({k.key for k in keys if k}) == 2 and None not in keys


def test_an_hour_that_summer_time_leaves_out_is_the_one_after_it() -> None:
    """On 2026-03-29 there is no 02:30 in Berlin: it is 03:30 CEST."""
    assert due(at("2026-03-29T01:59"), "sun", "02:30", BERLIN) is None
    found = due(at("2026-03-29T03:30"), "sun", "02:30", BERLIN)
    assert found is not None and found.at == at("2026-03-29T03:30")


def test_of_an_hour_that_comes_twice_the_first_counts() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo(BERLIN), fold=0).timestamp()
    again = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo(BERLIN), fold=1).timestamp()
    assert again - first == 3600
    found = due(first, "sun", "02:30", BERLIN)
    assert found is not None and found.at == first == due(again, "sun", "02:30", BERLIN).at


def test_a_zone_that_is_not_known_is_utc_and_what_is_late_is_over() -> None:
    found = due(at("2026-11-23T08:00", "UTC"), "mon", "08:00", "No/Where")
    assert found is not None
    assert due(found.at + LATE_S, "mon", "08:00", "UTC") is not None
    assert due(found.at + LATE_S + 1, "mon", "08:00", "UTC") is None
