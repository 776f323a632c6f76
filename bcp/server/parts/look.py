"""Looks: round after round, and at once when somebody says that something is wrong. Every verdict goes to the actor."""

from __future__ import annotations

from bcp.kernel.errors import BcpError
from bcp.kernel.log import logger
from bcp.server.core import Core
from bcp.server.parts.ports import Considers

LOG = logger(__name__)


class Looking:
    """The two loops that look."""

    def __init__(self, core: Core, actor: Considers) -> None:
        self.core, self.sight, self.actor = core, core.sight, actor
        self._said = ""
        """What kept the last round from being acted on: said once, not each round."""

    async def watch(self) -> None:
        """Every round of the watch, for ever."""
        if not self.sight.looks:
            LOG.warning("nothing is configured to look: hooks will be noted, and nothing confirmed")
            await self._blind()
        try:
            async for found in self.core.app.watching.watcher.run():
                self.sight.noted(found)
                try:
                    await self.actor.consider(self.core.seen())
                    self._said = ""
                except BcpError as error:  # a full disk must not stop the looking
                    if error.whole != self._said:
                        LOG.error("watch: %s", error.whole)
                    self._said = error.whole
                self.core.changed()
        finally:
            self.sight.alive = False

    async def _blind(self) -> None:
        """Nobody looks: what senders and people say still ends, or grows old."""
        watching = self.core.app.watching
        while True:
            await self.core.clock.sleep(watching.rules.interval_s)
            await self.actor.consider(watching.watcher.settle())

    async def when_wanted(self) -> None:
        """A look of this moment, as often as somebody wants one."""
        while True:
            await self.sight.wanted()
            await self.at_once()

    async def at_once(self) -> None:
        """A look now, unless the watch knows already that the service is down."""
        found = self.core.seen()
        if found.state != "down" and self.sight.looks:
            mine = await self.sight.look(self.core.app.settings.detect.recheck.reuse)
            found = mine if mine.state == "down" else self.core.seen()
        await self.actor.consider(found, looked=True)
        self.core.changed()
