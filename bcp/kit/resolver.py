"""Names as a sender finds them: addresses, TXT, TLSA, name servers and DNSSEC, through resolvers, without a cache.

Where no resolver gives a usable answer the servers that hold our own zones are asked; of them only answers with
authority count, since a referral is no answer. *Nobody answered* and *there is none* are never the same result.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from bcp.contracts.dns import Chain, HostFacts, Signed, Trouble
from bcp.kernel.errors import Transient
from bcp.kit.dns_read import USABLE, Reply, addresses_in, cname_of, names_in, query, say_trouble, trouble_of
from bcp.kit.dnswire import Endpoint, Lost, exchange, parse_endpoint
from bcp.kit.resolve import resolvers_of

SILENT_S = 30.0
"""So long a server that did not answer is asked last."""
Question = tuple[str, str]
"""Name and type."""


class Resolver:
    """Asks each resolver in turn until one gives a usable answer; then ``own`` servers, with authority."""

    def __init__(self, resolvers: Sequence[str], own: Sequence[str], *, timeout_s: float, window: int = 64) -> None:
        self._given, self._own = tuple(resolvers), tuple(parse_endpoint(t) for t in own)
        self._timeout_s, self._window = timeout_s, window
        self._silent: dict[Endpoint, float] = {}

    async def ask(self, questions: Sequence[Question]) -> list[Reply]:
        """One reply each. A reply that is not usable stands for all servers that were asked."""
        replies: list[Reply] = [Lost("no resolver is configured") for _ in questions]
        todo = list(range(len(questions)))
        for endpoint, authority in self._order():
            if not todo:
                break
            asked = [query(*questions[i], recurse=not authority, dnssec=True) for i in todo]
            for i, reply in zip(todo, await self._exchange(endpoint, asked), strict=True):
                if trouble_of(reply, authority=authority) is Trouble.NONE or not _said(replies[i]):
                    replies[i] = _without_authority(endpoint, reply, authority)
            todo = [i for i in todo if trouble_of(replies[i], authority=False) is not Trouble.NONE]
        return replies

    def _order(self) -> list[tuple[Endpoint, bool]]:
        """Whom to ask, and who must have authority. Who was silent a moment ago comes last.

        In an outage of DNS hundreds of look-ups would else each wait for the same dead resolver.
        """
        now = asyncio.get_running_loop().time()
        order = [*((e, False) for e in resolvers_of(self._given)), *((e, True) for e in self._own)]
        return sorted(order, key=lambda o: self._silent.get(o[0], 0.0) > now)

    async def look_up(self, host: str) -> HostFacts:
        """Addresses (A, AAAA) and alias of a host."""
        replies = await self.ask([(host, "A"), (host, "AAAA")])
        known = [r for r in replies if not isinstance(r, Lost) and r.rcode() in USABLE]
        addresses = addresses_in(known)
        cname = next((c for r in known if (c := cname_of(r, host))), "")
        if addresses:
            return HostFacts(host, addresses, cname)
        for reply in replies:  # one question that nobody answered is enough not to know
            if (trouble := trouble_of(reply, authority=False)) is not Trouble.NONE:
                return HostFacts(host, (), cname, say_trouble(reply, "the resolver", host, authority=False), trouble)
        gone = any(r.rcode() == dns.rcode.NXDOMAIN for r in known)
        return HostFacts(host, (), cname, "the name does not exist" if gone else "it has no A and no AAAA record")

    async def text(self, name: str) -> tuple[str, ...]:
        """TXT records, the strings of each joined (RFC 7208 section 3.3)."""
        found = await self._records(name, "TXT")
        return tuple(sorted(b"".join(rd.strings).decode("utf-8", "replace") for rd in found))

    async def tlsa(self, host: str) -> tuple[str, ...]:
        """TLSA records for SMTP at this host (RFC 7672 section 2.2.3)."""
        return tuple(sorted(rd.to_text() for rd in await self._records(f"_25._tcp.{host}", "TLSA")))

    async def name_servers(self, zones: Sequence[str]) -> list[tuple[str, ...]]:
        """NS names of each zone as resolvers tell them; empty where they do not."""
        replies = await self.ask([(z, "NS") for z in zones])
        return [names_in(r, z) for r, z in zip(replies, zones, strict=True)]

    async def signed(self, domains: Sequence[str], kind: str = "MX") -> list[Signed]:
        """DNSSEC state. *Bogus*: an error with validation, an answer without it (CD, RFC 4035 section 3.2.2), and the
        error once more: a resolver that did not reach the zone in time says the same SERVFAIL, once."""
        for endpoint in resolvers_of(self._given):
            replies = await self._exchange(endpoint, [query(d, kind, recurse=True, dnssec=True) for d in domains])
            if all(isinstance(r, Lost) for r in replies):
                continue
            failing = [d for d, r in zip(domains, replies, strict=True) if _servfail(r)]
            asked = [query(d, kind, recurse=True, dnssec=True) for d in failing]
            unchecked = [query(d, kind, recurse=True, dnssec=True) for d in failing]
            for message in unchecked:
                message.flags |= dns.flags.CD
            second = dict(zip(failing, await self._exchange(endpoint, unchecked), strict=True))
            third = dict(zip(failing, await self._exchange(endpoint, asked), strict=True))
            return [_chain(third.get(d, r), second.get(d)) for d, r in zip(domains, replies, strict=True)]
        return [Signed() for _ in domains]

    async def _records(self, name: str, kind: str) -> list[Any]:
        (reply,) = await self.ask([(name, kind)])
        if trouble_of(reply, authority=False) is not Trouble.NONE or isinstance(reply, Lost):
            why = say_trouble(reply, "the resolver", name, authority=False)
            raise Transient(f"{kind} of {name} cannot be looked up: {why}", hint="Check resolvers: in bcp.yaml.")
        wanted = dns.rdatatype.from_text(kind)
        return [rd for s in reply.answer if s.rdtype == wanted for rd in s]

    async def _exchange(self, endpoint: Endpoint, messages: Sequence[dns.message.Message]) -> list[Reply]:
        """As ``exchange``, with a deadline over all of it: a server that sends byte by byte gains nothing."""
        if not messages:
            return []
        replies: list[Reply] = [Lost(f"{endpoint} does not answer in time") for _ in messages]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s * 2):
                replies = await exchange(
                    endpoint, messages, keyring=None, timeout_s=self._timeout_s, window=self._window
                )
        if all(isinstance(r, Lost) for r in replies):
            self._silent[endpoint] = asyncio.get_running_loop().time() + SILENT_S
        return replies


def _said(reply: Reply) -> bool:
    """Did a server say anything? An error code is better kept than another server's silence."""
    return not isinstance(reply, Lost)


def _without_authority(endpoint: Endpoint, reply: Reply, authority: bool) -> Reply:
    """An own server's answer without authority is a referral: nothing was said about the name."""
    if authority and trouble_of(reply, authority=True) is Trouble.LAME:
        return Lost(f"no resolver answers, and {endpoint} does not hold this name", code="lame")
    return reply


def _servfail(reply: Reply) -> bool:
    return not isinstance(reply, Lost) and reply.rcode() == dns.rcode.SERVFAIL


def _chain(reply: Reply, unchecked: Reply | None) -> Signed:
    if isinstance(reply, Lost):
        return Signed()
    if _servfail(reply):
        seen = unchecked is not None and not isinstance(unchecked, Lost) and unchecked.rcode() == dns.rcode.NOERROR
        return Signed(Chain.BOGUS if seen else Chain.UNKNOWN)
    if reply.rcode() not in USABLE:
        return Signed()
    ends = [int(rd.expiration) for s in reply.answer if s.rdtype == dns.rdatatype.RRSIG for rd in s]
    chain = Chain.SECURE if reply.flags & dns.flags.AD else Chain.INSECURE
    return Signed(chain, float(min(ends)) if ends else None)
