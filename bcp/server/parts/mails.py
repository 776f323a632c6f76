"""Counts the mails that the relays hold while MX is there, so that everybody sees the number and its course."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from bcp.contracts.relay import QueuedMail, Relay
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError

EVERY_S, NOTICE_S = 20.0, 5.0
"""How often it counts, and how often it looks whether there is something to count."""
WAIT_S = 10.0
MOST = 720
"""Counts that are remembered: four hours."""


class Mails:
    """The last counts, the oldest first. ``problem`` says why the last one failed; empty when it did not."""

    def __init__(
        self,
        clock: Clock,
        relays: Callable[[], Mapping[str, Relay]],
        domains: Callable[[], Sequence[str]],
        wanted: Callable[[], bool],
        changed: Callable[[], None],
        noted: Callable[[float, int], None] = lambda at, count: None,
    ) -> None:
        self._clock, self._relays, self._domains = clock, relays, domains
        self._wanted, self._changed = wanted, changed
        self._noted = noted
        self.series: deque[tuple[float, int]] = deque(maxlen=MOST)
        self.problem = ""

    async def run(self) -> None:
        """The loop: a count every ``EVERY_S`` while MX is on a relay; what was counted before is forgotten then."""
        held = False
        while True:
            now_held = self._wanted()
            if now_held and not held:
                self.series.clear()
            held = now_held
            if held:
                await self.look()
            await self._clock.sleep(EVERY_S if held else NOTICE_S)

    async def look(self) -> None:
        """Count once. What a relay cannot say is said in ``problem``; nothing is raised."""
        total, problem = 0, ""
        for name, relay in self._relays().items():
            if not relay.can_count:
                problem = f"{name} cannot say what it holds"
                continue
            try:
                async with asyncio.timeout(WAIT_S):
                    total += self._ours(await relay.queue())
            except (BcpError, TimeoutError) as error:
                problem = getattr(error, "message", "") or f"{name} did not answer in {WAIT_S:g} s"
        if not problem:
            self.series.append((self._clock.now(), total))
            await asyncio.to_thread(self._noted, *self.series[-1])
        self.problem = problem
        self._changed()

    def _ours(self, queue: Sequence[QueuedMail]) -> int:
        domains = {d.lower() for d in self._domains()}
        return sum(any(r.rpartition("@")[2].lower() in domains for r in mail.recipients) for mail in queue)
