"""Counting what becomes of a channel's deliveries: under way, summed up, and several turns together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field, fields
from typing import Any

from bcp.comms.recipients import Recipients
from bcp.contracts.services import Tally


@dataclass
class Count:
    """A tally under way."""

    states: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    segments: int = 0
    settling: list[Awaitable[Any]] = field(default_factory=list)
    """Settlements on their way to disk. The next recipient does not wait for them; the end of the delivery does."""


def summed(channel: str, found: Recipients, count: Count) -> Tally:
    """What became of one channel's delivery, when all of it is settled."""
    s = count.states
    return Tally(
        channel,
        found.people,
        s["sent"],
        s["failed"],
        s["unknown"],
        len(found.missing),
        s["already"],
        count.segments,
        tuple(count.failures[:20]),
        s["stopped"],
        len(found.opted_out),
        len(found.quiet),
    )


def together(a: Tally, b: Tally) -> Tally:
    """Two turns of one channel together."""
    numbers = {f.name: getattr(a, f.name) + getattr(b, f.name) for f in fields(Tally) if f.name != "channel"}
    return Tally(a.channel, **{**numbers, "failures": numbers["failures"][:20]})
