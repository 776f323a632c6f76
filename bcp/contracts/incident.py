"""Incidents, what is noted of them, and the questions that people are asked: plain values, kept by the book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MODES = ("notify", "ask", "auto")
"""What may follow once our own look agrees, the strongest last."""
OPEN = ("opened", "declared", "resolved")
"""States of an incident that is not closed."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Our record of one outage. Times are epoch seconds, 0 when it has not come to that."""

    id: str
    service: str
    state: str
    opened: float
    declared: float = 0.0
    resolved: float = 0.0
    closed: float = 0.0
    classes: tuple[str, ...] = ()
    title: str = ""
    mode: str = "notify"
    playbook: str = ""
    runs: tuple[str, ...] = ()

    def stronger(self, mode: str) -> str:
        """The stronger of its mode and this one."""
        return max(self.mode, mode, key=MODES.index)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in an incident, or to the daemon. ``hash`` covers it and everything before it."""

    seq: int
    at: float
    incident: str
    kind: str
    actor: str
    data: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one body that a monitoring system sent."""

    incident: str
    """Empty: none of its alerts has to do with an incident."""
    new: int = 0
    repeated: int = 0
    ignored: int = 0
    opened: bool = False
    resolved: bool = False
    """Everything that its sender said of the incident is over."""


@dataclass(frozen=True, slots=True)
class Question:
    """A gate that people are asked about. ``approvers`` may answer, in the order in which groups are asked."""

    id: str
    incident: str
    run: str
    step: str
    checksum: str
    opened: float
    deadline: float
    count: int
    groups: tuple[tuple[str, ...], ...]
    state: str = "open"
    result: str = ""

    @property
    def people(self) -> frozenset[str]:
        """Everybody who may answer."""
        return frozenset(p for g in self.groups for p in g)


@dataclass(frozen=True, slots=True)
class Asked:
    """One person asked by one channel in one turn. ``state``: claimed, sent, failed, doubt."""

    person: str
    channel: str
    cycle: int
    at: float
    state: str
    receipt: str
