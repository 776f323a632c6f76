"""One DNS question as bytes, and its answer over UDP or TCP, cheap enough for thousands of looks a minute.

There is no stream, no task and no message object for what is sent.

The question is what every resolver sends today: class IN, EDNS(0) with DNSSEC OK (RFC 1035 section 4.1, RFC 6891
section 6.1, RFC 3225). The answer is read by dnspython.
"""

from __future__ import annotations

import asyncio
import copy
import secrets
import socket
import struct
from dataclasses import dataclass
from functools import lru_cache

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from bcp.kernel.endpoint import Endpoint

PAYLOAD = 1232
"""Size of a UDP answer that we offer (DNS flag day 2020): larger ones come truncated, and are asked for over TCP."""
_DNSSEC_OK = 0x8000
_OPT = struct.pack("!BHHBBHH", 0, dns.rdatatype.OPT, PAYLOAD, 0, 0, _DNSSEC_OK, 0)
_MAX = 65_535
_BARE = frozenset({dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED})
"""Response codes that may come without the question."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how it goes over the wire."""

    name: dns.name.Name
    rdtype: dns.rdatatype.RdataType
    id: int
    wire: bytes

    def is_answered_by(self, reply: dns.message.Message) -> bool:
        """Is this an answer to it: its number, a response, the same question?"""
        if reply.id != self.id or not reply.flags & dns.flags.QR or reply.opcode() != dns.opcode.QUERY:
            return False
        if not reply.question:
            return reply.rcode() in _BARE
        asked = reply.question[0]
        same = asked.rdtype == self.rdtype and asked.rdclass == dns.rdataclass.IN
        return same and len(reply.question) == 1 and asked.name == self.name


@lru_cache(maxsize=256)
def _encoded(name: str) -> tuple[dns.name.Name, bytes]:
    """A name and its wire form: it is asked for by several types, servers and transports in one look."""
    found = dns.name.from_text(name)
    return found, found.to_wire() or b""


def question(name: str, rdtype: str, *, recursive: bool = True, checking: bool = True) -> Question:
    """A question with a random number.

    Raises:
        dns.exception.DNSException: ``name`` is no domain name.
    """
    found, wire = _encoded(name)
    kind = dns.rdatatype.from_text(rdtype)
    flags = (dns.flags.RD if recursive else 0) | (0 if checking else dns.flags.CD)
    number = secrets.randbits(16)
    head = struct.pack("!6H", number, flags, 1, 0, 0, 1)
    return Question(found, kind, number, b"".join((head, wire, struct.pack("!HH", kind, dns.rdataclass.IN), _OPT)))


def _socket(endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET, kind)
    made.setblocking(False)
    return made


async def over_udp(endpoint: Endpoint, asked: Question) -> dns.message.Message:
    """The answer over UDP. Has no deadline of its own. What others send, and what cannot be read, is passed over.

    Raises:
        OSError: the question cannot be sent.
    """
    loop = asyncio.get_running_loop()
    with _socket(endpoint, socket.SOCK_DGRAM) as wire:
        await loop.sock_sendto(wire, asked.wire, (endpoint.address, endpoint.port))
        while True:
            data, source = await loop.sock_recvfrom(wire, _MAX)
            if not _same_place(source, endpoint):
                continue
            reply = _read(data)
            if reply is not None and asked.is_answered_by(reply):
                return reply


@lru_cache(maxsize=512)
def _parsed(body: bytes) -> dns.message.Message:
    """What follows the number of a message. The same over UDP and TCP, and every minute, is read once."""
    return dns.message.from_wire(b"\0\0" + body)


def message(data: bytes) -> dns.message.Message:
    """An answer from its bytes, for reading only: what it holds may be shared with another one.

    Raises:
        dns.exception.DNSException, ValueError: they are no message.
    """
    if len(data) > PAYLOAD:  # large ones are not kept
        return dns.message.from_wire(data)
    found = copy.copy(_parsed(data[2:]))
    found.id = int.from_bytes(data[:2], "big")
    return found


def _read(data: bytes) -> dns.message.Message | None:
    try:
        return message(data)
    except Exception:  # whatever the bytes make dnspython raise: the right answer may still come
        return None


def _same_place(source: tuple[object, ...], endpoint: Endpoint) -> bool:
    family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
    here, there = str(source[0]).partition("%")[0], endpoint.address.partition("%")[0]
    return source[1] == endpoint.port and socket.inet_pton(family, here) == socket.inet_pton(family, there)


async def over_tcp(endpoint: Endpoint, asked: Question) -> dns.message.Message:
    """The answer over a TCP connection of its own (RFC 7766). Has no deadline of its own.

    Raises:
        OSError: no connection, or it broke.
        EOFError: the server closed it before the answer was whole.
        dns.exception.DNSException, ValueError: what came is no answer to the question.
    """
    loop = asyncio.get_running_loop()
    with _socket(endpoint, socket.SOCK_STREAM) as wire:
        await loop.sock_connect(wire, (endpoint.address, endpoint.port))
        await loop.sock_sendall(wire, struct.pack("!H", len(asked.wire)) + asked.wire)
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            more = await loop.sock_recv(wire, _MAX)
            if not more:
                raise EOFError
            data += more
    reply = message(data[2 : 2 + int.from_bytes(data[:2], "big")])
    if not asked.is_answered_by(reply):
        raise ValueError("not an answer to the question")
    return reply
