"""What a DNS back end promises: read the MX of a domain, swap it atomically, prove it everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from bcp.contracts.plugin import Configured, Dependent
from bcp.kernel.clock import Clock


@dataclass(frozen=True, slots=True, order=True)
class MxHost:
    """One MX record's data: lower preference is tried first (RFC 5321 section 5.1)."""

    preference: int
    host: str
    """Absolute A-label name, lower case, with its final dot."""

    def __str__(self) -> str:
        return f"{self.preference} {self.host}"


@dataclass(frozen=True, slots=True)
class MxSet:
    """A whole MX RRset. Equality of content ignores TTL, as RFC 2136 section 1.1.1 does: see ``same``."""

    hosts: tuple[MxHost, ...]
    ttl_s: int

    def same(self, other: MxSet | None) -> bool:
        """Do both hold the same records, whatever their TTL?"""
        return other is not None and set(self.hosts) == set(other.hosts)

    def __str__(self) -> str:
        return ", ".join(str(h) for h in sorted(self.hosts)) + f" (TTL {self.ttl_s})"

    def to_data(self) -> dict[str, Any]:
        """Plain data for plans and journals."""
        return {"hosts": [[h.preference, h.host] for h in sorted(self.hosts)], "ttl_s": self.ttl_s}

    @classmethod
    def from_data(cls, data: Any) -> MxSet:
        """The reverse of ``to_data``."""
        return cls(tuple(MxHost(int(p), str(h)) for p, h in data["hosts"]), int(data["ttl_s"]))


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands at a domain's name now, at the server that takes our updates."""

    domain: str
    zone: str
    mx: MxSet | None
    cname: str = ""
    serial: int = 0
    signed: bool = False
    problem: str = ""


class SwapState(StrEnum):
    """How one swap ended. ``unknown`` has already been looked at by reading and is still not clear."""

    APPLIED = "applied"
    ALREADY = "already"
    CONFLICT = "conflict"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SwapOrder:
    """Replace exactly ``old`` by ``new`` at ``domain``; if something else stands there, change nothing."""

    domain: str
    old: MxSet
    new: MxSet


@dataclass(frozen=True, slots=True)
class Swap:
    """The end of one order. On a conflict ``found`` is what stood there instead."""

    domain: str
    state: SwapState
    found: MxSet | None = None
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one authoritative address serves for a domain."""

    domain: str
    address: str
    mx: MxSet | None
    serial: int = 0
    authoritative: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """Result of a wire dry run: would this key, here and now, be allowed to make this change?"""

    domain: str
    allowed: bool
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What DNS says about an MX target."""

    host: str
    addresses: tuple[str, ...] = ()
    cname: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a back end can promise. A plan prints what it cannot."""

    compare_and_swap: bool
    min_ttl_s: int = 0
    reads_whole_zone: bool = False


class Dns(Protocol):
    """One DNS back end. Raises only errors of the tree; a lost answer is decided by reading, never by resending blindly."""

    capabilities: Capabilities

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What the primary serves for each domain, in order."""

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Swap]:
        """Carry out all orders, each atomic by itself, in order of importance."""

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """The same change behind a prerequisite that can never hold: permission shown, nothing changed."""

    async def answers(self, domains: Sequence[str]) -> list[Answer]:
        """What every authoritative address serves for each domain, asked separately."""

    async def look_up(self, host: str) -> HostFacts:
        """Addresses of a host, as a sender would find them."""

    async def text(self, name: str) -> tuple[str, ...]:
        """TXT records of a name, as a sender would find them; empty when there are none."""

    async def tlsa(self, host: str) -> tuple[str, ...]:
        """TLSA records of ``_25._tcp.<host>`` as text (RFC 7672)."""

    async def close(self) -> None:
        """Let connections go."""


@dataclass(frozen=True, slots=True)
class Domain:
    """An accepted mail domain and where its MX is kept."""

    name: str
    dns: str
    primary: MxSet | None = None
    """Where mail goes in peacetime, from configuration. ``None``: what the journal recorded."""
    zone: str = ""
    tags: tuple[str, ...] = field(default_factory=tuple)


class DnsSettings(Dependent):
    """What the settings of every DNS back end have."""


S = TypeVar("S", bound=DnsSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsPlugin(Configured[S], Generic[S]):
    """``PLUGIN`` of a DNS back end's module."""

    family: ClassVar[str] = "dns"
    promises: ClassVar[type[Any] | None] = Dns

    make: Callable[[str, S, Clock, Mapping[str, str]], Dns]
    """The back end's class, or a function that makes one of a name, settings, a clock and zones."""

    def create(self, name: str, settings: S, clock: Clock, zones: Mapping[str, str]) -> Dns:
        """The back end of these settings. ``zones`` names the zone of each domain for which the operator wrote one."""
        return self.make(name, settings, clock, zones)
