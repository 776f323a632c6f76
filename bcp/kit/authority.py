"""Every authoritative address, asked separately: what does the world get, wherever it asks?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import dns.flags
import dns.message

from bcp.contracts.dns import Answer, Delegation, HostFacts, Serial, Trouble
from bcp.kit.at_once import AtOnce
from bcp.kit.dns_read import (
    Reply,
    find_zones,
    mx_of,
    names_in,
    query,
    referred_to,
    say_trouble,
    serial_of,
    trouble_of,
)
from bcp.kit.dnswire import Endpoint, Lost, exchange, parse_endpoint
from bcp.kit.resolver import Resolver

MAX_SERVERS = 16
"""Addresses asked at once."""


class Authority:
    """The authoritative servers of zones.

    ``fixed``: exactly these addresses, when the configuration names them. Else the addresses of the NS records, as
    the host's
    ``own`` servers list them and as the world is told, and the ``own`` servers themselves (a hidden primary).
    """

    def __init__(
        self, fixed: Sequence[str], own: Sequence[str], resolver: Resolver, *, timeout_s: float, window: int = 64
    ) -> None:
        self._fixed = tuple(dict.fromkeys(parse_endpoint(t) for t in fixed))
        self._own = tuple(dict.fromkeys(parse_endpoint(t) for t in own))
        self._resolver, self._timeout_s, self._window = resolver, timeout_s, window
        self._servers: dict[str, tuple[Endpoint, ...]] = {}
        self._nameless: dict[str, dict[str, str]] = {}
        self._at_once = AtOnce(MAX_SERVERS)

    async def zones(self, domains: Sequence[str]) -> dict[str, str]:
        """The zone of each domain, where it can be found out: at the own servers, else among what resolvers tell."""
        found: dict[str, str] = {}
        for endpoint in self._own or self._fixed:
            rest = [d for d in domains if d not in found]
            told = await find_zones(lambda m, e=endpoint: self._ask(e, m), str(endpoint), rest)  # type: ignore[misc]
            found.update({d: z.zone for d, z in told.items() if z.zone})
        waiting = {d: d for d in domains if d not in found}
        while waiting:
            names = await self._resolver.name_servers(list(waiting.values()))
            for (domain, candidate), servers in zip(list(waiting.items()), names, strict=True):
                parent = candidate.partition(".")[2]
                if servers:
                    found[domain] = candidate
                if servers or parent.count(".") < 1:
                    waiting.pop(domain)
                else:
                    waiting[domain] = parent
        return found

    async def answers(self, zones: Mapping[str, str]) -> list[Answer]:
        """What every address serves for each domain (key) of a zone (value), sorted by domain and address."""
        await self._find(sorted(set(zones.values())))
        by_server: dict[Endpoint, list[str]] = {}
        out: list[Answer] = []
        for domain, zone in zones.items():
            servers, nameless = self._servers.get(zone, ()), self._nameless.get(zone, {})
            for endpoint in servers:
                by_server.setdefault(endpoint, []).append(domain)
            out += [Answer(domain, h, None, problem=p, trouble=Trouble.UNREACHABLE) for h, p in nameless.items()]
            if not servers and not nameless:
                problem = f"no name server of {zone} could be found"
                out.append(Answer(domain, zone, None, problem=problem, trouble=Trouble.ERROR))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(e, names)) for e, names in by_server.items()]
        return sorted([*out, *(a for t in tasks for a in t.result())], key=lambda a: (a.domain, a.address))

    async def serials(self, zones: Sequence[str]) -> list[Serial]:
        """The serial of each zone at every address that says one with authority."""
        await self._find(zones)
        by_server: dict[Endpoint, list[str]] = {}
        for zone in zones:
            for endpoint in self._servers.get(zone, ()):
                by_server.setdefault(endpoint, []).append(zone)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._serials(e, names)) for e, names in by_server.items()]
        return sorted((s for t in tasks for s in t.result()), key=lambda s: (s.zone, s.address))

    async def _serials(self, endpoint: Endpoint, zones: Sequence[str]) -> list[Serial]:
        async with self._at_once.here:
            replies = await self._ask(endpoint, [query(z, "SOA") for z in zones])
        told = ((z, serial_of(r, z)) for z, r in zip(zones, replies, strict=True))
        return [Serial(z, str(endpoint), n) for z, n in told if n is not None]

    async def delegations(self, zones: Sequence[str]) -> list[Delegation]:
        """NS names as resolvers tell them, and as the own servers say."""
        world = await self._resolver.name_servers(zones)
        host = await self._own_names(zones)
        return [Delegation(z, w, h) for z, w, h in zip(zones, world, host, strict=True)]

    async def _one(self, endpoint: Endpoint, names: Sequence[str]) -> list[Answer]:
        async with self._at_once.here:
            replies = await self._ask(endpoint, [query(d, "MX") for d in names])
        return [_answer(d, endpoint, r) for d, r in zip(names, replies, strict=True)]

    async def _find(self, zones: Sequence[str]) -> None:
        """Addresses of the servers of each zone. Those that were found stay known; those that were not are asked
        again."""
        if self._fixed:
            self._servers.update((z, self._fixed) for z in zones)
            return
        fresh = [z for z in zones if z not in self._servers or self._nameless.get(z)]
        if not fresh:
            return
        for told in await self.delegations(fresh):
            found, nameless = dict.fromkeys(self._own), {}
            hosts = sorted({*told.world, *told.host})
            for host, facts in zip(hosts, await self._look_up(hosts), strict=True):
                found.update((Endpoint(a), None) for a in facts.addresses)
                if not facts.addresses:
                    nameless[host] = f"its address is not known: {facts.problem}"
            self._servers[told.zone], self._nameless[told.zone] = tuple(found), nameless

    async def _look_up(self, hosts: Sequence[str]) -> list[HostFacts]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._resolver.look_up(h)) for h in hosts]
        return [t.result() for t in tasks]

    async def _own_names(self, zones: Sequence[str]) -> list[tuple[str, ...]]:
        for endpoint in self._own:
            replies = await self._ask(endpoint, [query(z, "NS") for z in zones])
            if not all(isinstance(r, Lost) for r in replies):
                return [names_in(r, z) for r, z in zip(replies, zones, strict=True)]
        return [() for _ in zones]

    async def _ask(self, endpoint: Endpoint, messages: Sequence[dns.message.Message]) -> list[Reply]:
        return await exchange(endpoint, messages, keyring=None, timeout_s=self._timeout_s, window=self._window)


def _answer(domain: str, endpoint: Endpoint, reply: Reply) -> Answer:
    """What one address says. No answer in time is that, and nothing about authority."""
    problem = say_trouble(reply, str(endpoint), domain, authority=True)
    trouble = trouble_of(reply, authority=True)
    if isinstance(reply, Lost):
        return Answer(domain, str(endpoint), None, problem=problem, trouble=trouble)
    authoritative = bool(reply.flags & dns.flags.AA)
    found, on = mx_of(reply, domain), referred_to(reply, domain)
    return Answer(domain, str(endpoint), found, 0, authoritative, problem, trouble, on)
