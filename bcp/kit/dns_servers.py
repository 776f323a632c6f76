"""Which servers hold a zone: found through resolvers, and remembered, for they cannot be found once it is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

import dns.name
from pydantic import AfterValidator

from bcp.kernel.clock import Clock
from bcp.kit.dns_ask import Reply, ask, best
from bcp.kit.dnswire import Endpoint, parse_endpoint
from bcp.kit.resolve import resolvers_of

FOUND_FOR_S = 6 * 3600.0
"""How long what was found is used without asking again."""
RETRY_S = 600.0
"""When to ask again where nothing was found."""
MAX_SERVERS = 12
"""Addresses that are asked in one look."""


def _endpoints(texts: list[str]) -> list[str]:
    return [str(parse_endpoint(t)) for t in texts]


Endpoints = Annotated[list[str], AfterValidator(_endpoints)]
"""Addresses of servers in settings, each with an optional port."""


class Servers:
    """The servers of the zone that holds a name. What was found once stays, while nobody tells anything newer."""

    def __init__(
        self, clock: Clock, name: str, resolvers: Sequence[str], given: Literal["auto"] | Sequence[str]
    ) -> None:
        self._clock, self._name, self._resolvers = clock, name, tuple(resolvers)
        self._auto = given == "auto"
        self._known = [] if isinstance(given, str) else [parse_endpoint(t) for t in given]
        self._again = float("-inf")

    async def find(self, timeout_s: float) -> list[Endpoint]:
        """Their addresses, of both families, 12 at most; empty when they cannot be found out and never were."""
        now = self._clock.monotonic()
        if self._auto and now >= self._again:
            found: list[Endpoint] = []
            try:
                async with asyncio.timeout(timeout_s):
                    found = await _find(self._name, self._resolvers, timeout_s / 2)
            except TimeoutError:
                pass
            self._known = found or self._known
            self._again = now + (FOUND_FOR_S if found else RETRY_S)
        return self._known


async def _find(name: str, resolvers: Sequence[str], timeout_s: float) -> list[Endpoint]:
    for resolver in resolvers_of(resolvers)[:2]:
        names = await _names(resolver, name, timeout_s)
        if names:
            found = await asyncio.gather(*(_addresses(resolver, n, timeout_s) for n in names[:6]))
            return [Endpoint(a) for addresses in found for a in addresses][:MAX_SERVERS]
    return []


async def _names(resolver: Endpoint, name: str, timeout_s: float) -> tuple[str, ...]:
    """NS names of the zone that holds ``name``. Goes up one label only where it is certain that no zone begins
    there."""
    labels = dns.name.from_text(name).labels
    for depth in range(len(labels), 1, -1):
        zone = dns.name.Name(labels[-depth:]).to_text()
        reply = await _unchecked(resolver, zone, "NS", timeout_s)
        if reply.records:
            return reply.records
        if reply.code not in {"NOERROR", "NXDOMAIN"}:  # the zone above is another one: its servers would look lame
            return ()
    return ()


async def _addresses(resolver: Endpoint, name: str, timeout_s: float) -> list[str]:
    four, six = await asyncio.gather(
        _unchecked(resolver, name, "A", timeout_s), _unchecked(resolver, name, "AAAA", timeout_s)
    )
    return [*four.records, *six.records]


async def _unchecked(resolver: Endpoint, name: str, rdtype: str, timeout_s: float) -> Reply:
    """Over UDP, then TCP where that brings nothing whole; without validation, for a bogus zone has servers too."""
    udp = await ask(resolver, name, rdtype, timeout_s=timeout_s, checking=False)
    if udp.answered and not udp.truncated:
        return udp
    return best([udp, await ask(resolver, name, rdtype, timeout_s=timeout_s, transport="tcp", checking=False)])
