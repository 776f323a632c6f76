"""The ledger of relays, wired: which relays have agents, how they are asked, and the account of a stretch of time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import ceil

from bcp.contracts.relay import AgentWay
from bcp.contracts.relay_ledger import Remark, Source, Wanted
from bcp.contracts.services import Drained
from bcp.engine.store import Runs
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, Refused, StorageError
from bcp.relay.batch import HELLO, checked_key, is_sealed
from bcp.relay.books import account_of, busiest_hour, held_by, left_domains
from bcp.relay.gone import Gone, gone_of
from bcp.relay.pull import Pulled, pull
from bcp.relay.receive import Receiver
from bcp.relay.sources import Agent, agents_of, apart, at_host, doubts, hosts_of, next_doors, one_for_all
from bcp.relay.sums import Account, line_of
from bcp.settings import Configuration
from bcp.store.sqlite.relay_ledger import FILE, LedgerStore
from bcp.wiring.world import World

HOUR_S = 3600
BUSY_S = 90 * 86_400.0
"""How far back the busiest hour is looked for."""


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
        """How each agent is asked, by its name: that of its relay, or ``RELAY@HOST`` where each host has its own."""
        return {a.name: a.way for a in self._agents.values()}

    @property
    def _agents(self) -> dict[str, Agent]:
        return {a.name: a for n, s in self.world.relay_settings.items() for a in agents_of(n, s)}

    @property
    def places(self) -> tuple[Agent, ...]:
        """All agents, with their hosts."""
        return tuple(self._agents.values())

    def sources(self, names: Sequence[str] = ()) -> tuple[str, ...]:
        """Agents of these relays, or those that are called so themselves; without names all of them."""
        return tuple(n for n, a in self._agents.items() if not names or n in names or a.relay in names)

    def gone(self, names: Sequence[str] = ()) -> list[Gone]:
        """Sources that told something once and are not in ``bcp.yaml`` any more; ``names``: as for ``sources``. Raises
        ``StorageError``."""
        if "ledger" not in self.__dict__ and not (self.configuration.state / FILE).exists():
            return []
        return [g for g in gone_of(self.ledger.sources(), tuple(self._agents)) if g.belongs(names)]

    def left_behind(self, names: Sequence[str] = ()) -> list[tuple[Gone, int]]:
        """Those of them where mail of ours waits by their last word, and how many recipients. Raises
        ``StorageError``."""
        gone = self.gone(names)
        return list(held_by(self.ledger, gone, self._domains, self.former())) if gone else []

    def former(self) -> tuple[tuple[str, float], ...]:
        """Domains that left ``bcp.yaml``, and up to when mail for them was ours: to the end of the hour in which they
        were missed first. Whoever asks notes those that are there now. Raises ``StorageError``."""
        if not self._domains or ("ledger" not in self.__dict__ and not (self.configuration.state / FILE).exists()):
            return ()
        skew = max((abs(s.skew) for s in self.ledger.sources()), default=0.0)
        left = self.ledger.ours(self._domains, self.clock.now())
        return tuple((d, ceil((at + skew) / HOUR_S) * HOUR_S) for d, at in sorted(left.items()))

    @property
    def _domains(self) -> list[str]:
        settings = getattr(self.world, "settings", None)
        return [d.name for d in settings.domains] if settings is not None else []

    def heard(self) -> dict[str, float]:
        """When the agent of each host told something last; hosts whose agent was never heard are not in it."""
        return {host: s.heard for host, s in self._told().items()}

    def troubles(self) -> dict[str, str]:
        """Why the agent of a host does not read, as it says itself; hosts whose agent reads are not in it."""
        return {host: s.trouble for host, s in self._told().items() if s.blind}

    def second_hand(self) -> dict[str, str]:
        """Why the log of a host's agent may lack lines, as it says itself; hosts where it sees no reason are not in
        it."""
        return {host: s.doubt for host, s in self._told().items() if s.doubt}

    def mails_an_hour(self) -> dict[str, float]:
        """In the busiest hour of the last months, by relay: all its hosts together, since one may have to bear it
        all. Raises ``StorageError``."""
        since, names = max(0.0, self.clock.now() - BUSY_S), {a.relay for a in self._agents.values()}
        return {n: busiest_hour(self.ledger, self.sources([n]), since) for n in sorted(names)}

    def _told(self) -> dict[str, Source]:
        known = {s.relay: s for s in self.ledger.sources() if s.heard}
        return {
            host: known[a.name]
            for a in self._agents.values()
            if a.name in known
            for host in ([a.host] if a.host else hosts_of(self.world.relay_settings[a.relay]))
        }

    @property
    def doubts(self) -> list[str]:
        """What is allowed in ``agent:``, and most often not meant."""
        return [d for n, s in self.world.relay_settings.items() for d in doubts(n, s)]

    def way_of(self, name: str) -> AgentWay | None:
        """How this source is asked, also a host that left ``hosts:`` of a relay whose agents are asked by their host;
        ``None``: nobody knows."""
        if name in self._agents:
            return self._agents[name].way
        relay, _, host = name.partition("@")
        settings = self.world.relay_settings.get(relay)
        way: AgentWay | None = settings.agent if settings is not None else None
        return at_host(way, host) if way is not None and host and apart(way, (host, "another")) else None

    def _doors(self, name: str) -> dict[str, str]:
        agents = self._agents
        if name not in agents:
            return {}
        return next_doors(agents, name, self.world.relay_settings[agents[name].relay])

    @property
    def without(self) -> list[str]:
        """Relays that have none."""
        return [n for n, s in self.world.relay_settings.items() if s.agent is None]

    async def pull(self, names: Sequence[str] = ()) -> list[Pulled]:
        """Ask the agents of these relays (of all), side by side: one that hangs keeps no other. A host that left
        ``bcp.yaml`` is asked where it is named. Raises ``StorageError``."""
        self.former()
        gone = [g.name for g in self.gone(names) if g.name in names] if names else []
        ways = {n: way for n in (*self.sources(names), *gone) if (way := self.way_of(n)) is not None}
        async with self._alone:
            work = [pull(n, way, self.ledger, self.clock, self._doors(n)) for n, way in ways.items()]
            done = await asyncio.gather(*work, return_exceptions=True)
        for one in done:
            if isinstance(one, BaseException):
                raise one
        return [one for one in done if isinstance(one, Pulled)]

    async def receive(self, name: str, raw: bytes) -> dict[str, str | int] | None:
        """What an agent brought by itself, also one on a host that left ``hosts:``; what is wanted of it next.
        ``None``: there is no such agent.

        Raises ``Refused`` as ``Receiver.receive``, and ``agent-name`` for one that is called wrongly; ``Invalid`` where
        the key cannot be read, and ``StorageError``.
        """
        way = self.way_of(name)
        if way is None:
            self._called_wrongly(name, raw)
        if way is None or not way.push or not (name in self.agents or self.gone([name])):
            return None
        key = checked_key(way.key.reveal().encode(), way.key.reference)
        async with self._alone:
            self.former()
            now = self.clock.now()
            return self._receiver.receive(name, raw, key, self.ledger, now, self._doors(name)).to_data(key)

    def _called_wrongly(self, name: str, raw: bytes) -> None:
        """An agent that has our key, and is called like its relay, of which every host has an agent now. Raises
        ``Refused`` (``agent-name``), and notes it."""
        hosts = [a for a in self._agents.values() if a.relay == name and a.host and a.way.push]
        if not hosts or not is_sealed(checked_key(hosts[0].way.key.reveal().encode(), name), HELLO, raw):
            return
        text = (
            f"an agent comes as {name}, and each of its {len(hosts)} hosts has one of its own: nothing of it is taken; "
            f"write into its agent.conf: {' or '.join(f'name = {a.name}' for a in hosts)}"
        )
        self.ledger.remark(Remark(hosts[0].name, self.clock.now(), "agent-name", text))
        raise Refused(text, rule="agent-name")

    def account(
        self, since: float = 0.0, until: float = 0.0, back: float = 0.0, *, relays: Sequence[str] = ()
    ) -> Account | None:
        """What the relays with agents accepted for our domains then, also those that left ``bcp.yaml`` since; ``None``:
        there is no such relay, nor was there one then."""
        names, gone = self.sources(relays), self.gone(relays)
        if not names and not gone:
            return None
        now, former = self.clock.now(), self.former()
        found = account_of(
            self.ledger, names, self._domains, since=since, until=until, back=back, now=now, gone=gone, former=former
        )
        if not found.relays and not names:
            return None
        if not until and (trouble := self.ledger.trouble()):
            text = f"what agents tell cannot be kept here, and what came since is not in here: {trouble}"
            found = replace(found, unread=names, warnings=(text, *found.warnings))
        left = left_domains(self.ledger, Wanted(found.relays, (), since, until, former=former))
        return replace(found, warnings=(*found.warnings, *left, *self._blind(names)))

    def _blind(self, names: Sequence[str]) -> list[str]:
        """Hosts that no agent may speak for."""
        agents = self._agents
        hosts = {n: hosts_of(self.world.relay_settings[n]) for n in names if not agents[n].host}
        return [one_for_all(n, found) for n, found in hosts.items() if len(found) > 1]


class DrainBooks:
    """The ledger as a drain sees it (``bcp.contracts.services.RelayBooks``)."""

    def __init__(self, books: RelayBooks, runs: Runs) -> None:
        self._books, self._runs = books, runs

    def says(self, relay: str) -> str:
        """What can be counted of this relay, and what no drain reaches."""
        agents = self._books.sources([relay])
        said = [
            f"{relay} has no agent: what comes and goes between two looks at its queue is not counted,"
            " and who was told of a bounce is not known"
        ]
        if agents:
            said = [f"the agent of {relay} accounts for every recipient"]
        if len(agents) > 1:
            said = [f"the agents of {relay} account for every recipient, one on each of {len(agents)} hosts"]
        with contextlib.suppress(StorageError):
            said += [f"no drain reaches this: {g.text(waits)}" for g, waits in self._books.left_behind([relay])]
        return "; ".join(said)

    async def drained(self, relay: str, domains: Sequence[str], run: str, since: float) -> Drained | None:
        """What its agent tells."""
        agents = self._books.sources([relay])
        if not agents:
            return None
        await self._books.pull([relay])
        begin = await asyncio.to_thread(self._since, run, since)
        found = await asyncio.to_thread(self._books.account, begin, relays=[relay])
        if found is None or not any(self._books.ledger.source(a).stream for a in agents):
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
            unheard=(*found.unheard, *found.unread),
        )

    def _since(self, run: str, since: float) -> float:
        """When MX was moved to the relay by the run that this one goes back from, if that is earlier."""
        try:
            parent = self._runs.card(run).parent
            moved = self._runs.card(parent).moved_at if parent else 0.0
        except BcpError:
            moved = 0.0
        return min(since, moved) if moved else since
