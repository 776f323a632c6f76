"""What an outage would have to wait for is kept at hand: zone ids, and tokens that live for an hour only."""

from __future__ import annotations

from bcp.kernel.log import logger
from bcp.server.core import Core

LOG = logger(__name__)
EVERY_S = 600.0
"""Tokens live for about an hour, and back ends renew them when less than ten or twenty minutes are left."""


class Warmth:
    """The loop that asks every DNS host to be ready."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._said: dict[str, str] = {}

    async def run(self) -> None:
        """For ever. Where sign-in is what is down, a token that was fetched before works on."""
        while True:
            await self.once()
            await self.core.clock.sleep(EVERY_S)

    async def once(self) -> None:
        """Every host once. What is not ready is said when it changes."""
        world = self.core.app.world
        for name, host in world.dns.items():
            domains = [d.name for d in world.domains.values() if d.dns == name]
            if not domains or host.capabilities.by_hand is not None:
                continue
            problems = (await host.warm(domains)).problems
            for domain in domains:
                problem = problems.get(domain, "")
                if problem and problem != self._said.get(domain):
                    LOG.warning("%s is not ready at %s: %s", domain, name, problem)
                self._said[domain] = problem
