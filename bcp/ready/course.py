"""Which way readiness goes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bcp.contracts.readiness import Point

Way = Literal["better", "worse", "same", "new"]


@dataclass(frozen=True, slots=True)
class Trend:
    """Which way a number went over a time."""

    way: Way
    before: int = 0
    now: int = 0


def trend(course: Sequence[Point], now: float, over_s: float) -> Trend:
    """From what held at the beginning of this time to the newest point. ``new``: nothing is known of the beginning."""
    if not course:
        return Trend("new")
    newest = course[-1]
    then = [p for p in course if p.at <= now - over_s]
    if not then:
        return Trend("new", newest.number, newest.number)
    old = then[-1].number
    way: Way = "same" if old == newest.number else ("better" if newest.number > old else "worse")
    return Trend(way, old, newest.number)
