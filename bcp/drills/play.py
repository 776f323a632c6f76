"""How an exercise is played: what its conductor needs beside what the record holds. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Play:
    """Settings of the conductor, fixed when the exercise is made."""

    playbook: str = ""
    """Playbook that answers; empty: the one that fits the scenario."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = ()
    """Of a live drill: the drill or canary domains that are really moved. Of others: empty, all."""
    outage: str = ""
    """Of a tabletop: the outage file that unfolds. Of a lab drill: what is broken (``refuse``, ``hang`` ...)."""
    volunteers: str = ""
    """Of a live drill: the audience that real texts go to, and nobody else."""
    hold_s: float = 0.0
    """How long mail stays on the relay before the way back; 0: the kind's own."""
    dns: str = "rfc2136"
    """Of a lab drill: which kind of DNS host is emulated."""

    def to_data(self) -> dict[str, Any]:
        """Plain data, as the event keeps it."""
        return {**asdict(self), "inputs": dict(self.inputs), "domains": list(self.domains)}


def play_of(data: Mapping[str, Any] | None) -> Play:
    """From an event. What is not known here was written by a newer program, and is left out."""
    known = {f.name for f in fields(Play)}
    given = {k: v for k, v in (data or {}).items() if k in known}
    if "domains" in given:
        given["domains"] = tuple(given["domains"])
    return Play(**given)
