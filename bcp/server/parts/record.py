"""Keeps the book's incident in step with the course of the outage: opened, declared, resolved, closed, opened again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bcp.deeds.unaccounted import ask_and_count
from bcp.detect.course import Course
from bcp.detect.decide import TITLES, Decision
from bcp.incident.model import Incident
from bcp.kernel.errors import BcpError
from bcp.kernel.units import format_duration
from bcp.server.core import Core

STEADY_S = 300.0
"""So long a class is seen that was written down before, until it is written again: an outage that flips between B and
B with E is told once, not at each look."""
COUNT_EVERY_S = 60.0
"""How often mails are counted while an incident waits for nothing else."""


class Recorder:
    """The book says what people and senders did; the course says what follows. What either has more of, the other
    gets."""

    def __init__(self, core: Core) -> None:
        self.core, self.clock = core, core.clock
        self._known: Incident | None = None
        """The incident as it was written last; ``None`` when it is over."""
        self._last = ""
        """Its id, also when it is over."""
        self._begun = self._missing = False
        self._counted, self._said = -COUNT_EVERY_S, ""
        self._classes: tuple[str, set[tuple[str, ...]]] = ("", set())
        """The incident, and what was seen of it in this stretch."""
        self._flipped: tuple[tuple[str, ...], float] = ((), 0.0)
        """What it flipped back to, and when."""

    @property
    def course(self) -> Course:
        """Where the outage is."""
        return self.core.app.watching.watcher.detector.course

    def event(self, name: str) -> None:
        """Something happened (``bcp.detect.course.EVENTS``)."""
        self.core.app.watching.watcher.detector.event(name, self.clock.monotonic())

    async def take(self, found: Decision) -> Incident | None:
        """After a look: the incident as it is now. ``None``: there is none that is open, nor was one a moment ago."""
        service = self.core.app.settings.service
        row = await self.core.do(lambda b: b.current(service))
        name = row.id if row is not None else ""
        firing = await self.core.do(lambda b: b.firing(name)) if name else 0
        self._begin(row, firing)
        self._heed(row, firing)
        if found.state == "down" and found.classes and self.course.seen != "down":
            self.event("looked_down")  # a look of this moment, before the watch came to the same
        if row is None:
            row = await self._open(found)
        if row is not None:
            row = await self._stronger(row)
            row = await self._move(row, found)
        self._known = row if row is not None and row.state != "closed" else None
        self._last = row.id if row is not None else self._last
        return row

    # -- from the book to the course -----------------------------------------------------------------------------

    def _begin(self, row: Incident | None, firing: int) -> None:
        """After a start: go on where the book stopped."""
        if self._begun:
            return
        self._begun = True
        if row is not None and not self.course.open:
            detector = self.core.app.watching.watcher.detector
            detector.course = replace(
                detector.course, record=row.state, alerts=firing > 0, news_at=self.clock.monotonic()
            )
            self._known = row

    def _heed(self, row: Incident | None, firing: int) -> None:
        """What others wrote into the book since."""
        if row is None:
            if self._known is not None and self.course.open:
                self.event("ended")
            return
        fresh = self._known is None or self._known.id != row.id
        if row.state == "declared" and (fresh or (self._known is not None and self._known.state != "declared")):
            self.event("declared")  # by a person, at another door
        elif fresh:
            self.event("reopened" if row.id == self._last or not firing else "alert")
        elif firing and not self.course.alerts:
            self.event("alert")
        if not firing and self.course.alerts:
            self.event("alerts_over")

    def heard(self) -> None:
        """A sender said that something new is wrong."""
        if self.course.open:
            self.event("alert")

    # -- from the course to the book -----------------------------------------------------------------------------

    async def _open(self, found: Decision) -> Incident | None:
        """An outage that nobody told us of."""
        if found.state != "down" or not found.classes or self.course.record != "declared":
            return None
        service, mode = self.core.app.settings.service, self.core.settings.verdict
        return (await self.core.do(lambda b: b.open(service, title_of(found), mode, "watch")))[0]

    async def _stronger(self, row: Incident) -> Incident:
        """What our own watch says down may be acted on as ``serve: verdict:`` says, whatever the sender's mode is."""
        mode, watch = self.core.settings.verdict, self.core.sight.decision
        if watch is None or watch.state != "down" or row.stronger(mode) == row.mode:
            return row
        service = self.core.app.settings.service
        return (await self.core.do(lambda b: b.open(service, row.title, mode, "watch")))[0]

    async def _move(self, row: Incident, found: Decision) -> Incident:
        course, fields = self.course, dict[str, Any]()
        if course.record not in {"none", row.state} and not await self._waits(row):
            fields |= {"state": course.record}
            if not getattr(row, course.record, 1.0):
                fields |= {course.record: self.clock.now()}
            self._classes = ("", set())
        if self._is_news(row, found):
            fields |= {"classes": found.classes, "title": title_of(found)}
        if not fields:
            return row
        data = {
            "state": fields.get("state", row.state),
            "classes": list(found.classes),
            "evidence": list(found.evidence[:4]),
            "why": self._why(course, found),
        }
        actor = "watch" if self.core.sight.alive else "look"
        await self.core.do(lambda b: b.change(row.id, "moved", actor, fields=fields, **data))
        self.core.changed()
        return await self.core.do(lambda b: b.incident(row.id))

    def _is_news(self, row: Incident, found: Decision) -> bool:
        """Is another class seen than the book says: for the first time in this stretch, or for a while?"""
        if found.state != "down" or not found.classes or found.classes == row.classes:
            self._flipped = ((), 0.0)
            return False
        if self._classes[0] != row.id:
            self._classes = (row.id, {row.classes})
        seen, now = self._classes[1], self.clock.monotonic()
        if found.classes not in seen:
            seen.add(found.classes)
            return True
        if self._flipped[0] != found.classes:
            self._flipped = (found.classes, now)
        return now - self._flipped[1] >= STEADY_S

    async def _waits(self, row: Incident) -> bool:
        """Is it over, but for mails whose fate nobody knows? It is closed when they are accounted for."""
        if self.course.record != "closed" or row.state not in {"opened", "declared", "resolved"}:
            return False
        now = self.clock.monotonic()
        if now - self._counted < COUNT_EVERY_S:
            return self._missing
        self._counted = now
        try:
            found = await ask_and_count(self.core.app, row)
        except BcpError as error:
            text, self._missing = f"it cannot be counted: {error.message}", True
        else:
            text, self._missing = found.text(), found.any
        if self._missing and text != self._said:
            self._said = text
            await self.core.do(lambda b: b.note("not_closed", row.id, "bcp", text=text))
            self.core.changed()
        return self._missing

    def _why(self, course: Course, found: Decision) -> str:
        if course.record == "closed":
            if course.seen == "unknown":
                return "nothing new was heard of it for a day, and nothing here can look"
            quiet = format_duration(self.core.app.watching.rules.keep_firing_for_s)
            return f"everything that looks has seen it well for {quiet}, and nothing of ours stands"
        if course.record == "resolved" and course.alerts:
            return "our own looks have seen it well for long; the alert was never taken back"
        return found.why


def title_of(found: Decision) -> str:
    """``inbound transport (class B)``."""
    return " and ".join(f"{TITLES.get(c, c)} (class {c})" for c in found.classes[:2]) or "an outage"
