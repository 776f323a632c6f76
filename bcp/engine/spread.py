"""Asks public resolvers, from the switch on, which MX senders are told: each change is an event of the run.

What reports call *propagation* is measured by this where the configuration names resolvers (``resolvers:``), and is a
forecast from the old TTL where it names none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from bcp.contracts.dns import Inside, InsideView, MxSet
from bcp.contracts.services import Services
from bcp.engine.state import RunState
from bcp.engine.stays import Notes
from bcp.kernel.errors import StorageError

BEFORE_S = 1.0
"""How often it is looked whether MX has moved."""
LEAST_S, MOST_S = 2.0, 30.0
"""Pause between two looks: a sixtieth of the old TTL, within these."""
AFTER_S = 600.0
"""How long after the old TTL a resolver that still tells the old MX is asked on."""


class Spread:
    """The looks of one run that moves mail to the relay."""

    def __init__(self, services: Services, state: RunState, note: Notes) -> None:
        self.services, self.state, self.note = services, state, note
        self.view: InsideView | None = getattr(services, "outer", None)  # fakes may have none

    @property
    def wanted(self) -> bool:
        """Is there anybody to ask, and anything to ask about?"""
        return self.view is not None and not self.services.dry and not self.services.run.parent

    async def watch(self) -> None:
        """Until all tell the new MX, or nobody need wait any more. What goes wrong with a look is no finding; a journal
        that cannot be written ends it, and the run hears of that by its own next event."""
        with contextlib.suppress(StorageError):
            await self._watch()

    async def _watch(self) -> None:
        while (found := self._moved()) is None:
            await self.services.clock.sleep(BEFORE_S)
        domain, new, outputs = found
        old_ttl = float(outputs.get("old_ttl_s") or 0.0)
        ends = float(outputs["safe_at"]) + AFTER_S
        last = (-1, -1)
        while self.services.clock.now() < ends and not self.state.recovered:
            told = await self._told(domain)
            counted = (sum(new.same(t.mx) for t in told), len(told))
            if told and counted != last:
                last = counted
                await self._say(domain, counted)
            if counted[1] and counted[0] == counted[1]:
                return
            await self.services.clock.sleep(min(MOST_S, max(LEAST_S, old_ttl / 60)))

    def _moved(self) -> tuple[str, MxSet, Mapping[str, Any]] | None:
        """The first domain that a step has moved, its new MX, and what that step says."""
        for step in self.state.steps.values():
            if step.status in {"ok", "unchanged"} and step.outputs.get("safe_at"):
                states = step.outputs.get("states") or {}
                for domain, data in (step.outputs.get("after") or {}).items():
                    if states.get(domain, "applied") in {"applied", "already"}:
                        return str(domain), MxSet.from_data(data), step.outputs
        return None

    async def _told(self, domain: str) -> list[Inside]:
        """What each resolver that answers tells."""
        assert self.view is not None
        try:
            return [t for t in await self.view.look([domain]) if not t.problem]
        except Exception:  # what resolvers answer may be anything; the run does not depend on it
            return []

    async def _say(self, domain: str, counted: tuple[int, int]) -> None:
        new, asked = counted
        text = f"{new} of {asked} resolvers tell the relay's MX for {domain}"
        await self.note("mx_told", summary=text, domain=domain, new=new, asked=asked)
