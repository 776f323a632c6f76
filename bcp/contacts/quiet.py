"""Quiet hours: when a person is not to be disturbed, in their own time zone. Pure but for the zone tables."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

_HOURS = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$")


def parse_quiet(text: str) -> tuple[int, int] | None:
    """Minutes of the day from and to; ``None`` for no quiet hours.

    Raises:
        ValueError: it is not ``HH:MM-HH:MM``.
    """
    if not text:
        return None
    found = _HOURS.match(text)
    if found is None:
        raise ValueError(f"{text!r} are no quiet hours, write 22:00-07:00")
    a, b, c, d = (int(g) for g in found.groups())
    return a * 60 + b, c * 60 + d


def zone_of(name: str) -> tzinfo:
    """The time zone; UTC for none. Raises ``ValueError``."""
    if not name or name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


def is_quiet(at: float, hours: str, timezone: str) -> bool:
    """Is it quiet now? Hours that do not parse protect nobody and disturb nobody:
    they are checked when they come in."""
    span = parse_quiet(hours)
    if span is None:
        return False
    now = datetime.fromtimestamp(at, zone_of(timezone))
    minute = now.hour * 60 + now.minute
    start, end = span
    return start <= minute < end if start <= end else minute >= start or minute < end
