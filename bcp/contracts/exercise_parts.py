"""The measured parts of a record of an exercise, as plain values: steps, decisions, propagation, messages, mail.

Times are seconds since 1970-01-01 UTC, 0 where it has not come to that. ``None`` is *not known*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from bcp.kernel.described import add_descriptions

Source = Literal["measured", "entered", "planned"]
"""Where a statement comes from: the journal, a named person, or the plan made before."""


class Value:
    """Field docstrings become descriptions in the published JSON Schema."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Pydantic's own, with the words under the fields."""
        made = handler(core_schema)
        add_descriptions(cls, handler.resolve_ref_schema(made), {})
        return made


@dataclass(frozen=True, slots=True)
class Step(Value):
    """One step that was planned or done."""

    id: str
    run: str
    phase: str = ""
    name: str = ""
    action: str = ""
    """What it used: ``dns.mx.switch``, ``notify`` ..."""
    actor: str = ""
    """Who did it: a person's contact, or ``bcp``."""
    command: str = ""
    """What was carried out, for people: action and target, or the command that was typed."""
    planned_start: float = 0.0
    planned_end: float = 0.0
    """Upper bound: its time-out."""
    started: float = 0.0
    ended: float = 0.0
    input: str = ""
    """Arguments as they were given, canonical JSON, without secrets."""
    output_digest: str = ""
    """SHA-256 of the canonical form of its outputs; empty: it gave none."""
    result: str = "pending"
    """A state of a step: ok, unchanged, failed, skipped, not_reached, in_doubt, undone, would_run ..."""
    executed: bool = False
    """False: a dry run or a tabletop, or it was not reached."""
    attempts: int = 0
    summary: str = ""
    error: str = ""
    evidence: str = ""
    """``run-...#12-15``: its events in the run's chain."""


@dataclass(frozen=True, slots=True)
class Detection(Value):
    """When the outage began, and when it was seen."""

    outage_since: float = 0.0
    exact: bool = False
    """False: it began then or earlier."""
    counted_from: str = ""
    """What ``outage_since`` rests on, in words."""
    detected: float = 0.0
    by: str = ""
    """Probes, a hook, or a person."""
    outage_class: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision(Value):
    """A decision and who took it."""

    at: float
    by: str
    what: str
    result: Literal["approved", "rejected", "no-answer", "aborted", "refused", "noted"] = "noted"
    asked: float = 0.0
    """When the question was put; ``at - asked`` is how long it took."""
    how: str = ""
    step: str = ""
    run: str = ""
    evidence: str = ""
    source: Source = "measured"


@dataclass(frozen=True, slots=True)
class CurvePoint(Value):
    """A point of the propagation curve: who was told the new MX at that time."""

    at: float
    new: int
    """Resolvers (or authoritative servers) that answered with the new MX."""
    asked: int
    what: Literal["resolvers", "authoritative", "forecast", "mails"] = "resolvers"


@dataclass(frozen=True, slots=True)
class Receipts(Value):
    """What became of the messages of one step by one channel. Shares are of ``planned``."""

    channel: str
    audience: str = ""
    step: str = ""
    run: str = ""
    planned: int = 0
    """Messages that were to go out: one a person."""
    sent: int = 0
    """The vendor took them."""
    delivered: int | None = None
    """The vendor reported the delivery; ``None``: this channel reports none."""
    failed: int = 0
    in_doubt: int = 0
    unreachable: int = 0
    """People of the audience whom this channel cannot reach at all."""
    acknowledged: int | None = None
    """People who answered; ``None``: nobody was asked to."""
    first: float = 0.0
    last: float = 0.0
    reasons: tuple[str, ...] = ()
    name: str = ""
    """Of the step, as people read it."""
    due: bool = True
    """False: the step was never due (an update whose interval had not gone by, a text that was not needed)."""
    simulated: bool = False
    """A stand-in took the messages; nothing went to the vendor."""

    def percent(self, count: int | None) -> float | None:
        """A count as per cent of all people of the audience, one decimal; ``None`` where nothing was planned."""
        whole = self.planned + self.unreachable
        return None if count is None or whole == 0 else round(100 * count / whole, 1)


@dataclass(frozen=True, slots=True)
class Mails(Value):
    """Mail counted to its end. ``how`` says by what; empty: nobody counted."""

    how: str = ""
    sent: int | None = None
    delivered: int | None = None
    relayed: int | None = None
    """Mails that the relay took and delivered."""
    bounced: int | None = None
    lost: int | None = None
    """Permanently failed, or nobody can account for them."""
    duplicated: int | None = None
    left: int | None = None
    """Still in the relay."""
    queue: tuple[tuple[float, int], ...] = ()
    """The relay's queue over time: (time, mails)."""
    waiting_only: bool = False
    """Only mail that waited in the queue was counted: the relay has no agent that sees what it passes on at once."""


@dataclass(frozen=True, slots=True)
class Failback(Value):
    """The way back. In the same record, because an exercise without it is half of one."""

    run: str
    result: str = ""
    started: float = 0.0
    ended: float = 0.0
    decided_by: tuple[str, ...] = ()
    mx_back: float = 0.0
    """When MX was verified to point at Exchange again."""
    drained: float = 0.0
    """When the relay had nothing left."""
    told: float = 0.0
    """When people were told that it is over."""


@dataclass(frozen=True, slots=True)
class Moment(Value):
    """One line of the common timeline of everything: runs, incident, injects, notes."""

    at: float
    kind: str
    text: str = ""
    actor: str = ""
    step: str = ""
    run: str = ""
    source: Source = "measured"


@dataclass(frozen=True, slots=True)
class Component(Value):
    """One part of the world, and whether it was the real one."""

    name: str
    real: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chain(Value):
    """Head of one chain of hashes that this record rests on."""

    what: str
    """A drill, a run, or ``book`` (of incidents)."""
    events: int
    head: str
    damage: str = ""
