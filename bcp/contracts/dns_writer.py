"""What a DNS host does: the plug-in's half of DNS (``Writer``). The half that all hosts share is in
``bcp.contracts.dns``.

A host reads the MX at its own interface, changes it, says how far a change has got, and can prove that we may
change it. Asking every authoritative server, looking names up as a sender would, retrying and reading back after a lost
answer are the same for all hosts: ``bcp.mx.host.Host`` does them over any ``Writer``.

How hosts fit (what each sends, as the vendors document it):

- RFC 2136 (BIND, Knot, PowerDNS): one UPDATE with the old set as prerequisite; no token, no progress, ``STRONG``.
- Route 53: DELETE of the set exactly as read and CREATE of the new one in one batch. ``token``: the set as read,
  TTL included; ``Sent.change``: the change id; ``progress``: GetChange until INSYNC; ``THROTTLED`` for Throttling and
  PriorRequestNotComplete; ``prove``: a DELETE of a value that cannot exist. ``STRONG``, ``compares_ttl``.
- Azure DNS: PATCH with ``If-Match``. ``token``: the ETag; 412 is ``STALE``, 409 ScopeLocked is ``REFUSED`` with
  ``code="locked"``; ``warm`` says when the Entra token ends. ``STRONG``.
- Google Cloud DNS: ``changes.create`` with exact deletions; 412, 409 and a missing deletion are ``STALE``;
  ``progress`` until done.
- Cloudflare: one batch that deletes by record id and posts. ``token``: the ids; a vanished id is ``STALE``.
  ``WEAK``: an edit in place keeps its id and would be overwritten; ``atomic=False``; ``min_ttl_s=60``; no proof that
  is sure: ``CANNOT_SAY``.
- octoDNS classes: ``NONE``, ``reads_whole_zone``; ``CANNOT_SAY``.
- manual: a person enters the records (``by_hand``): asked, reminded and checked by ``bcp.mx.by_hand``; only what the
  authoritative servers serve counts. ``swap`` by itself refuses. ``NONE``.

Only what every switch needs is defined here, because a switch is to begin at once. What is said before and after one
(permission, progress, what was warmed, wildcards) is in ``bcp.contracts.dns_proof``; ``bcp.contracts.dns`` has both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from bcp.contracts.mx import MxSet

if TYPE_CHECKING:
    from bcp.contracts.dns_proof import Progress, Proof, Warmth, Wildcard


class Trouble(StrEnum):
    """Why a server or a host gave nothing usable. A time-out is not an answer: it says nothing about the name."""

    NONE = ""
    SILENT = "silent"
    """No answer in time, or the connection broke off."""
    UNREACHABLE = "unreachable"
    """No connection."""
    LAME = "lame"
    """It answered without authority for the zone."""
    NO_ZONE = "no-zone"
    """It has no such zone."""
    TWO_ZONES = "two-zones"
    """It has several zones of that name, and the configuration does not say which is meant."""
    NOT_ALLOWED = "not-allowed"
    """We may not ask."""
    ERROR = "error"
    """Any other error; ``problem`` names it."""

    @property
    def passing(self) -> bool:
        """May it be over in a moment?"""
        return self in {Trouble.SILENT, Trouble.UNREACHABLE}


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands at a domain's name now, where it is written."""

    domain: str
    zone: str
    mx: MxSet | None
    cname: str = ""
    serial: int = 0
    signed: bool = False
    """The zone is signed (DNSSEC)."""
    problem: str = ""
    """Why it could not be read, for people; ``trouble`` is the same for programs."""
    trouble: Trouble = Trouble.NONE
    token: str = ""
    """What the host needs to make a write conditional on this reading (an ETag, record ids). Opaque to everybody
    else."""
    wildcard: Wildcard | None = None
    """Set when there is no record of its own: ``mx`` is then what the wildcard gives."""
    remarks: tuple[str, ...] = ()
    """What the host keeps beside the record (comments, tags): infrastructure as code often leaves its name there."""
    name_servers: tuple[str, ...] = ()
    """Name servers that the host gave this zone, where its interface says so: the delegation must name them."""
    hosts: tuple[tuple[str, MxSet | None], ...] = ()
    """Where several hosts serve the zone and do not have the same: what each of them has. ``mx`` is one of them."""
    retry_after_s: float = 0.0
    """When the host may be asked again, where it says *not now* (``SILENT``) and names a time."""
    detour: str = ""
    """It was read by the host's second way, and a change goes by it: which, and why not by the first."""


class SwapState(StrEnum):
    """How one swap ended, after reading back. ``unknown``: it was looked at by reading and is still not clear."""

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
    token: str = ""
    """The reading's token, for hosts that need one (``Capabilities.uses_token``)."""
    wildcard: str = ""
    """Owner of the wildcard that ``old`` comes from. The condition is then that the name has no MX of its own (and,
    where the host can check it, that the wildcard still says ``old``); a record of its own is made."""


class Swap(NamedTuple):
    """The end of one order. On a conflict ``found`` is what stood there instead."""

    domain: str
    state: SwapState
    found: MxSet | None = None
    message: str = ""
    hint: str = ""
    code: str = ""
    """Why it was refused or is unknown: the host's code (see ``Sent.code``)."""
    change: str = ""
    """The host's own id of the change, for the record."""


class SentState(StrEnum):
    """What a host said to one order, before anything is read back."""

    ACCEPTED = "accepted"
    """It made the change, or will: ``progress`` knows."""
    STALE = "stale"
    """The condition did not hold; nothing was changed."""
    REFUSED = "refused"
    """No, and the same again will be a no: ``code`` says why."""
    THROTTLED = "throttled"
    """Not now; nothing was changed. ``retry_after_s`` says when."""
    NOT_SENT = "not-sent"
    """It is certain that it never arrived."""
    LOST = "lost"
    """No usable answer: it may be applied, now or in a moment."""


class Sent(NamedTuple):
    """A host's answer to one order. It is believed only as far as reading back confirms it."""

    domain: str
    state: SentState
    code: str = ""
    """``permission``, ``clock``, ``cname``, ``zone``, ``ttl``, ``locked``, ``credential``, ``server`` or the host's
    own word."""
    message: str = ""
    hint: str = ""
    change: str = ""
    """The host's id of the change; empty where there is none."""
    retry_after_s: float = 0.0


class Guard(StrEnum):
    """How a write is protected against somebody else's change since the read."""

    STRONG = "strong"
    """The host refuses when anything else stands there."""
    WEAK = "weak"
    """The host refuses in most cases: an edit in place may be overwritten unseen."""
    NONE = "none"
    """The last writer wins."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """There is no interface: a named person enters the records."""

    who: tuple[str, ...]
    """Who is asked first: ids of contacts, ``group:NAME``."""
    escalate: tuple[str, ...]
    """Who is asked when nothing changes."""
    words: Callable[[Sequence[SwapOrder]], str]
    """Exactly what to enter, and where, in the words of the form."""
    remind_s: float = 600.0
    """So long nothing may change before others are asked."""
    give_up_s: float = 3300.0
    """So long altogether."""
    appear_s: float = 120.0
    """So long the servers may take after somebody said that it is entered."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a host can promise. A plan prints what it cannot (``bcp.mx.promises``) and refuses what it may not do."""

    guard: Guard = Guard.STRONG
    atomic: bool = True
    """Nobody ever sees a mixture of the old and the new set."""
    min_ttl_s: int = 0
    max_ttl_s: int = 604_800
    compares_ttl: bool = False
    """Its condition covers the TTL. A TTL that alone moved since the plan is no conflict: the set is read again
    first."""
    uses_token: bool = False
    """A write needs the token of a fresh reading."""
    reads_back: bool = True
    """``read`` shows what was written. Where it does not (a person's form), only the authoritative servers count."""
    reads_whole_zone: bool = False
    proves: bool = True
    """``prove`` can tell allowed from not allowed."""
    reports_progress: bool = False
    calls_a_zone: int = 0
    """Calls for read, swap and reading back of one zone. 0: no limit is known that they count against."""
    calls_per_s: float = 0.0
    """The account's rate limit. 0: none known."""
    burst: int = 0
    """Calls that may be made at once before the rate counts."""
    paces: bool = False
    """It counts every call and keeps to its limit by itself. A back end that does not is held back from outside, in
    portions, which leaves a part of the limit unused."""
    leans: tuple[str, ...] = ()
    """Outside parties who give it its tokens (``PluginSettings.leans``)."""
    together: tuple[str, ...] = ()
    """Names of the back ends that serve one zone side by side: all of them are changed, or none."""
    by_hand: ByHand | None = None
    """Set where a person makes the change: then nothing is sent."""


class Writer(Protocol):
    """One DNS host: the plug-in's half. It may subclass this, so that mypy checks it where it is written.

    Write each of the six methods with ``async def``. A subclass that leaves one out is refused too:
    see ``WholeWriter``.

    Every method takes many domains or orders and returns one result each, in their order. What goes wrong with one
    of them is that result, never an exception; an exception counts as *lost* for all of them. Nothing is retried inside
    (also not by a
    client library): after a lost answer ours reads first. A zone is never created, and a set never deleted before its
    successor is there.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this host can promise."""
        ...

    @property
    def servers(self) -> tuple[str, ...]:
        """Addresses of DNS servers that only this host's settings name, such as a hidden primary; else empty."""
        ...

    def warm(self, domains: Sequence[str]) -> Awaitable[Warmth]:
        """Fetch zone ids and tokens, and say when the credential ends. Called in peacetime, again and again."""
        ...

    def read(self, domains: Sequence[str]) -> Awaitable[list[Reading]]:
        """What stands where it is written, in order."""
        ...

    def swap(self, orders: Sequence[SwapOrder]) -> Awaitable[list[Sent]]:
        """Send each order once, each atomic by itself as far as the host can, in order of importance."""
        ...

    def progress(self, sent: Sequence[Sent]) -> Awaitable[list[Progress]]:
        """How far accepted changes have got. ``DONE`` where a host has nothing to wait for."""
        ...

    def prove(self, orders: Sequence[SwapOrder]) -> Awaitable[list[Proof]]:
        """May we make this change? Must be harmless even if the server ignored every condition."""
        ...

    def close(self) -> Awaitable[None]:
        """Let connections go. May be called twice."""
        ...


class WholeWriter(Writer, Protocol):
    """A writer that has every method. ``WriterFactory`` must give one.

    A subclass of ``Writer`` inherits what it does not write itself, and would pass for a writer. What it inherits is
    an ``Awaitable``, though, and here a coroutine is asked for: so mypy refuses it where ``PLUGIN`` is made.
    """

    async def warm(self, domains: Sequence[str]) -> Warmth: ...

    async def read(self, domains: Sequence[str]) -> list[Reading]: ...

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]: ...

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]: ...

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]: ...

    async def close(self) -> None: ...


S_contra = TypeVar("S_contra", contravariant=True)


class WriterFactory(Protocol[S_contra]):
    """How a back end is made. In the plug-in: ``create: WriterFactory[MySettings] = MyWriter``, which mypy then checks.

    ``zones``: by domain, the zone that the configuration names; a domain that is missing is found by the host.
    """

    def __call__(self, name: str, settings: S_contra, clock: Any, zones: Mapping[str, str], /) -> WholeWriter:
        """Make it. No input or output: connections open when they are first needed."""
        ...
