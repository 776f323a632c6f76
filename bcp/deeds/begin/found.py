"""What DNS tells about our domains before anything is configured: who keeps the zone, the MX of peacetime, and what
binds senders to it (MTA-STS, TLSA)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bcp.contracts.dns import MxSet, StsPolicy
from bcp.deeds.begin.hosts import host_of, hosts_of
from bcp.kernel.errors import BcpError
from bcp.kit.authority import Authority
from bcp.kit.resolver import Resolver
from bcp.kit.served import read_served
from bcp.mx.sts import policy_matches
from bcp.mx.sts_fetch import fetch_policy

LIMIT_S = 8.0
"""For all domains together: whoever waits at a terminal waits no longer."""
TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """One domain as DNS has it now."""

    domain: str
    host: str = ""
    """Whose name servers it has (``bcp.deeds.begin.hosts``); empty: not known, or several."""
    mx: MxSet | None = None
    problem: str = ""
    """Why its MX could not be read."""
    sts: StsPolicy = field(default_factory=StsPolicy)
    """MTA-STS (RFC 8461): a policy that does not name the relay keeps senders from it."""
    tlsa: tuple[str, ...] = ()
    """Hosts of its MX that have TLSA records (RFC 7672): the relay needs its own where its zone is signed."""
    hosts: tuple[str, ...] = ()
    """Whose name servers they are: several where more than one provider serves the zone."""


async def find(
    domains: Sequence[str], *, resolvers: Sequence[str] = (), authoritative: Sequence[str] = ()
) -> dict[str, Found]:
    """By domain. Whatever cannot be found out in time is a problem of that domain, never an exception."""
    resolver = Resolver(tuple(resolvers), (), timeout_s=TIMEOUT_S)
    authority = Authority(tuple(authoritative), (), resolver, timeout_s=TIMEOUT_S)
    zones: dict[str, str] = {}
    try:
        async with asyncio.timeout(LIMIT_S):
            readings = await read_served(authority, domains, zones)
            names = await resolver.name_servers([zones.get(d, d) for d in domains])
    except (TimeoutError, BcpError, OSError, ValueError) as error:
        why = "nobody answered in time" if isinstance(error, TimeoutError) else str(error)
        return {d: Found(d, problem=why) for d in domains}
    seen = [
        Found(d, host_of(told), r.mx, r.problem or ("" if r.mx else "it has no MX"), hosts=hosts_of(told))
        for d, r, told in zip(domains, readings, names, strict=True)
    ]
    return {f.domain: f for f in await asyncio.gather(*(_bound(f, resolver) for f in seen))}


async def _bound(found: Found, resolver: Resolver) -> Found:
    """The same with what binds senders to its MX; what cannot be found out in time is said to be not known."""
    hosts = [h.host for h in found.mx.hosts] if found.mx is not None else []
    try:
        async with asyncio.timeout(LIMIT_S):
            sts = await fetch_policy(found.domain, resolver.text, resolver.look_up, timeout_s=TIMEOUT_S)
            records = await asyncio.gather(*(resolver.tlsa(h) for h in hosts))
    except (TimeoutError, BcpError, OSError, ValueError) as error:
        why = "nobody answered in time" if isinstance(error, TimeoutError) else str(error)
        return replace(found, sts=StsPolicy(unasked=why))
    return replace(found, sts=sts, tlsa=tuple(h.rstrip(".") for h, r in zip(hosts, records, strict=True) if r))


def remarks(found: Found, relay: str) -> list[str]:
    """What to do about MTA-STS and TLSA before the day, one sentence a line; nothing where nothing binds senders."""
    out, sts = [], found.sts
    if sts.announced and sts.problem:
        out.append(f"announces MTA-STS, and its policy cannot be used: {sts.problem}")
    elif sts.announced and sts.mode in {"enforce", "testing"}:
        named = f"MTA-STS ({sts.mode}) allows {', '.join(sts.patterns)}"
        if relay and not any(policy_matches(p, relay) for p in sts.patterns):
            out.append(f"{named}: add {relay} to the policy before the day, or senders that honour it stay away")
        else:
            out.append(named)
    elif sts.unasked:
        out.append(f"whether it announces MTA-STS is not known: {sts.unasked}")
    if found.tlsa:
        whose = f"{relay} needs its own where its zone is signed" if relay else "they bind senders to its certificate"
        out.append(f"TLSA records at {', '.join(found.tlsa)}: {whose}")
    return out


def notes(found: Mapping[str, Found], relay: str) -> dict[str, list[str]]:
    """``remarks`` by domain."""
    return {d: remarks(f, relay) for d, f in found.items()}


def said(found: dict[str, Found]) -> list[str]:
    """What was found, one line a domain."""
    out = []
    for d, f in found.items():
        at = f" (name servers of {' and '.join(f.hosts) or f.host})" if f.hosts or f.host else ""
        out.append(f"{d}{at}: MX {f.mx}" if f.mx is not None else f"{d}{at}: its MX could not be read: {f.problem}")
        out += [f"{d}: {line}" for line in remarks(f, "")]
    return out
