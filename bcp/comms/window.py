"""How many sends may be in flight: halved when the vendor asks to slow down, one more after each quiet round."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Window:
    """An adaptive limit on concurrency. Use as an async context manager around one send."""

    def __init__(self, limit: int) -> None:
        self.most = max(1, limit)
        self.limit = float(self.most)
        self._flying = 0
        self._room = asyncio.Event()
        self._room.set()

    async def __aenter__(self) -> None:
        while self._flying >= int(self.limit):
            self._room.clear()
            await self._room.wait()
        self._flying += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flying -= 1
        self._room.set()

    def slow_down(self) -> None:
        """The vendor said *too many*."""
        self.limit = max(1.0, self.limit / 2)

    def went_well(self) -> None:
        """One success; ``limit`` of them make one more allowed."""
        if self.limit < self.most:
            self.limit = min(float(self.most), self.limit + 1.0 / self.limit)
