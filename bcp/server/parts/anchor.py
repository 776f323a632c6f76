"""Lets others witness the heads of all chains, as often as the settings say. What was refused is tried again."""

from __future__ import annotations

from bcp.deeds.evidence.anchor import anchor
from bcp.kernel.errors import BcpError
from bcp.kernel.log import logger
from bcp.server.core import Core

LOG = logger(__name__)
AGAIN_S, LEAST_S = 60.0, 1.0
"""After a failure it is tried again so soon, and then twice as late each time, up to the interval."""


class Anchor:
    """The loop; idle where nobody outside is named."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.problem = ""
        """Why the last try was not taken by everybody; empty: it was."""

    async def run(self) -> None:
        """For ever."""
        wait, clock = 0.0, self.core.clock
        while True:
            every = max(LEAST_S, self.core.app.settings.evidence.every)
            await self.once()
            wait = min(every, max(AGAIN_S, 2 * wait)) if self.problem else 0.0
            await clock.sleep(wait or every)

    async def once(self) -> None:
        """Sign what changed, and hand over what others have not got."""
        wanted = self.core.app.settings.evidence
        if not wanted.timestamps and not wanted.witnesses:
            return
        app = self.core.run_app()
        try:
            problem = (await anchor(app, force=False)).problem
        except BcpError as error:
            problem = error.message
        finally:
            await app.close()
        if problem and problem != self.problem:
            LOG.warning("the evidence was not anchored by everybody: %s", problem)
        self.problem = problem
