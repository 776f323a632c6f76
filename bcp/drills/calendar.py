"""When exercises happen: windows in local time, recurrence, surprise, reminders. Pure: no clock, no chance, no I/O.

A slot names a time on the wall of the organisation's zone. Summer time moves the instant, never the wall: a time that
the clocks skip is taken at the instant after the gap, one that comes twice is the first.
"""

from __future__ import annotations

import calendar
import difflib
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bcp.kernel.errors import Invalid

Every = Literal["", "week", "month", "quarter", "half-year", "year"]
MONTHS: Mapping[str, int] = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
WINDOW_S = 3600.0
"""How long after its time one may still begin, where nobody said otherwise."""
DAY_S = 86_400.0
REMINDERS_S = (7 * DAY_S, DAY_S, 900.0)
LONGEST_S = 31 * DAY_S
"""Of a window."""


@dataclass(frozen=True, slots=True)
class Slot:
    """When an exercise is to happen. ``wall``: local date and time of the first one."""

    wall: str
    zone: str = "UTC"
    window_s: float = WINDOW_S
    every: Every = ""
    surprise: bool = False
    """Begins at a moment inside of the window that nobody knows before; the others begin when it opens."""
    seed: str = ""
    """Chance, fixed when it was scheduled."""
    remind: tuple[float, ...] = REMINDERS_S
    """Seconds before it opens. A surprise is announced by its window only."""
    turn: int = 0
    """Which of the recurrence it is; the first is 0."""

    def to_data(self) -> dict[str, Any]:
        """Plain data, as the event keeps it."""
        return {
            "wall": self.wall, "zone": self.zone, "window_s": self.window_s, "every": self.every,
            "surprise": self.surprise, "seed": self.seed, "remind": list(self.remind), "turn": self.turn,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a planned exercise now."""

    now: float
    reminded: Collection[float] = field(default_factory=frozenset)
    """Reminders that were sent, by their seconds."""
    playing: bool = False
    """Another exercise is being played."""
    trouble: str = ""
    """A real incident or run, in words; empty: there is none."""


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be done now. ``wait``, ``remind``, ``start`` or ``miss``; ``why`` in words."""

    what: Literal["wait", "remind", "start", "miss"]
    why: str = ""
    remind_s: float = 0.0


def slot_of(data: Mapping[str, Any]) -> Slot:
    """From an event."""
    known = {k: data[k] for k in ("wall", "zone", "window_s", "every", "surprise", "seed", "turn") if k in data}
    return Slot(**known, remind=tuple(float(r) for r in data.get("remind", REMINDERS_S)))


def read_slot(wall: str, zone: str, window_s: float, every: str, *, surprise: bool, seed: str) -> Slot:
    """A slot as a person wants it.

    Raises:
        Invalid: ``no-time``, ``no-zone``, ``no-recurrence``, ``no-window``.
    """
    try:
        found = datetime.fromisoformat(wall.strip())
    except ValueError as error:
        raise Invalid(
            f"{wall[:40]!r} is no local time", rule="no-time", hint="For example '2027-01-14 10:00'."
        ) from error
    if found.tzinfo is not None:
        raise Invalid(f"{wall[:40]!r} names a zone", rule="no-time", hint="Leave it out: times are local, see --zone.")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"{zone[:40]!r} is no time zone", rule="no-zone", hint="For example Europe/Berlin.") from error
    check_every(every)
    if not 60 <= window_s <= LONGEST_S:
        raise Invalid("a window is a minute to a month", rule="no-window", hint="For example --window 2h.")
    slot = Slot(found.isoformat(timespec="seconds"), zone, window_s, every, surprise, seed)  # type: ignore[arg-type]
    try:
        datetime.fromtimestamp(window_of(slot)[1], ZoneInfo(zone))  # it closes on a day that there is, too
    except (OverflowError, ValueError) as error:  # the first and the last days that there are
        hint = "For example '2027-01-14 10:00'."
        raise Invalid(f"{wall[:40]!r} is beyond all times", rule="no-time", hint=hint) from error
    return slot


def check_every(every: str) -> None:
    """Is this how often an exercise can recur? Raises ``Invalid`` (``no-recurrence``)."""
    if every not in {"", "week", *MONTHS}:
        known = ("week", *MONTHS)
        meant = difflib.get_close_matches(every.lower(), known, n=1, cutoff=0.6)
        hint = f"Did you mean {meant[0]}? " if meant else ""
        hint += f"An exercise recurs every {', '.join(known[:-1])} or {known[-1]}."
        raise Invalid(f"{every[:40]!r} is no recurrence", rule="no-recurrence", hint=hint)


def wall_of(slot: Slot) -> datetime:
    """The local date and time of this turn. The day of the month is the first one's, or the last that the month has."""
    first = datetime.fromisoformat(slot.wall)
    if slot.every == "week":
        return first + timedelta(days=7 * slot.turn)
    if slot.every in MONTHS:
        months = first.year * 12 + first.month - 1 + MONTHS[slot.every] * slot.turn
        year, month = divmod(months, 12)
        day = min(first.day, calendar.monthrange(year, month + 1)[1])
        return datetime.combine(date(year, month + 1, day), time(first.hour, first.minute, first.second))
    return first


def window_of(slot: Slot) -> tuple[float, float]:
    """When this turn opens and when it closes, in epoch seconds."""
    opens = wall_of(slot).replace(tzinfo=ZoneInfo(slot.zone)).astimezone(UTC).timestamp()
    return opens, opens + slot.window_s


def begins_at(slot: Slot) -> float:
    """The moment at which it begins: when its window opens, or the seeded moment inside of it."""
    opens, closes = window_of(slot)
    if not slot.surprise:
        return opens
    digest = hashlib.sha256(f"{slot.seed}\x1f{opens!r}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return opens + share * (closes - opens)


def next_turn(slot: Slot, after: float) -> Slot | None:
    """The first turn that opens later than that; ``None`` where it does not recur."""
    if not slot.every:
        return None
    longest = 7 * DAY_S if slot.every == "week" else 31 * DAY_S * MONTHS[slot.every]
    turn = slot.turn + 1
    try:
        turn += max(0, int((after - window_of(replace(slot, turn=turn))[0]) / longest) - 1)  # not later than wanted
        while window_of(found := replace(slot, turn=turn))[0] <= after:
            turn += 1
    except (OverflowError, ValueError):  # beyond all times
        return None
    return found


def judge(slot: Slot, facts: Facts) -> Act:
    """What is to be done now. It never begins outside of its window, beside another, or during a real incident."""
    opens, closes = window_of(slot)
    if facts.now >= closes:
        return Act("miss", _missed(facts))
    if facts.now >= begins_at(slot):
        if facts.trouble:
            return Act("wait", f"no drill now: {facts.trouble}")
        if facts.playing:
            return Act("wait", "another drill is being played")
        return Act("start")
    if facts.trouble:  # nobody is told of an exercise among the messages of a real outage
        return Act("wait", f"no reminder now: {facts.trouble}")
    due = [r for r in slot.remind if facts.now >= opens - r]
    unsaid = [r for r in due if r not in facts.reminded]
    if unsaid and facts.now < opens:
        return Act("remind", remind_s=min(due))
    return Act("wait")


def _missed(facts: Facts) -> str:
    """Why it was not begun, as far as what is so at the end of its window tells."""
    if facts.trouble:
        return f"its window went by: {facts.trouble}"
    if facts.playing:
        return "its window went by: another drill is being played"
    return "its window went by while nothing was there to begin it"


def said_by(slot: Slot, upto: float) -> list[float]:
    """Reminders that one reminder of ``upto`` seconds stands for: it, and those that should have come before."""
    return [r for r in slot.remind if r >= upto]
