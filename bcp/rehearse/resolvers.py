"""Several caching resolvers of senders, asked at different times: what they are told is the propagation curve."""

from __future__ import annotations

import asyncio

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rdatatype

from bcp.lab.resolver import Resolver
from bcp.lab.world import World

ADDRESSES = tuple(f"127.0.53.{n}" for n in range(20, 25))
TIMEOUT_S = 1.0


class Several:
    """Resolvers on loopback over the lab's own name server, each with a cache of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.resolvers: list[Resolver] = []

    async def start(self) -> None:
        """Listen. The world has been started."""
        for address in ADDRESSES:
            resolver = Resolver((self.world.dns_addresses[0], self.world.dns_port))
            await resolver.start(address, self.world.dns_port)
            self.resolvers.append(resolver)

    async def told(self, domain: str, relay: str) -> tuple[int, int]:
        """How many of them answer with the relay's MX now, and how many answered at all."""
        found = await asyncio.gather(*(self._mx(a, domain) for a in ADDRESSES))
        known = [f for f in found if f is not None]
        return sum(relay.rstrip(".") in f for f in known), len(known)

    async def _mx(self, address: str, domain: str) -> set[str] | None:
        query = dns.message.make_query(dns.name.from_text(domain), dns.rdatatype.MX)
        try:
            answer = await dns.asyncquery.udp(query, address, timeout=TIMEOUT_S, port=self.world.dns_port)
        except (dns.exception.DNSException, OSError):
            return None
        rows = [r for s in answer.answer if s.rdtype == dns.rdatatype.MX for r in s]
        return {str(r.exchange).rstrip(".") for r in rows}

    async def stop(self) -> None:
        """Listen no more."""
        for resolver in self.resolvers:
            await resolver.stop()
