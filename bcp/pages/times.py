"""Times in the organisation's zone, and numbers and names in sentences. No templates: also for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bcp.kernel.text import plural

__all__ = ["Times", "date_of", "known_zone", "listed", "plural", "seconds_of", "zone_of"]


def zone_of(name: str) -> tzinfo:
    """The time zone of this name (IANA); UTC for one that is empty or not known here."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def date_of(at: float, zone: str) -> str:
    """The date there at this moment, ``2026-12-31``; empty for one that no calendar has."""
    try:
        return datetime.fromtimestamp(at, zone_of(zone)).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return ""


def known_zone(name: str) -> str:
    """The name itself, for settings. Raises ``ValueError`` when this machine knows no such zone."""
    if name and name != "UTC" and zone_of(name) is UTC:
        raise ValueError(f"there is no time zone {name!r}")
    return name


def seconds_of(at: float | str) -> float | None:
    """Epoch seconds of a time that is given as such, or as ISO 8601; ``None`` when it is neither."""
    if not isinstance(at, str):
        return float(at)
    try:
        return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


class Times:
    """Filters for times in one zone. Each gives an empty text for no time."""

    def __init__(self, zone: str, language: str = "en") -> None:
        self.zone, self.language = zone_of(zone), language

    def _local(self, at: float | str) -> datetime | None:
        seconds = seconds_of(at) if at else None
        return datetime.fromtimestamp(seconds, self.zone) if seconds is not None else None

    def when(self, at: float | str) -> str:
        """``22 Jan 17:45:03``, or the text itself when it is no time."""
        local = self._local(at)
        if local is None:
            return str(at or "")
        return local.strftime("%d %b %H:%M:%S") if self.language == "en" else self._said("when", local)

    def stamp(self, at: float | str) -> str:
        """``22 Jan 2026 17:45:03``, or the text itself when it is no time: for what is kept for years."""
        local = self._local(at)
        if local is None:
            return str(at or "")
        return local.strftime("%d %b %Y %H:%M:%S") if self.language == "en" else self._said("stamp", local)

    def exact(self, at: float | str) -> str:
        """``2026-01-22 17:45:03 CET``: for lists that are sorted, in every language alike."""
        local = self._local(at)
        return f"{local:%Y-%m-%d %H:%M:%S %Z}" if local else ""

    def second(self, at: float | str) -> str:
        """``17:45:03``."""
        local = self._local(at)
        return local.strftime("%H:%M:%S") if local else ""

    def minute(self, at: float | str) -> str:
        """``17:45 CET``: for sentences."""
        local = self._local(at)
        return local.strftime("%H:%M %Z") if local else ""

    def clock(self, at: float | str) -> str:
        """``17:45``: for large numbers, whose zone stands beside them."""
        local = self._local(at)
        return local.strftime("%H:%M") if local else ""

    def day(self, at: float | str) -> str:
        """``Thursday 22 January 2026``."""
        local = self._local(at)
        if local is None:
            return ""
        return f"{local:%A} {local.day} {local:%B %Y}" if self.language == "en" else self._said("day", local)

    def _said(self, form: str, local: datetime) -> str:
        """As another language writes it."""
        from bcp.pages.words import words

        w = words(self.language)
        return w(
            f"time.{form}", day=local.day, year=local.year, clock=f"{local:%H:%M:%S}", month=w(f"month.{local.month}"),
            short=w(f"month-short.{local.month}"), weekday=w(f"weekday.{local.weekday()}"),
        )  # fmt: skip

    def name(self, at: float | str) -> str:
        """``CET``, or ``UTC``: what the zone is called at that time."""
        local = self._local(at)
        return local.strftime("%Z") if local else ""


def listed(names: Iterable[str]) -> str:
    """``a, b and c``."""
    first = list(names)
    last = first.pop() if first else ""
    return f"{', '.join(first)} and {last}" if first else last
