"""DNS as actions see it, made once over any host: read, swap, every authoritative address, names as a sender finds
them.

``Writer`` (``bcp.contracts.dns_writer``) is what a host does; ``Dns`` is what ``bcp.mx.host.Host`` makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bcp.contracts.dns_proof import Permission, Progress, Proof, Step, Warmth, Wildcard
from bcp.contracts.dns_writer import (
    ByHand,
    Capabilities,
    Guard,
    Reading,
    Sent,
    SentState,
    Swap,
    SwapOrder,
    SwapState,
    Trouble,
    Writer,
    WriterFactory,
)
from bcp.contracts.mx import NULL_HOST, MxHost, MxSet


@dataclass(frozen=True, slots=True)
class Answer:
    """What one authoritative address serves for a domain."""

    domain: str
    address: str
    mx: MxSet | None
    serial: int = 0
    authoritative: bool = False
    problem: str = ""
    trouble: Trouble = Trouble.NONE
    referred: str = ""
    """The name whose other servers it sends whoever asks on to (RFC 1034 section 4.3.2, 3b); empty: to nobody."""


@dataclass(frozen=True, slots=True)
class Serial:
    """The serial of a zone (SOA, RFC 1035) at one authoritative address."""

    zone: str
    address: str
    serial: int


@dataclass(frozen=True, slots=True)
class Inside:
    """What a resolver inside our own network tells for a domain."""

    domain: str
    resolver: str
    """Its name in the configuration."""
    mx: MxSet | None
    problem: str = ""
    """Why it gave no usable answer."""


class InsideView(Protocol):
    """The resolvers that machines inside our network ask."""

    async def look(self, domains: Sequence[str]) -> list[Inside]:
        """What each of them tells for each domain. Silence is a problem in the result, never an error."""
        ...


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What DNS says about a host."""

    host: str
    addresses: tuple[str, ...] = ()
    cname: str = ""
    problem: str = ""
    trouble: Trouble = Trouble.NONE
    """Set when nobody gave a usable answer: then nothing is known, and "no address" would be a guess."""


class Chain(StrEnum):
    """What a resolver says about the DNSSEC signatures of a name."""

    SECURE = "secure"
    INSECURE = "insecure"
    """Not signed, or the resolver does not validate."""
    BOGUS = "bogus"
    """It fails with validation and answers without: receivers that validate see nothing."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signed:
    """DNSSEC of one name and type."""

    chain: Chain = Chain.UNKNOWN
    expires: float | None = None
    """When the first of its signatures ends (RRSIG), in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """Name servers of a zone: as the world is told, and as the host's own servers say. Empty: could not be found
    out."""

    zone: str
    world: tuple[str, ...] = ()
    host: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """MTA-STS of a domain (RFC 8461) as a sender finds it now."""

    announced: bool = False
    mode: str = "none"
    patterns: tuple[str, ...] = ()
    max_age_s: int = 0
    problem: str = ""
    """It is announced, and this is why the policy cannot be used."""
    unasked: str = ""
    """Nobody could say whether it is announced, and why."""
    record: str = ""


class Dns(Protocol):
    """One DNS host as actions see it. What goes wrong is in the results; errors of the tree where there is no
    result."""

    @property
    def capabilities(self) -> Capabilities:
        """What the host can promise."""
        ...

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What the host has for each domain, in order."""
        ...

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Swap]:
        """Carry out all orders and read each back; a lost answer is decided by reading."""
        ...

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """May we? Nothing is changed."""
        ...

    async def answers(self, domains: Sequence[str]) -> list[Answer]:
        """What every authoritative address serves for each domain, asked separately."""
        ...

    async def serials(self, domains: Sequence[str]) -> list[Serial]:
        """The serial of each domain's zone at every authoritative address that says one."""
        ...

    async def look_up(self, host: str) -> HostFacts:
        """Addresses of a host, as a sender would find them."""
        ...

    async def text(self, name: str) -> tuple[str, ...]:
        """TXT records of a name; empty when there are none. ``Transient`` when nobody gives a usable answer."""
        ...

    async def tlsa(self, host: str) -> tuple[str, ...]:
        """TLSA records of ``_25._tcp.<host>`` as text (RFC 7672). ``Transient`` when nobody gives a usable answer."""
        ...

    async def signed(self, domains: Sequence[str]) -> list[Signed]:
        """DNSSEC of each domain's MX, as resolvers and signatures say."""
        ...

    async def delegations(self, domains: Sequence[str]) -> list[Delegation]:
        """Who serves each domain's zone, as the world is told and as the host says."""
        ...

    async def mta_sts(self, domain: str) -> StsPolicy:
        """The policy that senders find now."""
        ...

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """Fetch in peacetime what an outage would have to wait for."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


@dataclass(frozen=True, slots=True)
class Domain:
    """An accepted mail domain and where its MX is kept."""

    name: str
    dns: str
    primary: MxSet | None = None
    """Where mail goes in peacetime, from configuration. ``None``: what the journal recorded."""
    zone: str = ""
    tags: tuple[str, ...] = field(default_factory=tuple)
    managed_by: str = ""
    """Infrastructure as code that keeps its records, as the configuration says; it would put an MX back."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Domains that the tenant accepts mail for, as a file or a snapshot of peacetime says."""

    domains: tuple[str, ...] = ()
    """In A-label form; ``*.corp.test`` where all subdomains are accepted."""
    source: str = ""
    """Where that is from, and of when."""
    odd: tuple[str, ...] = ()
    """What stands there and is no domain name."""
    problem: str = ""
    """Why it is not known."""


__all__ = [
    "NULL_HOST",
    "Accepted",
    "Answer",
    "ByHand",
    "Capabilities",
    "Chain",
    "Delegation",
    "Dns",
    "Domain",
    "Guard",
    "HostFacts",
    "Inside",
    "InsideView",
    "MxHost",
    "MxSet",
    "Permission",
    "Progress",
    "Proof",
    "Reading",
    "Sent",
    "SentState",
    "Serial",
    "Signed",
    "Step",
    "StsPolicy",
    "Swap",
    "SwapOrder",
    "SwapState",
    "Trouble",
    "Warmth",
    "Wildcard",
    "Writer",
    "WriterFactory",
]
