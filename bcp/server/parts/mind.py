"""Minds runs that nobody works on: those that hold, and those that a killed process left in the middle."""

from __future__ import annotations

from bcp.contracts.store import RunCard, RunQuery
from bcp.deeds.answer import goes_on
from bcp.kernel.errors import BcpError, Refused
from bcp.kernel.log import logger
from bcp.server.core import Core
from bcp.server.parts.ports import Adopts, Performs

LOG = logger(__name__)
EVERY_S = 2.0
AGAIN_S = 30.0
"""A run that could not be taken over is tried again after this time."""


class Minder:
    """Takes runs over, one task each."""

    def __init__(self, core: Core, conductor: Adopts, deeds: Performs) -> None:
        self.core, self.conductor, self.deeds = core, conductor, deeds

    async def run(self) -> None:
        """The loop."""
        while True:
            await self.once()
            await self.core.clock.sleep(EVERY_S)

    async def once(self) -> None:
        """Look through every run that is not over.
        Once the daemon ends none is taken over: it would keep it from ending."""
        if self.core.ended.is_set():
            return
        running = self.core.app.running
        for card in running.cards(RunQuery(unfinished=True)):
            if card.id in self.conductor.working or card.drill or running.runs.is_live(card.id):
                continue
            try:
                view = await running.runs.glance(card.id)
            except BcpError:
                continue
            if goes_on(view) and not view.live:
                self.take_over(card)

    def take_over(self, card: RunCard) -> None:
        """Go on with a run that nobody works on, of its own accord or because a person wants it."""
        if card.id not in self.conductor.working:
            work = self._go_on(card.id, card.parent, card.playbook)
            self.conductor.working[card.id] = self.core.spawn(work, f"resume {card.id}")

    async def _go_on(self, run_id: str, parent: str, playbook: str) -> None:
        try:
            incident = await self.core.do(lambda b: b.incident_of(run_id))
            await self.core.do(lambda b: b.note("run_resumed", incident, "bcp", run=run_id))
            ending = await self.deeds.resume(run_id, listener=self.conductor.listen, control=self.conductor.control)
        except Refused as error:
            LOG.info("%s is not taken over: %s", run_id, error.message)
        except BcpError as error:  # a full disk passes, and the run is still there
            LOG.error("%s is not taken over, and is tried again: %s", run_id, error.message)
        except Exception:  # a fault of ours must not leave a run to nobody
            LOG.exception("%s is not taken over, and is tried again", run_id)
        else:
            await self.conductor.over(incident, run_id, ending, parent=parent, playbook=playbook)
            return
        await self.core.pause(AGAIN_S)
        self.conductor.working.pop(run_id, None)
