"""Small things about DNS messages: make a question, take the MX out of an answer, find the zone that holds a name."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from bcp.contracts.dns_writer import Trouble
from bcp.contracts.mx import MxHost, MxSet
from bcp.kit.dnswire import Lost

Reply = dns.message.Message | Lost
Ask = Callable[[Sequence[dns.message.Message]], Awaitable[list[Reply]]]
"""Asks one server many questions; one reply each, in order."""

USABLE = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
"""Codes that say something about the name. All others say something about the server."""


class Plain(dns.message.QueryMessage):
    """A question and nothing else. Rendered by hand: dnspython's renderer is made for any message, and a switch of a
    thousand zones asks thousands of these."""

    def to_wire(self, *args: Any, **kwargs: Any) -> bytes:
        """As dnspython does it; anything but a bare question is left to it."""
        more = args or kwargs or self.tsig or self.options or len(self.question) != 1
        if more or self.answer or self.authority or self.additional:
            return super().to_wire(*args, **kwargs)
        (asked,), opt = self.question, self.opt
        head = struct.pack("!6H", self.id, self.flags, 1, 0, 0, opt is not None)
        kind = struct.pack("!HH", asked.rdtype, asked.rdclass)
        edns = struct.pack("!BHHIH", 0, opt.rdtype, opt.rdclass, opt.ttl, 0) if opt is not None else b""
        return b"".join((head, asked.name.to_wire() or b"", kind, edns))


@lru_cache(maxsize=64)
def _like(kind: str, recurse: bool, dnssec: bool) -> tuple[dns.rdatatype.RdataType, int, dns.rrset.RRset | None]:
    """What questions of one kind share."""
    made = dns.message.make_query(".", kind, want_dnssec=dnssec)
    return made.question[0].rdtype, made.flags if recurse else made.flags & ~dns.flags.RD, made.opt


def query(name: str, kind: str, *, recurse: bool = False, dnssec: bool = False) -> dns.message.QueryMessage:
    """A question; without RD unless ``recurse``, as authoritative servers are asked."""
    made = Plain()
    rdtype, made.flags, made.opt = _like(kind, recurse, dnssec)
    made.question.append(dns.rrset.RRset(dns.name.from_text(name), dns.rdataclass.IN, rdtype))
    return made


def mx_of(reply: dns.message.Message, domain: str) -> MxSet | None:
    """The MX RRset of this name in a reply; ``None`` when there is none. Names in lower case."""
    name = dns.name.from_text(domain)
    for rrset in reply.answer:
        if rrset.rdtype == dns.rdatatype.MX and rrset.name == name:
            hosts = (MxHost(int(r.preference), str(r.exchange).lower()) for r in rrset)
            return MxSet(tuple(sorted(hosts)), int(rrset.ttl))
    return None


def serial_of(reply: Reply, zone: str) -> int | None:
    """The serial of a zone (RFC 1035 section 3.3.13), where a server says it with authority."""
    own = dns.name.from_text(zone)
    if isinstance(reply, Lost) or not reply.flags & dns.flags.AA:
        return None
    soa = (s[0] for s in reply.answer if s.rdtype == dns.rdatatype.SOA and s.name == own)
    return next((int(r.serial) for r in soa), None)


def cname_of(reply: dns.message.Message, name: str) -> str:
    """What this name is an alias of; empty when it is none."""
    own = dns.name.from_text(name)
    return next((str(s[0].target) for s in reply.answer if s.rdtype == dns.rdatatype.CNAME and s.name == own), "")


def addresses_in(replies: Iterable[dns.message.Message]) -> tuple[str, ...]:
    """Addresses (A, AAAA) in these replies, each once, in their order."""
    kinds = (dns.rdatatype.A, dns.rdatatype.AAAA)
    return tuple(dict.fromkeys(rd.address for r in replies for s in r.answer if s.rdtype in kinds for rd in s))


def names_in(reply: Reply, zone: str) -> tuple[str, ...]:
    """NS names of a zone in a reply, in lower case, sorted; empty when there are none."""
    if isinstance(reply, Lost):
        return ()
    own = dns.name.from_text(zone)
    found = (r for s in reply.answer if s.rdtype == dns.rdatatype.NS and s.name == own for r in s)
    return tuple(sorted({str(r.target).lower() for r in found}))


def referred_to(reply: Reply, name: str) -> str:
    """The name that a server delegates on the way to this one, with servers of its own; empty: it answers itself."""
    if isinstance(reply, Lost) or reply.answer or reply.flags & dns.flags.AA or reply.rcode() != dns.rcode.NOERROR:
        return ""
    asked = dns.name.from_text(name)
    cuts = (s.name for s in reply.authority if s.rdtype == dns.rdatatype.NS and asked.is_subdomain(s.name))
    return next((c.to_text(omit_final_dot=True).lower() for c in cuts), "")


def trouble_of(reply: Reply, *, authority: bool) -> Trouble:
    """What is wrong with a reply as an answer about its name; ``authority``: the server must say that the zone is
    its own."""
    if isinstance(reply, Lost):
        return Trouble(reply.code) if reply.code in set(Trouble) else Trouble.ERROR
    if reply.rcode() == dns.rcode.REFUSED:
        return Trouble.NOT_ALLOWED
    if reply.rcode() not in USABLE:
        return Trouble.ERROR
    if authority and not reply.flags & dns.flags.AA:
        return Trouble.LAME
    return Trouble.NONE


def say_trouble(reply: Reply, server: str, domain: str, *, authority: bool) -> str:
    """The same in words; empty when nothing is wrong."""
    found = trouble_of(reply, authority=authority)
    if found is Trouble.NONE:
        return ""
    if isinstance(reply, Lost):
        return reply.reason
    if found is Trouble.LAME:
        return f"{server} answers without authority for {domain}"
    return f"{server} answers {dns.rcode.to_text(reply.rcode())}"


class ZoneFound(NamedTuple):
    """The zone that holds a name at one server, or why that is not known."""

    zone: str = ""
    trouble: Trouble = Trouble.NONE
    problem: str = ""


async def find_zones(ask: Ask, server: str, domains: Iterable[str]) -> dict[str, ZoneFound]:
    """The zone of each domain: the name itself or the nearest parent with an SOA of its own at this server.

    A server that does not answer is not one that has no zone: the first is ``SILENT``, the second ``NO_ZONE``.
    """
    found: dict[str, ZoneFound] = {}
    waiting = {d: d for d in domains}
    while waiting:
        order = list(waiting)
        replies = await ask([query(waiting[d], "SOA") for d in order])
        for domain, reply in zip(order, replies, strict=True):
            candidate = waiting.pop(domain)
            if isinstance(reply, Lost):
                found[domain] = ZoneFound("", trouble_of(reply, authority=False), reply.reason)
            elif _has_soa(reply, candidate):
                found[domain] = ZoneFound(candidate)
            elif (parent := candidate.partition(".")[2]).count(".") < 1:
                problem = f"{server} is not authoritative for any zone of {domain}"
                found[domain] = ZoneFound("", Trouble.NO_ZONE, problem)
            else:
                waiting[domain] = parent
    return found


def _has_soa(reply: dns.message.Message, name: str) -> bool:
    own = dns.name.from_text(name)
    return bool(reply.flags & dns.flags.AA) and any(
        s.rdtype == dns.rdatatype.SOA and s.name == own for s in reply.answer
    )
