"""A DNS server on loopback whose answers a test writes: one function from question to reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Answering = Callable[[dns.message.Message], dns.message.Message | None]
"""``None``: silence."""


def reply_to(query, *rrsets, rcode="NOERROR", aa=True, ad=False):
    """A reply with these record sets, as ``(name, ttl, type, text...)``."""
    reply = dns.message.make_response(query)
    reply.set_rcode(dns.rcode.from_text(rcode))
    reply.flags |= (dns.flags.AA if aa else 0) | (dns.flags.AD if ad else 0)
    for name, ttl, kind, *texts in rrsets:
        reply.answer.append(dns.rrset.from_text(name, ttl, "IN", kind, *texts))
    return reply


def zone(records, *, soa="corp.test.", aa=True):
    """Answers from a table ``{(name, type): [texts]}``;
    NXDOMAIN for names that are not in it, REFUSED outside of ``soa``."""

    def answer(query):
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        if not name.endswith(soa):
            return reply_to(query, rcode="REFUSED", aa=False)
        if kind == "SOA" and name == soa and (name, kind) not in records:
            return reply_to(query, (name, 60, "SOA", f"ns1.{soa} h.{soa} 1 2 3 4 5"), aa=aa)
        if (name, kind) in records:
            return reply_to(query, (name, 60, kind, *records[name, kind]), aa=aa)
        known = any(n == name for n, _ in records) or name == soa
        return reply_to(query, rcode="NOERROR" if known else "NXDOMAIN", aa=aa)

    return answer


class Servers:
    """Servers by name, each on 127.0.0.1 and a port of its own. Use as ``async with``."""

    def __init__(self, **answering: Answering) -> None:
        self.answering, self.asked, self.ports, self._open = answering, [], {}, []

    async def __aenter__(self):
        for name in self.answering:
            server = await asyncio.start_server(lambda r, w, n=name: self._serve(n, r, w), "127.0.0.1", 0)
            self._open.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        for server in self._open:
            server.close()

    def at(self, name: str) -> str:
        """Address, as it stands in settings."""
        return f"127.0.0.1:{self.ports[name]}"

    async def _serve(self, name, reader, writer):
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                query = dns.message.from_wire(await reader.readexactly(size))
                self.asked.append(
                    (name, query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype))
                )
                found = self.answering[name](query)
                if found is None:
                    await asyncio.sleep(60)
                    return
                wire = found.to_wire()
                writer.write(len(wire).to_bytes(2, "big") + wire)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def silent(_query):
    """No answer at all."""
    return


def failing(query):
    """SERVFAIL, whatever the question."""
    return reply_to(query, rcode="SERVFAIL", aa=False)
