"""Asks the agents on the relays for what is new, so that the ledger here is never far behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.wiring.relay_books import RelayBooks

PEACE_S, HELD_S, NONE_S = 60.0, 10.0, 60.0
"""How often they are asked: by day, while MX is on a relay, and how often it looks whether there are any."""


class Accountant:
    """``problem``: why the last round was not whole; empty when it was."""

    def __init__(self, clock: Clock, books: Callable[[], RelayBooks], held: Callable[[], bool]) -> None:
        self._clock, self._books, self._held = clock, books, held
        self.problem = ""

    async def run(self) -> None:
        """The loop."""
        while True:
            await self._clock.sleep(await self.round())

    async def round(self) -> float:
        """Ask all of them once; how long to wait until the next time."""
        books = self._books()
        if not books.agents:
            return NONE_S
        try:
            done = await books.pull()
            self.problem = "; ".join(f"{p.relay}: {p.problem}" for p in done if p.problem)
        except BcpError as error:
            self.problem = error.message
        return HELD_S if await asyncio.to_thread(self._held) else PEACE_S
