"""Servers that say what a test tells them to, over real sockets on loopback:
SMTP by verb and recipient, DNS over UDP and TCP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from bcp import registry
from bcp.kernel.clock import SystemClock

MX, A, AAAA, NS = "MX", "A", "AAAA", "NS"
PATIENT = "60s"
"""Deadline of a look that ends by an answer: no busy machine reaches it. Scenes that play silence set a short one."""


def make(kind: str, clock=None, **settings):
    """A probe of this kind."""
    given = registry.settings_class("probes", kind).model_validate({"timeout": PATIENT, **settings})
    return registry.load("probes", kind).create("p", given, clock or SystemClock())


@dataclass
class Smtp:
    """``rcpt`` is by recipient (without: ``250 2.1.5 ok``); a text that is empty cuts the connection."""

    greeting: str = "220 mail ESMTP"
    ehlo: str = "250 mail"
    mail: str = "250 2.1.0 ok"
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = "354 go ahead"
    after_data: str = "250 2.0.0 queued"
    taken: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say(writer, self.greeting):
            return
        while line := await reader.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            verb = verb.upper()
            if verb == "DATA":
                if not await self._data(reader, writer):
                    return
                continue
            answers = {"EHLO": self.ehlo, "MAIL": self.mail, "RCPT": self._rcpt(rest), "QUIT": "221 bye"}
            if not await self._say(writer, answers.get(verb, "250 ok")):
                return

    async def first(self) -> bytes:
        """The first mail, once it has come."""
        await self._arrived.wait()
        return self.taken[0]

    def _rcpt(self, rest: str) -> str:
        name = rest.partition("<")[2].partition(">")[0]
        if rest.upper().startswith("TO:"):
            self.asked.append(name)
        return self.rcpt.get(name, self.rcpt.get("*", "250 2.1.5 ok"))

    async def _data(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if not await self._say(writer, self.data):
            return False
        if self.data.startswith("354"):
            self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
            self._arrived.set()
            return await self._say(writer, self.after_data)
        return True

    @staticmethod
    async def _say(writer: asyncio.StreamWriter, text: str) -> bool:
        if not text:
            writer.transport.abort()
            return False
        writer.write(text.encode() + b"\r\n")
        await writer.drain()
        return not text.startswith("421")


Answer = Callable[[dns.message.Message, str], dns.message.Message | None]


def zone(
    records: dict[tuple[str, str], list[str]],
    *,
    code: str = "NOERROR",
    bare: str = "",
    secure: bool = False,
    authoritative: bool = True,
    over: str = "both",
) -> Answer:
    """Answers by (name, type). ``code`` for everything; ``bare``: the code with checking disabled;
    ``over`` udp, tcp or both."""

    def answer(query: dns.message.Message, transport: str) -> dns.message.Message | None:
        if over not in {"both", transport}:
            return None
        reply = dns.message.make_response(query)
        unchecked = bool(query.flags & dns.flags.CD)
        said = bare if unchecked and bare else code
        reply.set_rcode(dns.rcode.from_text(said))
        if authoritative:
            reply.flags |= dns.flags.AA
        if secure and not unchecked:
            reply.flags |= dns.flags.AD
        question = query.question[0]
        found = records.get((question.name.to_text().rstrip("."), dns.rdatatype.to_text(question.rdtype)), [])
        if said == "NOERROR" and found:
            reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, found))
        return reply

    return answer


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        reply = self.answer(dns.message.from_wire(data), "udp")
        if reply is not None:
            self.transport.sendto(reply.to_wire(), addr)


@contextlib.asynccontextmanager
async def dns_server(answer: Answer, address: str = "127.0.0.1") -> AsyncIterator[str]:
    """One server on the same port over UDP and TCP; yields ``address:port``."""

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                reply = answer(dns.message.from_wire(await reader.readexactly(size)), "tcp")
                if reply is not None:
                    wire = reply.to_wire()
                    writer.write(len(wire).to_bytes(2, "big") + wire)
                    await writer.drain()
        writer.close()

    loop = asyncio.get_running_loop()
    for attempt in range(20):  # what is free for TCP may be another test's for UDP
        tcp = await asyncio.start_server(over_tcp, address, 0, family=socket.AF_INET)
        port = tcp.sockets[0].getsockname()[1]
        try:
            udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(answer), local_addr=(address, port))
            break
        except OSError:
            tcp.close()
            if attempt == 19:
                raise
    try:
        yield f"{address}:{port}"
    finally:
        udp.close()
        tcp.close()
