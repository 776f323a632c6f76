"""Time, as something that is handed in. Only this module asks the machine what time it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of time. Tests hand in one that moves when told (``bcp.testing.clock``)."""

    def now(self) -> float:
        """Seconds since the epoch, UTC. May jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Seconds that never go back. Of no meaning outside this process."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds; less than zero is zero."""
        import asyncio  # 25 ms of import that `status` does not need

        await asyncio.sleep(max(0.0, seconds))


def iso(at: float | None) -> str:
    """``2026-01-22T17:45:00Z`` for a time in epoch seconds; empty for none."""
    if at is None:
        return ""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock_text(at: float) -> str:
    """``17:45:03`` in UTC, for timelines."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def local(at: float, zone: str) -> datetime:
    """A time in this zone (IANA); in UTC where the zone is not known here."""
    found = datetime.fromtimestamp(at, UTC)
    if zone and zone != "UTC":
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # not needed by most commands

        try:
            return found.astimezone(ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return found
    return found


def local_text(at: float, zone: str, *, seconds: bool = False) -> str:
    """``17:45 CET``: a time as people of this zone read it, with the zone's name.

    Zones that have no letters of their own are named by their distance: ``UTC+03``.
    """
    found = local(at, zone)
    name = found.strftime("%Z")
    clock = found.strftime("%H:%M:%S" if seconds else "%H:%M")
    return f"{clock} {name if name[:1].isalpha() else f'UTC{name}'}"


def moment_text(at: float, now: float, zone: str = "") -> str:
    """``17:45 CET`` for people, and ``26 Jan 17:45 CET`` when that was another day than ``now``."""
    then, today = local(at, zone), local(now, zone)
    day = "" if then.date() == today.date() else f"{then.day} {then:%b} "
    return f"{day}{local_text(at, zone)}"
