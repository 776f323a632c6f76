"""The ledger of relays, wired: which relays have agents, how they are asked, and the account of a stretch of time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property

from bcp.contracts.relay import AgentWay
from bcp.contracts.services import Drained
from bcp.engine.store import Runs
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.relay.batch import checked_key
from bcp.relay.books import account_of
from bcp.relay.pull import Pulled, pull
from bcp.relay.receive import Receiver
from bcp.relay.sums import Account, line_of
from bcp.settings import Configuration
from bcp.store.sqlite.relay_ledger import FILE, LedgerStore
from bcp.wiring.world import World


class RelayBooks:
    """Opened when it is first used."""

    def __init__(self, configuration: Configuration, world: World, clock: Clock) -> None:
        self.configuration, self.world, self.clock = configuration, world, clock
        self._alone = asyncio.Lock()
        self._receiver = Receiver()

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

    async def receive(self, name: str, raw: bytes) -> dict[str, str | int] | None:
        """What an agent brought by itself; what is wanted of it next. ``None``: there is no such agent.

        Raises ``Refused`` as ``Receiver.receive``, ``Invalid`` where the key cannot be read, and ``StorageError``.
        """
        way = self.agents.get(name)
        if way is None or not way.push:
            return None
        key = checked_key(way.key.reveal().encode(), way.key.reference)
        async with self._alone:
            return self._receiver.receive(name, raw, key, self.ledger, self.clock.now()).to_data(key)

    def account(
        self, since: float = 0.0, until: float = 0.0, back: float = 0.0, *, relays: Sequence[str] = ()
    ) -> Account | None:
        """What the relays with agents accepted for our domains then; ``None``: there is no such relay."""
        names = [n for n in self.agents if not relays or n in relays]
        if not names:
            return None
        domains = [d.name for d in self.world.settings.domains]
        return account_of(self.ledger, names, domains, since=since, until=until, back=back, now=self.clock.now())


class DrainBooks:
    """The ledger as a drain sees it (``bcp.contracts.services.RelayBooks``)."""

    def __init__(self, books: RelayBooks, runs: Runs) -> None:
        self._books, self._runs = books, runs

    def says(self, relay: str) -> str:
        """What can be counted of this relay."""
        if relay in self._books.agents:
            return f"the agent of {relay} accounts for every recipient"
        return (
            f"{relay} has no agent: what comes and goes between two looks at its queue is not counted,"
            " and who was told of a bounce is not known"
        )

    async def drained(self, relay: str, domains: Sequence[str], run: str, since: float) -> Drained | None:
        """What its agent tells."""
        if relay not in self._books.agents:
            return None
        await self._books.pull([relay])
        begin = await asyncio.to_thread(self._since, run, since)
        found = await asyncio.to_thread(self._books.account, begin, relays=[relay])
        if found is None or not self._books.ledger.source(relay).stream:
            return None
        fates = found.fates
        return Drained(
            accepted=found.accepted,
            sent=fates.get("delivered", 0),
            bounced=fates.get("bounced", 0) + fates.get("expired", 0),
            unaccounted=fates.get("removed", 0) + fates.get("unknown", 0),
            left=fates.get("held", 0) + fates.get("waiting", 0),
            summary=found.summary(),
            by_name=tuple(line_of(f) for f in found.by_name),
            warnings=found.warnings,
        )

    def _since(self, run: str, since: float) -> float:
        """When MX was moved to the relay by the run that this one goes back from, if that is earlier."""
        try:
            parent = self._runs.card(run).parent
            moved = self._runs.card(parent).moved_at if parent else 0.0
        except BcpError:
            moved = 0.0
        return min(since, moved) if moved else since
