"""An incident, a question and their states, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bcp.contracts.incident import MODES, OPEN, Asked, Event, Incident, Question, Taken

__all__ = ["MODES", "OPEN", "Asked", "Event", "Incident", "Plan", "Question", "Taken", "Turn", "turns"]


@dataclass(frozen=True, slots=True)
class Turn:
    """When which group is asked. ``cycle`` counts from 0."""

    cycle: int
    group: int
    at: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How people are asked."""

    after_s: float = 300.0
    """When nobody of a group has answered for this long, the next one is asked."""
    cycles: int = 2
    """How often all groups are gone through."""
    extra: Mapping[str, Any] = field(default_factory=dict)


def turns(groups: Sequence[Sequence[str]], opened: float, deadline: float, plan: Plan, count: int = 1) -> list[Turn]:
    """All turns of a question. At once as many groups as could give the answers that are needed; then one after the
    other. None is taken so late that nobody could answer (10 s)."""
    out: list[Turn] = []
    filled = [i for i, g in enumerate(groups) if g]
    first, people = 0, set[str]()
    while first < len(filled) and len(people) < count:
        people |= set(groups[filled[first]])
        first += 1
    for cycle in range(max(1, plan.cycles)):
        for place, group in enumerate(filled):
            wait = max(0, cycle * len(filled) + place - first + 1)
            at = opened + wait * plan.after_s
            if at < deadline - 10.0 or wait == 0:
                out.append(Turn(cycle, group, at))
    return out
