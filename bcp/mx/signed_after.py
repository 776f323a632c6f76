"""After a switch: do the DNSSEC signatures of what was signed still hold? A bogus MX is no MX to whoever validates."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.dns import Chain
from bcp.contracts.services import Services
from bcp.kernel.errors import BcpError
from bcp.mx.facts import Facts
from bcp.mx.read import by_back_end

TRIES = 3
PAUSE_S = 1.0
"""A host that signs while it serves takes a moment."""


def signed_in(facts: Facts) -> list[str]:
    """Domains that were signed before the switch: only those are asked about after it."""
    return [d.order.domain for d in facts.domains if d.signed.chain is Chain.SECURE or d.signed.expires is not None]


async def bogus_after(domains: Sequence[str], services: Services) -> list[str]:
    """Those of them whose signatures do not hold now, as a validating resolver says, several times in a row."""
    left = list(domains)
    for attempt in range(TRIES):
        if not left:
            return []
        if attempt:
            await services.clock.sleep(PAUSE_S)
        left = await _bogus(left, services)
    return left


async def _bogus(domains: Sequence[str], services: Services) -> list[str]:
    out = []
    for name, group in by_back_end(domains, services).items():
        try:
            found = await services.dns[name].signed(group)
        except BcpError:
            continue
        out += [d for d, s in zip(group, found, strict=True) if s.chain is Chain.BOGUS]
    return out
