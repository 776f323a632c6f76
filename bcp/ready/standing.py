"""From checks to an answer for each playbook: ready, at risk or not ready, as a number with its reasons. Pure.

The number is the share of the promises it rests on that hold, in per cent: one that is at risk counts half, one that
fails or could not be looked at counts nothing. The answer does not come from the number: one promise that fails makes a
playbook *not ready*, however many others hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bcp.contracts.readiness import READY, Check, Level, Mark

WORTH = {"ok": 1.0, "risk": 0.5, "fail": 0.0, "unknown": 0.0}
ORDER = {"fail": 0, "unknown": 1, "risk": 2, "ok": 3}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one playbook stands."""

    playbook: str
    title: str
    level: Level
    number: int
    """0 to 100."""
    promises: int
    """How many promises it rests on."""
    reasons: tuple[Check, ...] = ()
    """What does not hold, the worst first."""
    since: float | None = None
    """From when on it has been on this level."""

    @property
    def mark(self) -> Mark:
        """What is kept of it."""
        return Mark(self.playbook, self.level, self.number, self.since)


def standings(playbooks: Mapping[str, str], checks: Sequence[Check]) -> list[Standing]:
    """Each of these playbooks (title by name), from what was looked at; the worst first."""
    found = [_standing(name, title, checks) for name, title in playbooks.items()]
    return sorted(found, key=lambda s: (READY[s.level], s.number, s.playbook))


def _standing(name: str, title: str, checks: Sequence[Check]) -> Standing:
    mine = [c for c in checks if not c.playbooks or name in c.playbooks]
    bad = tuple(sorted((c for c in mine if c.state != "ok"), key=lambda c: (ORDER[c.state], c.code, c.subject)))
    return Standing(name, title, level_of(mine), number_of(mine), len(mine), bad)


def each_once(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Each promise once: the worst that was seen of it speaks, and of equals the last."""
    found: dict[tuple[str, str], Check] = {}
    for check in checks:
        old = found.get(check.key)
        if old is None or ORDER[check.state] <= ORDER[old.state]:
            found[check.key] = check
    return tuple(found.values())


def level_of(checks: Iterable[Check]) -> Level:
    """The worst decides. Nothing looked at is no readiness."""
    states = {c.state for c in checks}
    if not states or "fail" in states:
        return "not-ready"
    return "at-risk" if states & {"risk", "unknown"} else "ready"


def number_of(checks: Iterable[Check]) -> int:
    """0 to 100, rounded down, so that 100 means everything."""
    worth = [WORTH[c.state] for c in checks]
    return int(100 * sum(worth) / len(worth)) if worth else 0


def whole(found: Sequence[Standing]) -> Level:
    """All of them together: as the worst one."""
    return min((s.level for s in found), key=lambda level: READY[level], default="not-ready")
