"""What the drill book promises: the events of each exercise in a chain of hashes of its own, append-only.

What people enter (notes, findings, attendance, signatures) and what a conductor measured outside of runs is kept
here; runs and incidents keep their own chains, and the book names them. What the events mean is decided by
``bcp.drills.fold``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

EVENTS = frozenset(
    {
        "created",
        "changed",
        "scheduled",
        "reminded",
        "began",
        "run",
        "incident",
        "clock",
        "inject",
        "note",
        "attend",
        "finding",
        "measured",
        "ended",
        "missed",
        "cancelled",
        "signed",
        "closed",
        "next",
    }
)
"""Kinds of events."""


@dataclass(frozen=True, slots=True)
class DrillEvent:
    """One thing that happened in an exercise. ``hash`` covers it and everything before it in the same exercise."""

    drill: str
    seq: int
    at: float
    kind: str
    actor: str
    data: Mapping[str, Any] = field(default_factory=dict)
    hash: str = ""


class DrillBook(Protocol):
    """Exercises by id. Every method may raise ``StorageError``; one that raises wrote nothing."""

    def append(
        self, drill: str, kind: str, actor: str, data: Mapping[str, Any], *, after: int | None = None
    ) -> DrillEvent:
        """One event more; it is on disk, and its head in the audit file, when this returns.

        ``after``: the number of the event that the writer saw last; 0: the exercise must be new.

        Raises:
            Refused: (``drill-moved``) another event came between.
        """

    def events(self, drill: str) -> list[DrillEvent]:
        """All events of one exercise, the oldest first. None: there is no such exercise."""

    def drills(self) -> list[str]:
        """Ids of all exercises: the one in which something was written last stands first; reminders do not count."""

    def find(self, text: str) -> str:
        """The exercise meant by an id, its beginning or end, or ``last``. Raises ``Missing`` or ``Invalid``."""

    def damage(self) -> Mapping[str, str]:
        """What is wrong, by exercise: a chain that does not hold, or one that is gone and was anchored."""

    def close(self) -> None:
        """Let the file go."""
