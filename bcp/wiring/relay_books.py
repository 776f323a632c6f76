"""The ledger of relays, wired: which relays have agents, how they are asked, and the account of a stretch of time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property

from bcp.contracts.relay import AgentWay
from bcp.kernel.clock import Clock
from bcp.relay.books import account_of
from bcp.relay.pull import Pulled, pull
from bcp.relay.sums import Account
from bcp.settings import Configuration
from bcp.store.sqlite.relay_ledger import FILE, LedgerStore
from bcp.wiring.world import World


class RelayBooks:
    """Opened when it is first used."""

    def __init__(self, configuration: Configuration, world: World, clock: Clock) -> None:
        self.configuration, self.world, self.clock = configuration, world, clock
        self._alone = asyncio.Lock()

    @cached_property
    def ledger(self) -> LedgerStore:
        """The ledger in the state folder. Raises ``StorageError``."""
        return LedgerStore(self.configuration.state / FILE)

    @property
    def agents(self) -> dict[str, AgentWay]:
        """Relays that have one, in their order."""
        return {n: s.agent for n, s in self.world.relay_settings.items() if s.agent is not None}

    @property
    def without(self) -> list[str]:
        """Relays that have none."""
        return [n for n, s in self.world.relay_settings.items() if s.agent is None]

    async def pull(self, names: Sequence[str] = ()) -> list[Pulled]:
        """Ask these agents (all of them), one after the other. Raises ``StorageError``."""
        async with self._alone:
            return [
                await pull(name, way, self.ledger, self.clock)
                for name, way in self.agents.items()
                if not names or name in names
            ]

    def account(
        self, since: float = 0.0, until: float = 0.0, back: float = 0.0, *, relays: Sequence[str] = ()
    ) -> Account | None:
        """What the relays with agents accepted for our domains then; ``None``: there is no such relay."""
        names = [n for n in self.agents if not relays or n in relays]
        if not names:
            return None
        domains = [d.name for d in self.world.settings.domains]
        return account_of(self.ledger, names, domains, since=since, until=until, back=back, now=self.clock.now())
