"""Domains whose MX is not ours to move: everything can be read, nothing can be written."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.dns import (
    Capabilities,
    Guard,
    Permission,
    Proof,
    Sent,
    SentState,
    SwapOrder,
    Warmth,
    Writer,
)
from bcp.kit.served import Served

NO = "bcp.yaml names no DNS back end for it: its MX is never moved by us"
HINT = "Add one under dns:, and name it at the domain. Where there is no interface: kind: manual."


class Looking(Served, Writer):
    """The host of domains without ``dns:``."""

    @property
    def capabilities(self) -> Capabilities:
        """It writes nothing, and says so beforehand."""
        return Capabilities(guard=Guard.NONE)

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """There is nothing to keep warm."""
        return Warmth()

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """Never."""
        return [Sent(o.domain, SentState.REFUSED, "permission", NO, HINT) for o in orders]

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """We may not."""
        return [Proof(o.domain, Permission.NOT_ALLOWED, NO, HINT) for o in orders]
