"""What a probe promises: one dated look, with its evidence, and the difference between *fail* and *unknown*."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import Field, StringConstraints

from bcp.contracts.plugin import Configured, Duration, PluginSettings
from bcp.kernel.clock import Clock
from bcp.kernel.text import sound

PLANES = ("dns", "inbound", "gateway", "outbound", "mailbox", "auth", "edge", "declared")
"""What an outage can be of. ``declared`` is what others say; it only corroborates."""
PlaneName = Literal["dns", "inbound", "gateway", "outbound", "mailbox", "auth", "edge", "declared"]


class Result(StrEnum):
    """What one look found."""

    OK = "ok"
    DEGRADED = "degraded"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """How much a probe's word is worth."""

    LOOK = "look"
    """It saw for itself. Only this can make a plane down."""
    PEOPLE = "people"
    """People report it. It counts beside a look, and alone only where nothing looks."""
    TOLD = "told"
    """Another monitoring system says so. It counts beside a look, never alone."""
    DECLARED = "declared"
    """The provider says so. It corroborates, and never decides."""


OWN = "own-"
"""Kinds of failure that begin so are our own fault: a credential, a certificate, a clock."""
THROTTLED = "throttled"
"""The service refuses the prober's address, not the recipient: it says something about this vantage only."""
REJECTS = "rejects"
"""A permanent 5xx for a recipient that certainly exists."""
DISPROVES = "disproves"
"""A weak sign of recovery. Never sufficient."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things that a look consists of, with its own result: a recipient, an address, a resolver, a domain.

    Whatever is not said stays empty. A look with parts is judged by them: what fails for one recipient, one address
    family, one resolver or one domain is not the whole service.
    """

    result: Result
    kind: str = ""
    evidence: str = ""
    recipient: str = ""
    """Whose mailbox: F needs two different ones."""
    address: str = ""
    family: int = 0
    """4 or 6; 0 where it does not matter."""
    host: str = ""
    """The MX host."""
    resolver: str = ""
    """Who was asked: an address of a resolver; ``authoritative`` for the zone's own servers."""
    domain: str = ""
    """Which of our domains it speaks of; empty is all that the probe watches."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """``seconds``, ``queue``, ``oldest``."""

    def __post_init__(self) -> None:
        """As of the whole look."""
        object.__setattr__(self, "evidence", sound(self.evidence))


@dataclass(frozen=True, slots=True)
class Signal:
    """One dated observation."""

    probe: str
    plane: str
    result: Result
    at: float
    kind: str = ""
    """A word of ``bcp.contracts.kinds``: refused, timeout, 4xx-rcpt, rejects, nxdomain, servfail, delivered ..."""
    evidence: str = ""
    control: bool = False
    """A control probe looks at something unrelated, to tell the prober's own sickness from the service's."""
    data: Mapping[str, str] = field(default_factory=dict)
    vantage: str = ""
    """Where it was seen from; empty is this machine."""
    parts: tuple[Part, ...] = ()
    """What the look consists of. Empty: the look is one thing."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """``seconds`` of latency, ``queue`` of waiting mails, ``oldest`` of them in seconds."""

    def __post_init__(self) -> None:
        """Words from outside are kept such that they can be written down."""
        object.__setattr__(self, "evidence", sound(self.evidence))
        if not all(v.isascii() for v in self.data.values()):
            object.__setattr__(self, "data", {k: sound(v) for k, v in self.data.items()})


@dataclass(frozen=True, slots=True)
class Watched:
    """A probe as the decision knows it, before it has said anything."""

    probe: str
    way: str
    """Kind of probe. Probes of one kind against several targets are one way of looking."""
    plane: str
    role: Role = Role.LOOK
    medium: str = ""
    """What it needs to get out: smtp, https, dns; empty is nothing. Control probes vouch for a medium."""
    control: bool = False
    every_s: float = 60.0
    vantages: tuple[str, ...] = ()
    """From where; empty is from everywhere."""
    domains: tuple[str, ...] = ()
    """Domains that it speaks of; empty is all of them."""
    shares: tuple[str, ...] = ()
    """Causes it shares with others: ``graph:APPLICATION``, ``recipient:ADDRESS``, ``queue:HOST``.
    Probes that share one count once."""
    backs: tuple[str, ...] = ()
    """Planes that its failure corroborates beside its own; empty is its own alone."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the looks of a probe go: what `bcp doctor` needs in order to say what a set of probes would miss."""

    recipients: tuple[str, ...] = ()
    """Recipients that exist and that it asks for."""
    resolvers: int = 0
    """How many resolvers it asks."""
    authoritative: bool = False
    """It asks the zone's own servers too."""
    whole_mail: bool = False
    """It hands over whole mails, and so sees what happens after DATA."""


class ProbeSettings(PluginSettings):
    """What every probe has."""

    every: Duration | None = None
    """Time between looks, where it should be longer than `detect: interval`."""
    timeout: Duration = 10.0
    """Deadline of one look. After it the look is over, whatever the other side does."""
    control: bool = False
    """True: it looks at something unrelated to the service; any answer is well.
    When all controls of its medium get none, we are the sick one."""
    plane: PlaneName | None = None
    """What it says something about, where that is not what its kind says: `gateway` for a path through a relay."""
    vantages: list[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]] = Field(default_factory=list)
    """From which vantage points. Empty: from all."""
    domains: list[str] = Field(default_factory=list)
    """Which of our domains it speaks of. Empty: all of them. A plan moves only the domains that fail."""


class StoredProbeSettings(ProbeSettings):
    """What a probe has that reads what others left in the state folder."""

    store: Path | None = None
    """Where it is read. Empty: its place in the state folder."""


def _nobody(signal: Signal) -> None:
    """Nobody listens before a look is over."""


S = TypeVar("S", bound=ProbeSettings)


class Probe(ABC, Generic[S]):
    """One way of looking. Never raises: what goes wrong on our side is ``unknown``."""

    kind: ClassVar[str]
    plane: ClassVar[str]
    role: ClassVar[Role] = Role.LOOK
    medium: ClassVar[str] = ""
    quick: ClassVar[bool] = True
    """False: not part of the short second look before a write."""
    state_path: ClassVar[str] = ""
    """What it reads in the state folder, where its settings are ``StoredProbeSettings`` and name no other place."""
    Settings: ClassVar[type[ProbeSettings]]

    def __init__(self, name: str, settings: S, clock: Clock) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock
        self.early: Callable[[Signal], None] = _nobody
        """Whom a look that takes minutes tells what it knows before its end. It decides; it is no look of its own."""

    @abstractmethod
    async def look(self) -> Signal:
        """Look once, within the probe's own deadline."""

    async def close(self) -> None:
        """Let connections go."""

    def watched(self, interval_s: float) -> Watched:
        """How the decision knows it."""
        s = self.settings
        every = max(interval_s, s.every or 0.0)
        return Watched(
            self.name,
            self.kind,
            s.plane or self.plane,
            self.role,
            self.medium,
            s.control,
            every,
            tuple(s.vantages),
            tuple(d.lower().rstrip(".") for d in s.domains),
            self.shares(),
        )

    def shares(self) -> tuple[str, ...]:
        """Causes that this probe shares with others (``Watched.shares``); empty is none."""
        return ()

    def reach(self) -> Reach:
        """How far its looks go."""
        return Reach()

    def saw(self, result: Result, kind: str = "", evidence: str = "", **data: str) -> Signal:
        """A signal of this probe, dated now."""
        s = self.settings
        return Signal(self.name, s.plane or self.plane, result, self.clock.now(), kind, evidence, s.control, data)

    def saw_parts(
        self,
        result: Result,
        kind: str = "",
        evidence: str = "",
        *,
        parts: Sequence[Part] = (),
        numbers: Mapping[str, float] | None = None,
        **data: str,
    ) -> Signal:
        """The same with its parts and numbers. ``result`` and ``kind`` sum them up for people and for old readers."""
        return replace(self.saw(result, kind, evidence, **data), parts=tuple(parts), numbers=numbers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlugin(Configured[S], Generic[S]):
    """``PLUGIN`` of a probe's module."""

    family: ClassVar[str] = "probes"
    promises: ClassVar[type[Any] | None] = Probe

    make: type[Probe[S]]
    """The probe: a complete class, made with its name, its settings and a clock."""

    def create(self, name: str, settings: S, clock: Clock) -> Probe[S]:
        """The probe of these settings, under this name."""
        return self.make(name, settings, clock)

    def placed(self, settings: S, state: Path) -> S:
        """The settings with the place in the state folder that the probe reads, where the operator named none."""
        if not self.make.state_path or not isinstance(settings, StoredProbeSettings) or settings.store is not None:
            return settings
        return settings.model_copy(update={"store": state / self.make.state_path})
