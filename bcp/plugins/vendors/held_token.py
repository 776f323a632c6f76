"""An access token: held, renewed in good time, and used until it ends while no new one is to be had."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bcp.kernel.clock import Clock
from bcp.kit.at_once import AtOnce
from bcp.plugins.vendors.hosted import Fault


class HeldToken:
    """One token, of one identity. Many may ask for it at once; it is renewed once."""

    def __init__(self, clock: Clock, renew_s: float) -> None:
        """``renew_s``: with less than this left a new one is asked for."""
        self._clock, self._renew_s = clock, renew_s
        self._token, self.ends = "", 0.0
        self._lock = AtOnce()

    async def get(self, renew: Callable[[], Awaitable[tuple[str, float]]]) -> str:
        """A token that is good now. ``renew`` gives a new one and when it ends (seconds since the epoch). Raises
        ``Fault`` where it fails and the old one has ended."""
        async with self._lock.here:
            left = self.ends - self._clock.now()
            if not self._token or left < self._renew_s:
                try:
                    self._token, self.ends = await renew()
                except Fault:
                    if not self._token or left <= 0:
                        raise  # one that is still good is used on: sign-in may be what is down
            return self._token

    def forget(self) -> None:
        """It was refused: ask for another one next time."""
        self._token, self.ends = "", 0.0
