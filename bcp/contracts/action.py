"""What an action promises: to say what it would do, do it once, recognise its own work, and undo it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from bcp.contracts.descriptor import Plugin
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services
from bcp.kernel.errors import Refused

A = TypeVar("A", bound=Args)
TO_PRIMARY = ("primary", "before")
"""What ``to:`` of an action that moves MX says on the way back."""


class Access(StrEnum):
    """Does the action change the world?"""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference a plan proposes."""

    target: str
    before: str
    after: str
    undo: str
    felt_after_s: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A safety rule's no. ``overridable`` with a recorded reason, or not at all."""

    rule: str
    message: str
    hint: str = ""
    overridable: bool = False
    redo: bool = field(default=False, compare=False)
    """The hint asks for nothing but doing the same again: whoever does that by itself leaves it out."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a send would cost, before anybody approves it."""

    channel: str
    audience: str
    people: int
    messages: int
    segments: int
    seconds: float
    unreachable: int = 0
    sample: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a step would do now. ``facts`` is what it read: the plan's fingerprint is made of it."""

    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did. ``changed`` is false when the world was so already."""

    summary: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    changed: bool = True


class Happened(StrEnum):
    """What a probe found about an effect in doubt."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """A probe's answer; ``outcome`` when it happened. With *it did not happen*: a part of it did, and ``outcome`` has
    the outputs by which that part can be undone."""

    happened: Happened
    outcome: Outcome | None = None
    detail: str = ""


async def always(*_: object) -> None:
    """It still holds."""


async def unheard(text: str) -> None:
    """Nobody listens to how far a step is."""


@dataclass(frozen=True, slots=True)
class StepInfo:
    """Which step, which item of its ``for_each``, which attempt. ``key`` is stable over ambiguous failures."""

    id: str
    key: str
    attempt: int = 0
    item: int | None = None
    timeout_s: float = 60.0
    claimed_at: float = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)
    say: Callable[[str], Awaitable[None]] = unheard
    """Says how far a long step is, in one line: it stands in the run's events and on the terminal."""
    still: Callable[[], Awaitable[None]] = always
    """Asked by a step that moves MX right before the first order leaves: what was judged before the step began is
    judged again where the process stood still meanwhile. Raises ``Refused`` when it holds no longer."""


class NoLongerHolds(Refused):
    """What a step rests on does not hold any more. ``broken``: codes of what it is."""

    rule = "no-longer-holds"
    broken: tuple[str, ...] = ()


class Action(ABC, Generic[A]):
    """A kind of thing that a step does. Reaches the world only through ``Services``."""

    kind: ClassVar[str]
    access: ClassVar[Access]
    Args: ClassVar[type[Args]]
    outputs: ClassVar[Mapping[str, str]] = {}
    """Name and type (``string``, ``number``, ``boolean``, ``list``, ``object``, ``any``) of what it leaves behind."""
    provides: ClassVar[tuple[str, ...]] = ()
    """Facts that can be true once it is done and verified; messages may then claim them.
    Which ones, by its arguments: ``claims_facts``."""
    final: ClassVar[str] = ""
    """Why it needs no undo by nature; empty when it does."""
    undoable: ClassVar[bool] = False
    claims_itself: ClassVar[bool] = False
    """True when it claims each of its effects in the ledger on its own, so that performing it again repeats none."""
    moves_mx: ClassVar[bool] = False
    """True when it changes where mail goes. Such a step is judged again before it writes, and its undo is gated."""
    drains: ClassVar[bool] = False
    """True when it empties the relay's queue."""
    gate: ClassVar[bool] = False
    """True when it waits for people to say yes; its arguments are those of ``approval``."""
    looks: ClassVar[bool] = False
    """True when it looks at the service; its outputs hold ``state`` as ``verdict`` gives it."""
    tells: ClassVar[bool] = False
    """True when it sends ``template`` to the people of ``audience`` by ``channels``."""
    speaks: ClassVar[bool] = False
    """True when it says ``template``, to people or in public: lint checks what the message claims."""
    tries: ClassVar[bool] = False
    """True when it writes only in order to check: it may be repeated until it is right (``within``)."""
    waits: ClassVar[bool] = False
    """True when it only waits (approval, wait): it is interrupted at once when the run stops."""

    async def plan(self, args: A, services: Services, step: StepInfo) -> Proposal:
        """Read what must be known and say what would change."""
        return Proposal()

    @abstractmethod
    async def perform(self, args: A, services: Services, step: StepInfo) -> Outcome:
        """Do it, once. The claim is on disk already."""

    async def probe(self, args: A, services: Services, step: StepInfo) -> Finding:
        """Did an effect in doubt happen? The default cannot tell, so that a person is asked."""
        return Finding(Happened.UNKNOWN, detail=f"{self.kind} cannot tell by itself")

    async def undo(self, args: A, before: Mapping[str, Any], services: Services, step: StepInfo) -> Outcome:
        """Reverse what ``perform`` did, from the outputs it recorded."""
        raise NotImplementedError

    def least_s(self, args: A, services: Services) -> float:
        """Seconds that it needs in any case, such as those of a vendor's rate limit: the step's time is that much
        longer."""
        return 0.0

    def to_relay(self, given: Mapping[str, Any]) -> bool:
        """Of one that moves MX: away from where mail goes in peacetime? ``given``: ``with:`` as the playbook has it."""
        return given.get("to", "relay") not in TO_PRIMARY

    def claims_facts(self, args: A) -> tuple[str, ...]:
        """Facts this step makes true with these arguments."""
        return self.provides


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPlugin(Plugin, Generic[A]):
    """``PLUGIN`` of an action's module."""

    family: ClassVar[str] = "actions"
    promises: ClassVar[type[Any] | None] = Action

    make: type[Action[A]]
    """The action: a complete class, made with nothing."""

    @property
    def kind(self) -> str:
        """The name that steps use."""
        return self.make.kind

    def create(self) -> Action[A]:
        """The action."""
        return self.make()
