"""Calls to one DNS host, no faster than its account allows: a token bucket (RFC 2697 uses the same idea for lines)."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bcp.contracts.dns_writer import Capabilities
from bcp.kernel.clock import Clock

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[Sequence[T]], Awaitable[list[R]]]
AT_ONCE = 50
"""Domains of one portion at a host with a rate limit: small enough to wait between them, and to say how far it is."""


def seconds_for(calls: float, burst: int, per_s: float) -> float:
    """The least time that so many calls take, in seconds, when ``burst`` of them may be made at once. 0: no limit."""
    return max(0.0, calls - burst) / per_s if per_s > 0 else 0.0


def swap_seconds(domains: int, host: Capabilities) -> float:
    """The least time that a host's rate limit leaves for switching so many domains, in seconds."""
    return seconds_for(domains * host.calls_a_zone, host.burst, host.calls_per_s)


class Pace:
    """What is left of a host's budget. Each portion of calls is taken before it is made; what is not there is waited
    for."""

    def __init__(self, host: Capabilities, clock: Clock) -> None:
        self._rate, self._burst, self._clock = host.calls_per_s, float(max(1, host.burst)), clock
        self._left, self._at = self._burst, clock.monotonic()

    async def take(self, calls: float) -> None:
        """Take so many calls; returns when they may be made. A portion larger than the burst leaves a debt behind."""
        if self._rate <= 0:
            return
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._rate) - calls
        self._at = now
        if self._left < 0:
            await self._clock.sleep(-self._left / self._rate)

    async def each(
        self, things: Sequence[T], calls: float, work: Callable[[Sequence[T]], Awaitable[list[R]]]
    ) -> list[R]:
        """``work`` for all of them in order: at once where the host knows no limit, else in portions, ``calls`` for
        each of them."""
        if self._rate <= 0:
            return await work(things)
        out: list[R] = []
        for start in range(0, len(things), AT_ONCE):
            part = things[start : start + AT_ONCE]
            await self.take(math.ceil(len(part) * calls))
            out += await work(part)
        return out
