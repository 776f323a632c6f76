"""Tells open pages that something changed. A page that lost its line asks again; nothing depends on it."""

from __future__ import annotations

import asyncio


class Hub:
    """A counter that can be waited for."""

    def __init__(self) -> None:
        self.version = 0
        self.closing = False
        self._moved = asyncio.Event()

    def changed(self) -> None:
        """Wake everybody who waits: there is something new to show."""
        self.version += 1
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def close(self) -> None:
        """Wake everybody who waits, and let open pages end: the daemon stops."""
        self.closing = True
        self.changed()

    async def wait(self, seen: int, seconds: float) -> int:
        """The version once it is newer than ``seen``, or after this time."""
        if self.version == seen:
            try:
                await asyncio.wait_for(self._moved.wait(), seconds)
            except TimeoutError:
                return self.version
        return self.version
