"""What DNS tells about our domains before anything is configured: who keeps the zone, and the MX of peacetime."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bcp.contracts.dns import MxSet
from bcp.deeds.begin.hosts import host_of
from bcp.kernel.errors import BcpError
from bcp.kit.authority import Authority
from bcp.kit.resolver import Resolver
from bcp.kit.served import read_served

LIMIT_S = 8.0
"""For all domains together: whoever waits at a terminal waits no longer."""
TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """One domain as DNS has it now."""

    domain: str
    host: str = ""
    """Whose name servers it has (``bcp.deeds.begin.hosts``); empty: not known."""
    mx: MxSet | None = None
    problem: str = ""
    """Why its MX could not be read."""


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
    return {
        d: Found(d, host_of(told), r.mx, r.problem or ("" if r.mx else "it has no MX"))
        for d, r, told in zip(domains, readings, names, strict=True)
    }


def said(found: dict[str, Found]) -> list[str]:
    """What was found, one line a domain."""
    out = []
    for d, f in found.items():
        at = f" (name servers of {f.host})" if f.host else ""
        out.append(f"{d}{at}: MX {f.mx}" if f.mx is not None else f"{d}{at}: its MX could not be read: {f.problem}")
    return out
