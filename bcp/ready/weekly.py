"""When the weekly message about readiness is due, in the organisation's time zone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LATE_S = 26 * 3600.0
"""A machine that was off sends it so long afterwards, and not later: it would be news of last week."""


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is to be sent."""

    key: str
    """What it is claimed by, so that it goes out once: the day, as the organisation counts days."""
    at: float
    """When it was due, in epoch seconds."""


def due(now: float, day: str, hour: str, zone: str) -> Due | None:
    """The message that is due now or was not long ago; ``None``: none is.

    An hour that a change to summer time leaves out is the one after it; of an hour that comes twice the first counts
    (PEP 495, fold 0).
    """
    where = _zone(zone)
    local = datetime.fromtimestamp(now, where)
    clock = datetime.strptime(hour, "%H:%M").time()
    back = (local.weekday() - DAYS.index(day)) % 7
    for days in (back, back + 7):
        at = datetime.combine(local.date() - timedelta(days=days), clock, where).timestamp()
        if at <= now:
            key = f"readiness-weekly/{(local.date() - timedelta(days=days)).isoformat()}"
            return Due(key, at) if now - at <= LATE_S else None
    return None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
