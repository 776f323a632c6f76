"""Dates without a year and without a zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bcp.kit.log_dates import Dating

BERLIN = ZoneInfo("Europe/Berlin")


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "stamp", "wanted"),
    [
        (at(2026, 11, 28, 12), "Nov 27 10:00:01", at(2026, 11, 27, 10, 0, 1)),
        (at(2027, 1, 1, 0, 5), "Dec 31 23:59:59", at(2026, 12, 31, 23, 59, 59)),
        (at(2027, 1, 1, 0, 5), "Jan  1 00:00:01", at(2027, 1, 1, 0, 0, 1)),
        (at(2026, 12, 31, 23, 30), "Jan  1 00:30:00", at(2027, 1, 1, 0, 30)),  # its clock is an hour ahead of ours
        (at(2026, 11, 28, 12), "Nov 30 12:00:00", at(2025, 11, 30, 12)),  # two days ahead: last year
        (at(2026, 11, 28, 12), "Feb 29 12:00:00", at(2024, 2, 29, 12)),
        (at(2026, 11, 28, 12), "Nov 27 10:00:60", at(2026, 11, 27, 10, 1)),  # a leap second
    ],
)
def test_the_year_is_the_last_one_in_which_it_is_not_to_come(now, stamp, wanted) -> None:
    assert Dating(UTC, now).classic(stamp) == wanted


def test_a_year_that_is_given_is_that_year() -> None:
    assert Dating(UTC, at(2026, 11, 28)).classic("Nov 30 12:00:00", 2030) == at(2030, 11, 30, 12)
    assert Dating(UTC, at(2026, 11, 28)).classic("Feb 29 12:00:00", 2025) is None


def test_the_hour_that_comes_twice_is_told_apart_by_order() -> None:
    """25 October 2026, 03:00 in Berlin: clocks go back to 02:00."""
    dating = Dating(BERLIN, at(2026, 10, 25, 12))
    stamps = ["01:59:59", "02:00:00", "02:00:30", "02:59:59", "02:00:01", "02:00:31", "02:59:58", "03:00:00"]
    found = [dating.classic(f"Oct 25 {s}") for s in stamps]
    first = at(2026, 10, 24, 23, 59, 59)
    assert found == [first + n for n in (0, 1, 31, 3600, 3602, 3632, 7199, 7201)]


def test_the_hour_that_is_left_out_goes_on() -> None:
    dating = Dating(BERLIN, at(2026, 3, 29, 12))
    assert dating.classic("Mar 29 01:59:59") == at(2026, 3, 29, 0, 59, 59)
    assert dating.classic("Mar 29 03:00:00") == at(2026, 3, 29, 1, 0, 0)


def test_a_clock_that_is_set_back_by_minutes_is_believed() -> None:
    dating = Dating(UTC, at(2026, 11, 28))
    dating.classic("Nov 27 10:10:00")
    assert dating.classic("Nov 27 10:00:00") == at(2026, 11, 27, 10)


def test_the_last_line_before_a_restart_is_remembered() -> None:
    """So that the second 02:00 is the second one also for who began with it."""
    last = at(2026, 10, 25, 0, 59, 59)
    assert Dating(BERLIN, at(2026, 10, 25, 12), last).classic("Oct 25 02:00:01") == at(2026, 10, 25, 1, 0, 1)
    assert Dating(BERLIN, at(2026, 10, 25, 12)).classic("Oct 25 02:00:01") == at(2026, 10, 25, 0, 0, 1)


@pytest.mark.parametrize("text", ["2026-13-01T00:00:00Z", "yesterday", ""])
def test_what_is_no_time_is_none(text: str) -> None:
    assert Dating(UTC, 0.0).iso(text) is None


@pytest.mark.parametrize("text", ["Nov xx 10:00:01", "Nov 27 1x:00:01", "Nov 27 10:00:zz"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert Dating(UTC, at(2026, 11, 28)).classic(text) is None
