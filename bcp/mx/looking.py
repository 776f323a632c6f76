"""Domains whose MX is not ours to move: everything can be read, nothing can be written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from bcp.contracts.dns import (
    Capabilities,
    Guard,
    Permission,
    Progress,
    Proof,
    Reading,
    Sent,
    SentState,
    Step,
    SwapOrder,
    Warmth,
    Writer,
)
from bcp.contracts.dns_settings import DnsSettings

if TYPE_CHECKING:
    from bcp.kit.authority import Authority

NO = "bcp.yaml names no DNS back end for it: its MX is never moved by us"
HINT = "Add one under dns:, and name it at the domain. Where there is no interface: kind: manual."


class Looking(Writer):
    """The host of domains without ``dns:``."""

    def __init__(self, settings: DnsSettings) -> None:
        self.settings = settings
        self._zones: dict[str, str] = {}

    @property
    def capabilities(self) -> Capabilities:
        """It writes nothing, and says so beforehand."""
        return Capabilities(guard=Guard.NONE)

    @property
    def servers(self) -> tuple[str, ...]:
        """None of its own."""
        return ()

    @cached_property
    def _authority(self) -> Authority:
        from bcp.kit.authority import Authority
        from bcp.kit.resolver import Resolver

        s = self.settings
        return Authority(s.authoritative, (), Resolver(s.resolvers, (), timeout_s=s.timeout), timeout_s=s.timeout)

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """There is nothing to keep warm."""
        return Warmth()

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What the authoritative servers serve."""
        from bcp.kit.served import read_served

        return await read_served(self._authority, domains, self._zones)

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """Never."""
        return [Sent(o.domain, SentState.REFUSED, "permission", NO, HINT) for o in orders]

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]:
        """Nothing is under way."""
        return [Progress(s.domain, Step.DONE) for s in sent]

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """We may not."""
        return [Proof(o.domain, Permission.NOT_ALLOWED, NO, HINT) for o in orders]

    async def close(self) -> None:
        """Nothing is kept open."""
