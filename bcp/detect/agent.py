"""The other end of a vantage point: look, seal, send. It decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from bcp.contracts.probe import Signal
from bcp.detect.remote import Batch, seal
from bcp.detect.watch import Watcher
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, Invalid, Permanent, Transient
from bcp.kernel.files import make_private, write_atomic

Send = Callable[[str, int], Awaitable[None]]
KEEP = 120
"""Rounds that wait for a carrier that is down. The oldest go first: old news decides nothing."""


def carrier(where: str, write: Callable[[str], None]) -> Send:
    """How a batch travels: ``-`` a line on standard output, an http(s) URL a POST, anything else a folder."""
    if where == "-":

        async def line(text: str, seq: int) -> None:
            write(text)

        return line
    if where.startswith(("http://", "https://")):

        async def post(text: str, seq: int) -> None:
            from bcp.kit.fetch import fetch

            page = await fetch(where, method="POST", raw=text.encode(), headers={"Content-Type": "application/json"})
            if page.problem or page.status >= 500 or page.status == 429:
                raise Transient(f"{where.split('?')[0]}: {page.problem or page.status}")
            if page.status >= 300:
                raise Permanent(
                    f"{where.split('?')[0]} answers {page.status}", hint="Does it know this vantage point and key?"
                )

        return post
    if "://" in where:
        raise Invalid(
            f"--remote-to {where!r}: a folder, http(s)://, or -",
            hint="For ssh: bcp probe --remote-to - | ssh HOST bcp probe --receive",
        )
    folder = Path(where)

    async def drop(text: str, seq: int) -> None:
        write_atomic(make_private(folder) / f"{seq:020d}-report.json", text)

    return drop


class Agent:
    """Rounds of looks, each sent as one sealed batch."""

    def __init__(self, watcher: Watcher, vantage: str, key: bytes, clock: Clock, send: Send) -> None:
        self.watcher, self.vantage, self.key, self.clock, self.send = watcher, vantage, key, clock, send
        self._seq = 0
        self._waiting: list[tuple[str, int]] = []

    async def once(self) -> None:
        """One round. Raises what the carrier raises."""
        await self._send(await self.watcher.look_all())

    async def run(self, warn: Callable[[str], None]) -> None:
        """Round after round; a carrier that is down is said once, and the last rounds are kept for it."""
        said = ""
        taken: list[Signal] = []
        self.watcher.listen.append(taken.append)
        async for _ in self.watcher.run():
            signals = taken.copy()
            taken.clear()
            try:
                await self._send(signals)
                said = ""
            except BcpError as error:
                if error.message != said:
                    warn(f"the report did not get through: {error.whole}")
                said = error.message

    async def _send(self, signals: list[Signal]) -> None:
        now = self.clock.now()
        self._seq = max(self._seq + 1, int(now * 1000))
        batch = Batch(self.vantage, self._seq, now, tuple(signals))
        self._waiting = [*self._waiting, (seal(batch, self.key), self._seq)][-KEEP:]
        while self._waiting:
            await self.send(*self._waiting[0])
            self._waiting.pop(0)
