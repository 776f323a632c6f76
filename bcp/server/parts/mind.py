"""Minds runs that nobody works on: those that hold, and those that a killed process left in the middle."""

from __future__ import annotations

from bcp.contracts.store import RunQuery
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.kernel.errors import BcpError, Refused
from bcp.kernel.log import logger
from bcp.server.core import Core
from bcp.server.parts.ports import Adopts, Performs

LOG = logger(__name__)
ME = "bcp-serve"
EVERY_S = 2.0
AGAIN_S = 30.0
"""A run that could not be taken over is tried again after this time."""


def adoptable(view: RunView) -> bool:
    """Does a daemon go on with this run that nobody works on? Whoever started it: what a person stopped, a person resumes."""
    if view.state.doubtful() or view.state.status in FINAL:
        return False
    if view.state.status == "holding" or view.status() == "interrupted":
        return True
    mine = view.plan.get("initiator") == ME
    return view.status() == "stopped" and (mine or view.state.stopped_by == "daemon")


class Minder:
    """Takes runs over, one task each."""

    def __init__(self, core: Core, conductor: Adopts, deeds: Performs) -> None:
        self.core, self.conductor, self.deeds = core, conductor, deeds

    async def run(self) -> None:
        """The loop."""
        while True:
            self.once()
            await self.core.clock.sleep(EVERY_S)

    def once(self) -> None:
        """Look through every run that is not over."""
        running = self.core.app.running
        for card in running.cards(RunQuery(unfinished=True)):
            if card.id in self.conductor.working or card.drill or running.runs.is_live(card.id):
                continue
            try:
                view = running.runs.view(card.id, effects=False)
            except BcpError:
                continue
            if adoptable(view) and not view.live:
                work = self._go_on(card.id, card.parent, card.playbook)
                self.conductor.working[card.id] = self.core.spawn(work, f"resume {card.id}")

    async def _go_on(self, run_id: str, parent: str, playbook: str) -> None:
        incident = await self.core.do(lambda b: b.incident_of(run_id))
        await self.core.do(lambda b: b.note("run_resumed", incident, "bcp", run=run_id))
        try:
            ending = await self.deeds.resume(run_id, listener=self.conductor.listen, control=self.conductor.control)
        except Refused as error:
            LOG.info("%s is not taken over: %s", run_id, error.message)
            await self.core.clock.sleep(AGAIN_S)
            self.conductor.working.pop(run_id, None)
            return
        await self.conductor.over(incident, run_id, ending, parent=parent, playbook=playbook)
