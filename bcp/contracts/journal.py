"""What a journal promises: a claim is on disk before the effect, its settlement after it, in order, hashed."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

from bcp.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a run. ``hash`` covers it and all before it."""

    seq: int
    at: float
    kind: str
    step: str
    actor: str
    data: Mapping[str, Any] = field(default_factory=dict)
    hash: str = ""


class ClaimState(StrEnum):
    """What a claim found: ours to do, done before, or begun before and never settled."""

    GO = "go"
    DONE = "done"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim. ``outcome`` is what was settled, when it was;
    ``request`` what was claimed before, when it was."""

    key: str
    state: ClaimState
    outcome: Mapping[str, Any] | None = None
    claimed_at: float = 0.0
    request: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """One row of the ledger. ``state``: claimed, in_doubt, settled."""

    key: str
    step: str
    state: str
    claimed_at: float
    settled_at: float | None
    request: Mapping[str, Any]
    outcome: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Signal:
    """Something a person or another process tells a run: approve, reject, abort, settle, recovered."""

    id: int
    at: float
    kind: str
    actor: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is to be appended."""

    kind: str
    step: str = ""
    actor: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


class Journal(Protocol):
    """One run's durable record. Every method that writes raises ``StorageError`` when it could not,
    and then wrote nothing."""

    run_id: str
    untold: int
    """Grows with each commit that found that nobody had told the run anything since the last ``unread``: who polls need
    not look then. A journal that cannot know it leaves it as it is."""

    async def record(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> None:
        """Append an event and wait until it is on disk."""

    async def claim(self, key: str, step: str, request: Mapping[str, Any], *, event: str = "", **data: Any) -> Claim:
        """Claim an effect before doing it. ``event`` is appended in the same transaction."""

    def claim_soon(self, key: str, step: str, request: Mapping[str, Any]) -> Awaitable[Claim]:
        """The same, put in line now; the effect waits for it."""

    async def check(self) -> None:
        """Before a write that comes long after its claim: may we still? Raises ``LeaseLost``."""

    async def settle(
        self, key: str, outcome: Mapping[str, Any], *, event: str = "", step: str = "", actor: str = "", **data: Any
    ) -> None:
        """Say how a claimed effect ended."""

    def settle_soon(self, key: str, outcome: Mapping[str, Any]) -> Awaitable[Any]:
        """The same, put in line now and awaited later, where thousands are settled one after another."""

    async def doubt(self, key: str, reason: str) -> None:
        """Say that a claimed effect's outcome is not known."""

    async def effects(self, prefix: str = "") -> list[Effect]:
        """Rows of the ledger whose key starts so."""

    async def unread(self) -> list[Signal]:
        """Signals not yet consumed, oldest first."""

    async def consume(self, signals: Sequence[Signal], events: Sequence[Draft] = ()) -> None:
        """Mark signals as read and append what they mean, in one commit:
        what was accepted is never lost between the two."""

    def events(self) -> list[Event]:
        """All events, oldest first."""

    def meta(self) -> Mapping[str, Any]:
        """What the run was started with."""

    def close(self) -> None:
        """Let the file go."""


@runtime_checkable
class Patient(Protocol):
    """What a journal may be able to do besides: take an event along with the next thing that is written.

    A run whose next step claims its effect at once then pays one sync for the end of the one and the claim of the
    other. The order is kept, and either both are on disk or neither.
    """

    def record_soon(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> Awaitable[None]:
        """Append an event: put in line now, and on disk when the result is there."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything in a run's file, read without disturbing it."""

    run_id: str
    meta: Mapping[str, Any]
    events: Sequence[Event]
    effects: Sequence[Effect]
    head: str
    damage: str
    """What is wrong with the hash chain; empty: nothing."""
    unread: Sequence[Signal] = ()
    """What the run was told and has not taken up yet: nobody works on it, or will in a moment."""


@final
class JournalStore(Protocol):  # type: ignore[misc] # a protocol that nobody inherits from: that is meant
    """Makes, opens and reads run files. All methods raise ``StorageError``.

    Not to be inherited from: whoever did would inherit every method that they forget, and pass for whole. Write a class
    of its own; mypy compares it with this one where ``PLUGIN`` is made.
    """

    suffix: str

    def create(self, path: Path, meta: Mapping[str, Any]) -> None:
        """The file of a new run; refuses one that exists."""

    def open(self, path: Path, clock: Clock) -> Journal:
        """For writing. The caller holds the run's lock."""

    def view(self, path: Path, *, effects: bool = True) -> RunRecord:
        """For reading, also while the run is live."""

    def tell(self, path: Path, kind: str, actor: str, data: Mapping[str, Any], at: float) -> None:
        """Tell a run something from another process."""
