"""Looks, while a run holds, whether the MX stays where it was put; that it does not is an event of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from bcp.contracts.dns import Answer, MxSet
from bcp.contracts.services import Services
from bcp.engine.state import RunState
from bcp.kernel.errors import BcpError
from bcp.mx.read import by_back_end
from bcp.mx.stays import put_there, reverted, sentence

EVERY_S = 60.0
AT_ONCE = 200
"""Domains in one look; more take turns. The authoritative servers are asked, never a host's interface."""
LOOK_S = 10.0


class Notes(Protocol):
    """Puts an event on disk."""

    def __call__(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> Awaitable[None]: ...


class Stays:
    """The look of one run. ``goes_back``: a run is on its way back from this one, so that the MX may move."""

    def __init__(
        self, services: Services, state: RunState, note: Notes, goes_back: Callable[[], bool] = lambda: False
    ) -> None:
        self.services, self.state, self.note, self.goes_back = services, state, note, goes_back
        self._next, self._turn = services.clock.monotonic() + EVERY_S, 0
        self.gone: dict[str, str] = {}
        """Domains that do not stand where they were put, and what they are now."""
        self._doubted: set[str] = set()
        """Domains that were a mixture at the last look: one server of several hosts may only be behind."""

    async def look(self) -> None:
        """Look, when it is time to. Whatever goes wrong with a look is no finding."""
        clock = self.services.clock
        if clock.monotonic() < self._next:
            return
        self._next = clock.monotonic() + EVERY_S
        wanted = put_there(s.outputs for s in self.state.steps.values() if s.status in {"ok", "unchanged"})
        names = sorted(d for d in wanted if d in self.services.domains)
        if not names or self.goes_back():
            return
        names = [names[(self._turn + i) % len(names)] for i in range(min(AT_ONCE, len(names)))]
        self._turn += len(names)
        try:
            async with asyncio.timeout(LOOK_S):
                answers = await self._answers(names)
        except (BcpError, TimeoutError):
            return
        if not self.goes_back():  # it may have begun meanwhile
            await self._say(names, self._found(answers, wanted))

    def _found(self, answers: list[Answer], wanted: Mapping[str, MxSet]) -> dict[str, str]:
        """What does not stand. A mixture of several hosts counts when it is seen twice in a row."""
        several = {d for d in wanted if self._several(d)}
        plain, strict = reverted(answers, wanted), reverted(answers, wanted, several)
        found = {d: mx for d, mx in strict.items() if d in plain or d in self._doubted}
        self._doubted = (self._doubted - {a.domain for a in answers}) | set(strict)
        return found

    def _several(self, domain: str) -> bool:
        known = self.services.domains.get(domain)
        can = getattr(self.services.dns[known.dns], "capabilities", None) if known is not None else None
        return can is not None and bool(can.together)

    async def _answers(self, names: list[str]) -> list[Answer]:
        groups = by_back_end(names, self.services)
        parts = await asyncio.gather(*(self.services.dns[n].answers(g) for n, g in groups.items()))
        return [a for part in parts for a in part]

    async def _say(self, names: list[str], found: Mapping[str, str]) -> None:
        fresh = {d: mx for d, mx in found.items() if self.gone.get(d) != mx}
        back = [d for d in names if d in self.gone and d not in found]
        self.gone = {d: mx for d, mx in self.gone.items() if d not in back} | dict(found)
        run = self.services.run.id
        if fresh:
            text = sentence(fresh)
            await self.note("mx_reverted", summary=text, domains=dict(fresh), run=run, rule="dns.reverted")
        if back:
            await self.note("mx_stands", summary=f"MX stands again: {', '.join(back[:5])}", domains=back, run=run)
