"""Readiness in the memory of this process: for tests, and for a look whose state folder cannot be written."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.readiness import Change, Check, Mark, Point, Round
from bcp.store.rounds import dated, held_at, worth_keeping


class MemoryReadiness:
    """See ``bcp.contracts.readiness.ReadinessStore``. ``keep_s`` bounds changes and courses in time."""

    def __init__(self, keep_s: float = 400 * 86_400.0) -> None:
        self._keep_s = keep_s
        self._last: Round | None = None
        self._changes: list[Change] = []
        self._courses: dict[str, list[Point]] = {}
        self._claimed: set[str] = set()

    def note(self, at: float, checks: Sequence[Check], marks: Sequence[Mark]) -> Round:
        """Keep a round."""
        self._last, changes = dated(self._last, at, checks, marks)
        self._changes = [c for c in [*self._changes, *changes] if c.at >= at - self._keep_s]
        for mark in self._last.marks:
            course = self._courses.setdefault(mark.playbook, [])
            point = Point(at, mark.level, mark.number)
            if worth_keeping(point, course[-1] if course else None):
                course.append(point)
            self._courses[mark.playbook] = [p for p in course if p.at >= at - self._keep_s]
        return self._last

    def last(self) -> Round | None:
        """The newest round."""
        return self._last

    def changes(self, since: float, most: int = 200) -> list[Change]:
        """The newest first."""
        return [c for c in reversed(self._changes) if c.at >= since][:most]

    def course(self, playbook: str, since: float) -> list[Point]:
        """Oldest first, with the point that held at its beginning."""
        return held_at(self._courses.get(playbook, []), since)

    def claim(self, what: str, at: float) -> bool:
        """False when it was claimed before."""
        fresh = what not in self._claimed
        self._claimed.add(what)
        return fresh

    def close(self) -> None:
        """Nothing is held."""
