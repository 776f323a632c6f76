"""Look-ups as a sender makes them: MX and addresses through given resolvers, without a cache of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from bcp.kit.dnswire import Endpoint, Lost, exchange, parse_endpoint


@dataclass(frozen=True, slots=True)
class Told:
    """One server's answer: ``code`` is the response code, empty when it did not answer."""

    server: str
    code: str
    addresses: tuple[str, ...] = ()


def resolvers_of(texts: Sequence[str]) -> list[Endpoint]:
    """The given resolvers, else the system's (two at most)."""
    if texts:
        return [parse_endpoint(t) for t in texts]
    from dns.resolver import NoResolverConfiguration, Resolver  # noqa: PLC0415

    try:
        return [Endpoint(str(a), 53) for a in Resolver().nameservers][:2]
    except (NoResolverConfiguration, OSError):
        return []


async def ask_address(host: str, resolvers: Sequence[str], timeout_s: float) -> list[Told]:
    """A and AAAA of a host, asked at each resolver apart."""
    name = dns.name.from_text(host).to_text()

    async def one(endpoint: Endpoint) -> Told:
        replies = await exchange(
            endpoint,
            [dns.message.make_query(name, k) for k in ("A", "AAAA")],
            keyring=None,
            timeout_s=timeout_s,
            window=2,
        )
        known = [r for r in replies if not isinstance(r, Lost)]
        if not known:
            return Told(str(endpoint), "")
        addresses = tuple(
            dict.fromkeys(
                rd.address
                for r in known
                for s in r.answer
                if s.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
                for rd in s
            )
        )
        worst = next((dns.rcode.to_text(r.rcode()) for r in known if r.rcode() != dns.rcode.NOERROR), "NOERROR")
        return Told(str(endpoint), "NOERROR" if addresses else worst, addresses)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(e)) for e in resolvers_of(resolvers)]
    return [t.result() for t in tasks]


async def addresses_of(host: str, resolvers: Sequence[str], timeout_s: float) -> list[str]:
    """Addresses of a host, or of an address itself; empty when it has none or nobody answers."""
    import ipaddress  # noqa: PLC0415

    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        pass
    for told in await ask_address(host, resolvers, timeout_s):
        if told.addresses:
            return list(told.addresses)
    return []


async def mx_of_domain(domain: str, resolvers: Sequence[str], timeout_s: float) -> list[tuple[int, str]]:
    """Published MX, best first; the domain itself when it has none (RFC 5321 section 5.1). Empty when nobody answers."""
    for endpoint in resolvers_of(resolvers):
        reply = (
            await exchange(
                endpoint,
                [dns.message.make_query(domain.rstrip(".") + ".", "MX")],
                keyring=None,
                timeout_s=timeout_s,
                window=1,
            )
        )[0]
        if isinstance(reply, Lost) or reply.rcode() != dns.rcode.NOERROR:
            continue
        found = sorted(
            (int(r.preference), str(r.exchange)) for s in reply.answer if s.rdtype == dns.rdatatype.MX for r in s
        )
        return found or [(0, domain.rstrip(".") + ".")]
    return []
