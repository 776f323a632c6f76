"""A DNS host in memory: an example of a back end for authors, and a host that can be told to misbehave for tests.

``MemoryDns`` is the provider (its zones, its faults); ``MemoryWriter`` is the plug-in's half over it, with a
credential.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bcp.contracts.dns import (
    Capabilities,
    Guard,
    MxSet,
    Permission,
    Progress,
    Proof,
    Reading,
    Sent,
    SentState,
    Step,
    SwapOrder,
    Trouble,
    Warmth,
    Wildcard,
    Writer,
    WriterFactory,
)
from bcp.contracts.dns_settings import DnsSettings
from bcp.kernel.clock import Clock


@dataclass
class MemoryDns:
    """The provider. A record set has a version, which every write moves; an edit in place (``edit``) does not."""

    zones: set[str] = field(default_factory=set)
    records: dict[str, MxSet] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    wildcards: dict[str, MxSet] = field(default_factory=dict)
    """By owner, such as ``*.shops.one.test``."""
    changes: dict[str, int] = field(default_factory=dict)
    """How often each name was written."""
    lose: int = 0
    """So many answers to writes get lost after the change was made."""
    throttle: int = 0
    """So many writes are answered with *not now*."""
    fail: set[str] = field(default_factory=set)
    """Writes at these names end in an error, with nothing changed."""
    slow: int = 0
    """Turns of the event loop that a write takes."""

    def put(self, name: str, mx: MxSet) -> None:
        """What somebody else's change does: a new version."""
        self.records[name] = mx
        self.versions[name] = self.versions.get(name, 0) + 1
        self.changes[name] = self.changes.get(name, 0) + 1

    def edit(self, name: str, mx: MxSet) -> None:
        """What an edit in place does at some providers: the same version."""
        self.records[name] = mx

    def zone_of(self, name: str) -> str:
        """The longest zone that holds a name; empty when there is none."""
        return max((z for z in self.zones if name == z or name.endswith("." + z)), key=len, default="")

    def wildcard_of(self, name: str) -> str:
        """The nearest wildcard above a name; empty when there is none."""
        labels = name.split(".")
        owners = ("*." + ".".join(labels[k:]) for k in range(1, len(labels)))
        return next((o for o in owners if o in self.wildcards), "")

    def served(self, name: str) -> MxSet | None:
        """What the world gets."""
        return self.records.get(name) or self.wildcards.get(self.wildcard_of(name))


class MemorySettings(DnsSettings):
    """A host in the memory of this process, for tests."""

    kind: Literal["memory"] = "memory"
    """Which plug-in."""
    allowed: bool = True
    """May this credential write?"""
    guard: Guard = Guard.STRONG
    """How writes are protected."""
    min_ttl: int = 0
    """Smallest TTL it takes."""


class MemoryWriter(Writer):
    """The plug-in's half. Its provider is ``provider``, which tests share between several writers."""

    def __init__(self, name: str, settings: MemorySettings, clock: Clock, zones: Mapping[str, str], /) -> None:
        self.name, self.settings, self.provider = name, settings, MemoryDns()

    @property
    def capabilities(self) -> Capabilities:
        """As the settings want it."""
        guard, low = self.settings.guard, self.settings.min_ttl
        return Capabilities(guard=guard, min_ttl_s=low, uses_token=guard is Guard.WEAK, proves=guard is Guard.STRONG)

    @property
    def servers(self) -> tuple[str, ...]:
        """None of its own."""
        return ()

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """Zones, and who has none."""
        found = {d: self.provider.zone_of(d) for d in domains}
        missing = {d: f"there is no zone for {d}" for d, z in found.items() if not z}
        return Warmth({d: z for d, z in found.items() if z}, None, missing)

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What stands there."""
        await asyncio.sleep(0)
        return [self._read(d) for d in domains]

    def _read(self, domain: str) -> Reading:
        zone = self.provider.zone_of(domain)
        if not zone:
            problem = f"there is no zone for {domain}"
            return Reading(domain, "", None, problem=problem, trouble=Trouble.NO_ZONE)
        if domain in self.provider.records:
            return Reading(
                domain, zone, self.provider.records[domain], token=str(self.provider.versions.get(domain, 0))
            )
        owner = self.provider.wildcard_of(domain)
        made_up = self.provider.wildcards.get(owner)
        return Reading(domain, zone, made_up, wildcard=Wildcard(owner) if made_up else None)

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """Each order once."""
        return [await self._swap(o) for o in orders]

    async def _swap(self, order: SwapOrder) -> Sent:
        for _ in range(1 + self.provider.slow):
            await asyncio.sleep(0)
        no = self._no(order)
        if no is not None:
            return no
        self.provider.put(order.domain, order.new)
        if self.provider.lose:
            self.provider.lose -= 1
            return Sent(order.domain, SentState.LOST, "silent", "no answer")
        return Sent(order.domain, SentState.ACCEPTED, change=f"change-{self.provider.changes[order.domain]}")

    def _no(self, order: SwapOrder) -> Sent | None:
        """Why this order is not carried out; nothing was changed then."""
        domain, provider = order.domain, self.provider
        if not provider.zone_of(domain):
            return Sent(domain, SentState.REFUSED, "zone", f"there is no zone for {domain}")
        if not self.settings.allowed:
            return Sent(domain, SentState.REFUSED, "permission", "this credential may not write", "Use another.")
        if provider.throttle:
            provider.throttle -= 1
            return Sent(domain, SentState.THROTTLED, "throttled", "not now", retry_after_s=2.0)
        if domain in provider.fail:
            return Sent(domain, SentState.REFUSED, "server", "the server failed")
        if order.new.ttl_s < self.settings.min_ttl:
            return Sent(domain, SentState.REFUSED, "ttl", f"the smallest TTL is {self.settings.min_ttl} s")
        return Sent(domain, SentState.STALE) if self._stale(order) else None

    def _stale(self, order: SwapOrder) -> bool:
        there = self.provider.records.get(order.domain)
        if self.settings.guard is Guard.NONE:
            return False
        if order.wildcard:
            return there is not None
        if self.settings.guard is Guard.WEAK:
            return order.token != str(self.provider.versions.get(order.domain, 0))
        return not order.old.same(there)

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]:
        """Done at once."""
        return [Progress(s.domain, Step.DONE) for s in sent]

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """The strong host knows; the others cannot say."""
        return [self._prove(o.domain) for o in orders]

    def _prove(self, domain: str) -> Proof:
        if not self.capabilities.proves:
            return Proof(domain, Permission.CANNOT_SAY, "this host cannot say")
        if not self.provider.zone_of(domain):
            return Proof(domain, Permission.NOT_ALLOWED, f"there is no zone for {domain}", "Check the name.")
        if not self.settings.allowed:
            return Proof(domain, Permission.NOT_ALLOWED, "this credential may not write", "Use another.")
        return Proof(domain, Permission.ALLOWED)

    async def close(self) -> None:
        """Nothing is open."""


create: WriterFactory[MemorySettings] = MemoryWriter
