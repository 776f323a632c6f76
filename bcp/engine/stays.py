"""Looks, while a run holds, whether the MX stays where it was put; that it does not is an event of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from bcp.contracts.dns import Answer, MxSet
from bcp.contracts.services import Services
from bcp.engine.state import RunState
from bcp.kernel.errors import BcpError
from bcp.mx import serials
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
        self._began, self._serials = False, serials.Known()
        self._doubted: set[str] = set()
        """Domains that were a mixture at the last look: one server of several hosts may only be behind."""

    async def look(self) -> None:
        """Look, when it is time to. Whatever goes wrong with a look is no finding."""
        clock = self.services.clock
        if clock.monotonic() < self._next:
            await self._first_serials()
            return
        self._next = clock.monotonic() + EVERY_S
        wanted, names = self._wanted(), self._names()
        if not names or self.goes_back():
            return
        names = [names[(self._turn + i) % len(names)] for i in range(min(AT_ONCE, len(names)))]
        self._turn += len(names)
        await self._look_at_mx(names, wanted)
        await self._look_at_serials(names)

    async def _look_at_mx(self, names: list[str], wanted: Mapping[str, MxSet]) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                answers = await self._answers(names)
        except (BcpError, TimeoutError):
            return
        if not self.goes_back():  # it may have begun meanwhile
            await self._say(names, self._found(answers, wanted))

    async def _first_serials(self) -> None:
        """As the hold begins: what the serials of a minute later are compared with."""
        if not self._began:
            self._began = True
            if (names := self._names()) and not self.goes_back():
                await self._look_at_serials(names[:AT_ONCE])

    async def _look_at_serials(self, names: list[str]) -> None:
        """Say where a serial went backwards. Whatever goes wrong with a look is no finding."""
        groups = by_back_end(names, self.services)
        try:
            async with asyncio.timeout(LOOK_S):
                parts = await asyncio.gather(*(self.services.dns[n].serials(g) for n, g in groups.items()))
        except (BcpError, TimeoutError):
            return
        self._serials, back = serials.look(self._serials, (s for part in parts for s in part))
        if back:
            text, zones = serials.sentence(back), {b.zone: b.now for b in back}
            run = self.services.run.id
            await self.note("serial_backwards", summary=text, zones=zones, run=run, rule=serials.RULE)

    def _names(self) -> list[str]:
        return sorted(d for d in self._wanted() if d in self.services.domains)

    def _wanted(self) -> dict[str, MxSet]:
        return put_there(s.outputs for s in self.state.steps.values() if s.status in {"ok", "unchanged"})

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
