"""How many sends may be in flight: halved when the vendor asks to slow down, one more after each quiet round."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType


class Window:
    """An adaptive limit on concurrency. Use as an async context manager around one send."""

    def __init__(self, limit: int) -> None:
        self.most = max(1, limit)
        self.limit = float(self.most)
        self._flying = 0
        self._room = asyncio.Event()
        self._room.set()
        self._deaf = 0
        """Answers of the same crowd that still may say *too many*: one crowd halves the limit once."""

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
        """The vendor said *too many*. What was in flight with it says the same thing again,
        and does not count again."""
        if self._deaf > 0:
            self._deaf -= 1
            return
        self._deaf = self._flying
        self.limit = max(1.0, self.limit / 2)

    def went_well(self) -> None:
        """One success; ``limit`` of them make one more allowed."""
        self._deaf = max(0, self._deaf - 1)
        if self.limit < self.most:
            self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Leave one's place to others while one only waits; come back to it afterwards."""
        await self.__aexit__(None, None, None)
        try:
            yield
        finally:
            await self.__aenter__()
