"""Many domains at one DNS host: the least time that its rate limit leaves, and work in portions inside it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bcp.contracts.dns_writer import Capabilities
from bcp.kit.pace import Pace

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 50
"""Domains of one portion at a host with a rate limit: small enough to wait between them, and to say how far it is."""


def seconds_for(calls: float, burst: int, per_s: float) -> float:
    """The least time that so many calls take, in seconds, when ``burst`` of them may be made at once. 0: no limit."""
    return max(0.0, calls - burst) / per_s if per_s > 0 else 0.0


def swap_seconds(domains: int, host: Capabilities) -> float:
    """The least time that a host's rate limit leaves for switching so many domains, in seconds."""
    return seconds_for(domains * host.calls_a_zone, host.burst, host.calls_per_s)


async def paced(
    pace: Pace, things: Sequence[T], calls: float, work: Callable[[Sequence[T]], Awaitable[list[R]]]
) -> list[R]:
    """``work`` for all of them in order: at once where the host knows no limit, else in portions, ``calls`` for each.

    A coarse bound, for anybody's back end. Ours count every call by themselves.
    """
    if not pace.limited:
        return await work(things)
    out: list[R] = []
    for start in range(0, len(things), AT_ONCE):
        part = things[start : start + AT_ONCE]
        await pace.turn(math.ceil(len(part) * calls))
        out += await work(part)
    return out
