"""Look-ups as a sender makes them: MX and addresses through given resolvers, without a cache of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from bcp.kit.dns_read import addresses_in
from bcp.kit.dnswire import Endpoint, Lost, exchange, parse_endpoint


@dataclass(frozen=True, slots=True)
class Told:
    """One server's answer: ``code`` is the response code, empty when it did not answer."""

    server: str
    code: str
    addresses: tuple[str, ...] = ()
    secure: bool = False
    """The resolver says that it validated the answer (AD, RFC 4035)."""


def resolvers_of(texts: Sequence[str]) -> list[Endpoint]:
    """The given resolvers, else the system's (two at most)."""
    if texts:
        return [parse_endpoint(t) for t in texts]
    from dns.resolver import NoResolverConfiguration, Resolver

    try:
        return [Endpoint(str(a), 53) for a in Resolver().nameservers][:2]
    except (NoResolverConfiguration, OSError):
        return []


async def ask_address(host: str, resolvers: Sequence[str], timeout_s: float, *, dnssec: bool = False) -> list[Told]:
    """A and AAAA of a host, asked at each resolver apart, in ``timeout_s`` at most."""
    name = dns.name.from_text(host).to_text()

    async def one(endpoint: Endpoint) -> Told:
        queries = [dns.message.make_query(name, k, want_dnssec=dnssec) for k in ("A", "AAAA")]
        replies = await _bounded(endpoint, queries, timeout_s)
        known = [r for r in replies if not isinstance(r, Lost)]
        if not known:
            return Told(str(endpoint), "")
        addresses = addresses_in(known)
        worst = next((dns.rcode.to_text(r.rcode()) for r in known if r.rcode() != dns.rcode.NOERROR), "NOERROR")
        secure = bool(addresses) and all(bool(r.flags & dns.flags.AD) for r in known)
        return Told(str(endpoint), "NOERROR" if addresses else worst, addresses, secure)

    endpoints = resolvers_of(resolvers)
    if len(endpoints) == 1:
        return [await one(endpoints[0])]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(e)) for e in endpoints]
    return [t.result() for t in tasks]


async def _bounded(
    endpoint: Endpoint, queries: Sequence[dns.message.Message], timeout_s: float
) -> list[dns.message.Message | Lost]:
    """``exchange`` with a deadline over all of it: a server that sends byte by byte gains nothing."""
    try:
        async with asyncio.timeout(timeout_s):
            return await exchange(endpoint, queries, keyring=None, timeout_s=timeout_s, window=len(queries))
    except TimeoutError:
        return [Lost(f"{endpoint} does not answer in time") for _ in queries]


async def _name_servers(host: str, resolvers: Sequence[str], timeout_s: float) -> tuple[Endpoint, list[str]] | None:
    """NS names of the zone that holds ``host``, and who told; ``None`` when nobody does."""
    name = dns.name.from_text(host)
    for endpoint in resolvers_of(resolvers)[:2]:
        for depth in range(len(name.labels), 1, -1):
            zone = dns.name.Name(name.labels[-depth:])
            (reply,) = await _bounded(endpoint, [dns.message.make_query(zone, "NS")], timeout_s)
            if isinstance(reply, Lost):
                break
            names = [r.target.to_text() for s in reply.answer if s.rdtype == dns.rdatatype.NS for r in s]
            if names:
                return endpoint, sorted(names)
    return None


async def names_of_servers(domain: str, resolvers: Sequence[str], timeout_s: float) -> list[str]:
    """NS names of a domain, or of the zone above it, sorted.

    Raises:
        ValueError: nobody answers.
    """
    found = await _name_servers(domain, resolvers, timeout_s)
    if found is None:
        raise ValueError(f"no resolver tells the name servers of {domain}")
    return found[1]


async def addresses_of(host: str, resolvers: Sequence[str], timeout_s: float) -> list[str]:
    """Addresses of a host, or of an address itself; empty when it has none or nobody answers."""
    import ipaddress

    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        pass
    for told in await ask_address(host, resolvers, timeout_s):
        if told.addresses:
            return list(told.addresses)
    return []


async def mx_of_domain(domain: str, resolvers: Sequence[str], timeout_s: float) -> list[tuple[int, str]]:
    """Published MX, best first; the domain itself when it has none (RFC 5321 section 5.1).
    Empty when nobody answers."""
    for endpoint in resolvers_of(resolvers):
        (reply,) = await _bounded(endpoint, [dns.message.make_query(domain.rstrip(".") + ".", "MX")], timeout_s)
        if isinstance(reply, Lost) or reply.rcode() != dns.rcode.NOERROR:
            continue
        found = sorted(
            (int(r.preference), str(r.exchange)) for s in reply.answer if s.rdtype == dns.rdatatype.MX for r in s
        )
        return found or [(0, domain.rstrip(".") + ".")]
    return []


async def texts_of(name: str, resolvers: Sequence[str], timeout_s: float) -> list[bytes]:
    """TXT records of a name, strings of one record joined (RFC 7208 section 3.3);
    empty when there are none or nobody answers."""
    for endpoint in resolvers_of(resolvers):
        (reply,) = await _bounded(endpoint, [dns.message.make_query(name, "TXT")], timeout_s)
        if isinstance(reply, Lost) or reply.rcode() != dns.rcode.NOERROR:
            continue
        return [b"".join(r.strings) for s in reply.answer if s.rdtype == dns.rdatatype.TXT for r in s]
    return []
