"""What rules say: refusals and notes, put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bcp.contracts.action import Refusal


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say."""

    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: Judged) -> Judged:
        return Judged(self.refusals + other.refusals, self.notes + other.notes)


CLEAR = Judged()


def no(rule: str, message: str, hint: str, *, overridable: bool = False, redo: bool = False) -> Judged:
    """One refusal."""
    return Judged((Refusal(rule, message, hint, overridable, redo),))


def note(*texts: str) -> Judged:
    """Something a person should know before they say yes."""
    return Judged((), texts)


def together(parts: Iterable[Judged]) -> Judged:
    """All of them, in order."""
    refusals, notes = list[Refusal](), list[str]()
    for part in parts:
        refusals += part.refusals
        notes += part.notes
    return Judged(tuple(refusals), tuple(notes))
