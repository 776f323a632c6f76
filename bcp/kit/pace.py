"""Calls to a vendor, no faster than the account allows: a bucket that fills again, and a window that slides."""

from __future__ import annotations

from collections import deque

from bcp.kernel.clock import Clock


class Pace:
    """A token bucket: ``burst`` calls at once, then ``per_s`` a second. 0 a second: no limit is known."""

    def __init__(self, clock: Clock, per_s: float, burst: int) -> None:
        self._clock, self._per_s, self._burst = clock, per_s, float(max(1, burst))
        self._left, self._at = self._burst, clock.monotonic()

    @property
    def limited(self) -> bool:
        """Is there anything to keep to?"""
        return self._per_s > 0

    async def turn(self, calls: float = 1) -> None:
        """Take so many calls; returns when they may be made. More than the burst at once leave a debt behind."""
        if not self.limited:
            return
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._per_s) - calls
        self._at = now
        if self._left < 0:
            await self._clock.sleep(-self._left / self._per_s)


class Window:
    """So many calls in any stretch of so many seconds, as Cloudflare and Azure count them.

    A bucket that fills again meanwhile lets nearly twice as many through in the first stretch.
    """

    def __init__(self, clock: Clock, calls: int, seconds: float) -> None:
        self._clock, self._calls, self._seconds = clock, calls, seconds
        self._made: deque[float] = deque(maxlen=calls)

    async def turn(self) -> None:
        """Wait until one more call may be made."""
        now = self._clock.monotonic()
        at = max(now, self._made[0] + self._seconds) if len(self._made) == self._calls else now
        self._made.append(at)
        if at > now:
            await self._clock.sleep(at - now)
