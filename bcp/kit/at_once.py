"""So many at once, in whatever event loop asks."""

from __future__ import annotations

import asyncio


class AtOnce:
    """A semaphore of the running event loop.

    A command may plan in one event loop and run in the next, with the same objects. ``asyncio.Semaphore`` and ``Lock``
    belong for ever to the loop in which somebody first had to wait, and raise in every other.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = asyncio.Semaphore(at_once)

    @property
    def here(self) -> asyncio.Semaphore:
        """The semaphore of the running loop: ``async with gate.here:``."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._room = loop, asyncio.Semaphore(self._at_once)
        return self._room
