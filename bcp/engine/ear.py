"""When a run reads what it was told: at once where this process says so, else ten times a second.

Other processes write into the file of the run and cannot wake anybody, so somebody has to look. Where a commit has
just found that nobody wrote (``Journal.untold``), nobody does.
"""

from __future__ import annotations

import asyncio

from bcp.contracts.journal import Journal


class Ear:
    """Waits for something to read."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._untold = journal, 0
        self._news = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Somebody of this process told the run something."""
        self._news.set()

    async def next(self, poll_s: float) -> None:
        """Until there may be something to read; after ``poll_s`` of silence that is so. Real time, as of others."""
        self._wind(asyncio.get_running_loop(), poll_s)
        try:
            await self._news.wait()
        finally:
            if self._timer is not None:
                self._timer.cancel()
        self._news.clear()

    def _wind(self, loop: asyncio.AbstractEventLoop, poll_s: float) -> None:
        self._untold = self._journal.untold
        self._timer = loop.call_later(poll_s, self._tick, loop, poll_s)

    def _tick(self, loop: asyncio.AbstractEventLoop, poll_s: float) -> None:
        if self._journal.untold == self._untold:
            self._news.set()
        else:
            self._wind(loop, poll_s)
