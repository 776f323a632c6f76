"""A caching resolver with real TTLs, as outside senders use one: what it knows stays known until it expires."""

from __future__ import annotations

import asyncio
import contextlib
import time

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from bcp.lab.net import only_loopback, read_dns


class Resolver:
    """Asks one authoritative server, and remembers positive and negative answers (RFC 2308)."""

    def __init__(self, upstream: tuple[str, int], *, min_ttl: int = 0) -> None:
        self.upstream, self.min_ttl = upstream, min_ttl
        self._cache: dict[tuple[str, int], tuple[float, float, list[dns.rrset.RRset], int]] = {}
        self._servers: list[asyncio.AbstractServer] = []
        self._udp: list[asyncio.DatagramTransport] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, address: str, port: int) -> None:
        """Listen, UDP and TCP."""
        only_loopback(address)
        self._servers.append(await asyncio.start_server(self._tcp, address, port))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Udp(self), local_addr=(address, port)
        )
        self._udp.append(transport)

    async def stop(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.close()
        for transport in self._udp:
            transport.close()
        for task in self._tasks:
            task.cancel()

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while (wire := await read_dns(reader)) is not None:
                answer = await self.answer(wire)
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        writer.close()

    async def answer(self, wire: bytes) -> bytes:
        """From the cache, else from upstream."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return wire[:2] + b"\x80\x01" + b"\x00" * 8
        reply = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        key = (question.name.to_text().lower(), int(question.rdtype))
        now = time.monotonic()
        found = self._cache.get(key)
        if found is None or found[1] <= now:
            found = await self._fetch(question.name.to_text(), question.rdtype, now)
            if found is None:
                reply.set_rcode(dns.rcode.SERVFAIL)
                return reply.to_wire()
            self._cache[key] = found
        since, _, rrsets, rcode = found
        reply.set_rcode(dns.rcode.Rcode(rcode))
        for rrset in rrsets:
            copy: dns.rrset.RRset = rrset.copy()  # type: ignore[no-untyped-call]
            copy.ttl = max(0, int(rrset.ttl - (now - since)))
            reply.answer.append(copy)
        return reply.to_wire(max_size=65535)

    async def _fetch(
        self, name: str, kind: dns.rdatatype.RdataType, now: float
    ) -> tuple[float, float, list[dns.rrset.RRset], int] | None:
        query = dns.message.make_query(name, kind)
        query.flags &= ~dns.flags.RD
        wire = query.to_wire()
        writer = None
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(*self.upstream)
                writer.write(len(wire).to_bytes(2, "big") + wire)
                answer = await read_dns(reader)
        except (OSError, TimeoutError):
            return None
        finally:
            if writer is not None:
                writer.close()
        if answer is None:
            return None
        reply = dns.message.from_wire(answer)
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return None
        ttl = min((r.ttl for r in reply.answer), default=min((r.ttl for r in reply.authority), default=5))
        return now, now + max(self.min_ttl, ttl), list(reply.answer), int(reply.rcode())


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        async def work() -> None:
            answer = await self.resolver.answer(data)
            if self.transport is not None and not self.transport.is_closing():
                self.transport.sendto(answer, addr)

        task = asyncio.get_running_loop().create_task(work())
        self.resolver._tasks.add(task)
        task.add_done_callback(self.resolver._tasks.discard)
