"""What a resolver tells about the MX of domains, asked once and bounded: of the world, or inside our own network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bcp.contracts.dns import Inside, MxSet
from bcp.kernel.endpoint import Endpoint, parse_endpoint
from bcp.kit.dns_read import mx_of, query, say_trouble
from bcp.kit.dnswire import Lost, exchange

LOOK_S = 3.0
"""How long one resolver may take to answer."""


async def mx_told(name: str, endpoint: Endpoint, domains: Sequence[str]) -> list[tuple[MxSet | None, str]]:
    """What this resolver tells for each domain, and why it gave no usable answer (empty: it did)."""
    asked = [query(d, "MX", recurse=True) for d in domains]
    try:
        async with asyncio.timeout(2 * LOOK_S):
            replies = await exchange(endpoint, asked, keyring=None, timeout_s=LOOK_S, window=16)
    except TimeoutError:
        replies = [Lost(f"{endpoint} does not answer in time") for _ in domains]
    return [
        (None if isinstance(r, Lost) else mx_of(r, d), say_trouble(r, name, d, authority=False))
        for d, r in zip(domains, replies, strict=True)
    ]


class InsideResolvers:
    """The resolvers that machines inside our network ask, by name. They may have a view of their own (split DNS)."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._endpoints = {n: parse_endpoint(a) for n, a in addresses.items()}

    async def look(self, domains: Sequence[str]) -> list[Inside]:
        """What each of them tells for each domain. Silence is a problem in the result, never an error."""
        told = await asyncio.gather(*(mx_told(n, e, domains) for n, e in self._endpoints.items()))
        return [
            Inside(domain, name, mx, problem)
            for name, answers in zip(self._endpoints, told, strict=True)
            for domain, (mx, problem) in zip(domains, answers, strict=True)
        ]
