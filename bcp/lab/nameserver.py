"""An authoritative DNS server that takes TSIG-signed updates (RFC 2136), with a journal in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update

from bcp.lab.net import only_loopback, read_dns

Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


class Zone:
    """Records of one zone."""

    def __init__(self, name: str, records: list[tuple[str, int, str, list[str]]]) -> None:
        self.name = dns.name.from_text(name)
        self.sets: dict[Key, dns.rdataset.Rdataset] = {}
        for owner, ttl, kind, texts in records:
            at = self.name if owner == "@" else dns.name.from_text(owner, self.name)
            self.sets[(at, dns.rdatatype.from_text(kind))] = dns.rdataset.from_text("IN", kind, ttl, *texts)
        self.serial = 1

    def get(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.rdataset.Rdataset | None:
        """A set, or ``None``. The SOA is made on the fly, with the serial."""
        if kind == dns.rdatatype.SOA and name == self.name:
            return dns.rdataset.from_text(
                "IN", "SOA", 5, f"ns1.{self.name} hostmaster.{self.name} {self.serial} 3600 600 86400 5"
            )
        return self.sets.get((name, kind))

    def has_name(self, name: dns.name.Name) -> bool:
        """Does anything exist at or below this name?"""
        return name == self.name or any(n.is_subdomain(name) for n, _ in self.sets)


class NameServer:
    """Serves zones on several loopback addresses. ``broken`` names answer SERVFAIL; ``silent`` answers nothing."""

    def __init__(self, zones: list[Zone], keys: Mapping[str, str]) -> None:
        self.zones = zones
        self.keyring = {dns.name.from_text(n): dns.tsig.Key(n, s, dns.tsig.HMAC_SHA256) for n, s in keys.items()}
        self.broken: set[dns.name.Name] = set()
        self.silent = False
        self.updates: list[tuple[str, str]] = []
        self.on_update: Callable[[], None] = lambda: None
        self._servers: list[asyncio.AbstractServer] = []
        self._udp: list[asyncio.DatagramTransport] = []

    async def start(self, addresses: list[str], port: int) -> None:
        """Listen, UDP and TCP."""
        for address in addresses:
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

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while (wire := await read_dns(reader)) is not None:
                answer = self.answer(wire)
                if answer is None:
                    await asyncio.sleep(3600)
                    return
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        writer.close()

    def answer(self, wire: bytes) -> bytes | None:
        """The wire answer to a wire message; ``None`` when we keep silent."""
        if self.silent:
            return None
        try:
            message = dns.message.from_wire(wire, keyring=self.keyring)
        except dns.message.UnknownTSIGKey:
            return _error(wire, dns.rcode.NOTAUTH)
        except (dns.tsig.BadSignature, dns.tsig.BadTime):
            return _error(wire, dns.rcode.NOTAUTH)
        except dns.exception.DNSException:
            return _error(wire, dns.rcode.FORMERR)
        reply = dns.message.make_response(message)
        if isinstance(message, dns.update.UpdateMessage):
            reply.set_rcode(self._update(message))
        else:
            self._query(message, reply)
        return reply.to_wire(max_size=65535)

    def _zone(self, name: dns.name.Name) -> Zone | None:
        found = [z for z in self.zones if name.is_subdomain(z.name)]
        return max(found, key=lambda z: len(z.name.labels), default=None)

    def _query(self, message: dns.message.Message, reply: dns.message.Message) -> None:
        question = message.question[0]
        zone = self._zone(question.name)
        if zone is None:
            reply.set_rcode(dns.rcode.REFUSED)
            return
        if question.name in self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return
        reply.flags |= dns.flags.AA
        for kind in (question.rdtype, dns.rdatatype.CNAME):
            found = zone.get(question.name, kind)
            if found is not None:
                reply.answer.append(_rrset(question.name, found))
                return
        if not zone.has_name(question.name):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        soa = zone.get(zone.name, dns.rdatatype.SOA)
        if soa is not None:
            reply.authority.append(_rrset(zone.name, soa))

    def _update(self, message: dns.update.UpdateMessage) -> dns.rcode.Rcode:
        if not message.had_tsig:
            return dns.rcode.REFUSED
        name = message.zone[0].name
        zone = next((z for z in self.zones if z.name == name), None)
        if zone is None:
            return dns.rcode.NOTAUTH
        for rrset in _whole(message.prerequisite):
            code = _prerequisite(zone, rrset)
            if code != dns.rcode.NOERROR:
                return code
        changed = False
        for rrset in message.update:
            if not rrset.name.is_subdomain(zone.name):
                return dns.rcode.NOTZONE
            changed = _apply(zone, rrset) or changed
        zone.serial += changed
        self.updates.append((str(name), str(message.update[0].name) if message.update else ""))
        self.on_update()
        return dns.rcode.NOERROR


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self.server = server
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self.server.answer(data)
        if answer is not None and self.transport is not None:
            self.transport.sendto(answer, addr)


def _rrset(name: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))


def _error(wire: bytes, code: dns.rcode.Rcode) -> bytes:
    """An unsigned error: header only, with the id of the question."""
    return wire[:2] + bytes([wire[2] | 0x80, code]) + b"\x00" * 8 if len(wire) >= 12 else b""


def _whole(prerequisites: list[dns.rrset.RRset]) -> list[dns.rrset.RRset]:
    """Value-dependent records of one name and type together: they are compared as a set (RFC 2136 section 3.2.3)."""
    out: list[dns.rrset.RRset] = []
    for rrset in prerequisites:
        same = next((o for o in out if (o.name, o.rdtype, o.deleting) == (rrset.name, rrset.rdtype, None)), None)
        if rrset.deleting is None and same is not None:
            same.union_update(rrset)  # type: ignore[no-untyped-call]
        else:
            out.append(rrset)
    return out


def _prerequisite(zone: Zone, rrset: dns.rrset.RRset) -> dns.rcode.Rcode:
    """RFC 2136 section 3.2."""
    found = zone.get(rrset.name, rrset.rdtype)
    if rrset.deleting == dns.rdataclass.ANY:
        if rrset.rdtype == dns.rdatatype.ANY:
            return dns.rcode.NOERROR if zone.has_name(rrset.name) else dns.rcode.NXDOMAIN
        return dns.rcode.NOERROR if found else dns.rcode.NXRRSET
    if rrset.deleting == dns.rdataclass.NONE:
        if rrset.rdtype == dns.rdatatype.ANY:
            return dns.rcode.YXDOMAIN if zone.has_name(rrset.name) else dns.rcode.NOERROR
        return dns.rcode.YXRRSET if found else dns.rcode.NOERROR
    return dns.rcode.NOERROR if found is not None and set(found) == set(rrset) else dns.rcode.NXRRSET


def _apply(zone: Zone, rrset: dns.rrset.RRset) -> bool:
    """RFC 2136 section 3.4.2."""
    key = (rrset.name, rrset.rdtype)
    if rrset.deleting == dns.rdataclass.ANY:
        if rrset.rdtype == dns.rdatatype.ANY:
            gone = [k for k in zone.sets if k[0] == rrset.name]
            for k in gone:
                del zone.sets[k]
            return bool(gone)
        return zone.sets.pop(key, None) is not None
    if rrset.deleting == dns.rdataclass.NONE:
        old = zone.sets.get(key)
        if old is None:
            return False
        left = [r for r in old if r not in set(rrset)]
        if left:
            zone.sets[key] = dns.rdataset.from_rdata_list(old.ttl, left)
        else:
            del zone.sets[key]
        return True
    old = zone.sets.get(key)
    together = list(dict.fromkeys([*(old or []), *rrset]))
    zone.sets[key] = dns.rdataset.from_rdata_list(rrset.ttl, together)
    return True
