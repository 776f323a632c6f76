"""What must be known before an MX is moved, as data: gathered by ``read``, judged by ``rules``. Nothing here
decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bcp.contracts.dns import (
    Accepted,
    Answer,
    Capabilities,
    Delegation,
    HostFacts,
    Inside,
    MxSet,
    Proof,
    Reading,
    Signed,
    StsPolicy,
    SwapOrder,
)
from bcp.mx.tlsa import Shown


class Way(StrEnum):
    """Which way mail is to go."""

    TO_RELAY = "to-relay"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """Everything about one domain that is to be moved."""

    order: SwapOrder
    reading: Reading
    way: Way
    dns: str = ""
    """Name of the back end in the configuration."""
    primary: MxSet | None = None
    """Where mail goes in peacetime, from the configuration."""
    proof: Proof | None = None
    answers: tuple[Answer, ...] = ()
    delegation: Delegation | None = None
    signed: Signed = field(default_factory=Signed)
    sts: StsPolicy = field(default_factory=StsPolicy)
    managed_by: tuple[str, ...] = ()
    """Infrastructure as code that keeps these records (``bcp.mx.markers``)."""
    inside: tuple[Inside, ...] = ()
    """What resolvers inside our network tell."""


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """Everything about one host that is to take mail."""

    host: str
    found: HostFacts
    tlsa: tuple[str, ...] = ()
    tlsa_problem: str = ""
    """Why TLSA could not be looked up."""
    shown: tuple[Shown, ...] = ()
    """What it showed after STARTTLS; empty when nobody looked or none answered."""
    ours: bool = False
    """Is it a relay of ours? Others are not probed."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it, as of one moment."""

    now: float
    domains: tuple[DomainFacts, ...] = ()
    targets: Mapping[str, TargetFacts] = field(default_factory=dict)
    hosts: Mapping[str, Capabilities] = field(default_factory=dict)
    """What each back end can promise, by its name."""
    credential_ends: Mapping[str, float] = field(default_factory=dict)
    """When each back end's credential ends, where that is known."""
    accepted: Accepted | None = None
    """Domains that the tenant accepts mail for; ``None``: nobody said."""
    ours: tuple[str, ...] = ()
    """Every domain of the configuration."""
