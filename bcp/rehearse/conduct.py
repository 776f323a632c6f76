"""What every kind of drill has in common: begun once, alone, never during a real incident, and ended in the book."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bcp.contracts.exercise import Outcome
from bcp.contracts.incident import OPEN
from bcp.contracts.store import RunQuery
from bcp.deeds.circumstances import clock_source
from bcp.deeds.drill_calendar import begun
from bcp.deeds.exercises import exercise_of, exercises
from bcp.drills.fold import Exercise
from bcp.drills.play import Play
from bcp.kernel.errors import BcpError, GateClosed, Interrupted, Invalid, Refused
from bcp.playbook.load import Loaded
from bcp.store.files.locks import FileLock
from bcp.store.sqlite.book import opened
from bcp.wiring import App

LOCK = "drill.lock"
"""In the state folder: held by the process that plays a drill, so that there are never two at once."""
RESUMED = frozenset({"tabletop"})
"""Kinds that go on where they were stopped."""


@dataclass
class Conductor:
    """Writes what a drill does into the drill book."""

    app: App
    drill: str
    actor: str
    say: Callable[[str], None] = lambda text: None
    outcome: Outcome = "completed"
    reason: str = ""
    runs: list[str] = field(default_factory=list)

    def write(self, kind: str, /, **data: Any) -> None:
        """An event. Raises ``StorageError``."""
        self.app.running.drills.append(self.drill, kind, self.actor, data)

    def measured(self, what: str, /, **data: Any) -> None:
        """Something that no run knows: when the lab broke, how many mails there were."""
        self.write("measured", what=what, **data)

    def run(self, run_id: str) -> None:
        """A run belongs to it."""
        if run_id not in self.runs:
            self.runs.append(run_id)
            self.write("run", run=run_id)

    def exercise(self) -> Exercise:
        """As it stands now."""
        return exercise_of(self.app, self.drill)


def inputs_for(loaded: Loaded, play: Play) -> dict[str, str]:
    """Of the inputs that were fixed for an exercise those that this playbook has: the way there and the way back have
    different ones."""
    return {name: value for name, value in play.inputs.items() if name in loaded.book.inputs}


def real_trouble(app: App) -> str:
    """Why no drill may begin or go on now: a real incident is open, or a real run is not over. Empty: nothing."""
    path = app.configuration.state / "incidents.db"
    if path.exists():
        with opened(path, app.clock, to_read=True) as book:
            found = book.current(app.settings.service)
            if found is not None and found.state in OPEN:
                return f"the incident {found.id} is open"
    cards = app.running.cards(RunQuery(unfinished=True, kind="real"))
    return f"the run {cards[0].id} is {cards[0].status}" if cards else ""


def left_over(app: App) -> str:
    """A run of a live drill that nobody plays any more and nobody ended: its domain may still be at the relay, so the
    drill is not over. For when no drill is played. Empty: there is none."""
    cards = app.running.cards(RunQuery(unfinished=True, kind="drill"))
    return f"the run {cards[0].id} of an exercise is {cards[0].status}" if cards else ""


def may_begin(app: App, drill: str) -> Exercise:
    """The exercise, if it may be played now.

    Raises:
        Refused: ``drill-over``, ``incident-open``, ``drill-left-over``.
    """
    found = exercise_of(app, drill)
    hint = "Make the next one: bcp drill new"
    if found.over:
        raise Refused(f"{found.record.id} is {found.record.state}", rule="drill-over", hint=hint)
    if _forsaken(found):  # we have its lock: nobody plays it
        _interrupted(app, found)
        raise Refused(f"{found.record.id} was interrupted: {FORSAKEN}", rule="drill-over", hint=hint)
    if trouble := real_trouble(app):
        raise Refused(f"no drill now: {trouble}", rule="incident-open", hint="First the outage, then the drill.")
    if left := left_over(app):
        hint = "End it first: bcp status RUN, then bcp resume RUN or bcp abort RUN."
        raise Refused(f"no drill now: {left}", rule="drill-left-over", hint=hint)
    return found


FORSAKEN = "the process that played it ended"


def _forsaken(found: Exercise) -> bool:
    """Was it begun by a process that is not there any more? For whoever has the lock of drills."""
    return found.record.state == "running" and found.record.kind not in RESUMED


def _interrupted(app: App, found: Exercise) -> None:
    data = {"outcome": "interrupted", "reason": FORSAKEN}
    app.running.drills.append(found.record.id, "ended", "bcp", data, after=found.seq)


def end_forsaken(app: App) -> list[str]:
    """Drills that a kill or a power cut ended: their records say so, and nobody waits for them; returns their ids."""
    if not (app.configuration.state / "drills.db").exists():
        return []
    lock = FileLock(app.configuration.state / LOCK)
    if not lock.take():
        return []  # somebody plays one
    with lock:
        gone = [e for e in exercises(app) if _forsaken(e)]
        for found in gone:
            _interrupted(app, found)
    return [e.record.id for e in gone]


@contextlib.contextmanager
def alone(app: App, drill: str) -> Iterator[None]:
    """The only drill of this state folder. Raises ``Refused`` (``drill-live``)."""
    lock = FileLock(app.configuration.state / LOCK)
    if not lock.take():
        raise Refused("another drill is being played", rule="drill-live", hint="bcp drill list")
    with lock:
        yield


@contextlib.contextmanager
def conducting(
    app: App, drill: str, actor: str, how: str, say: Callable[[str], None] = lambda text: None
) -> Iterator[Conductor]:
    """Begin or go on with an exercise, and write down how it ended. What interrupts it is no success.

    Raises:
        Refused: ``drill-over``, ``incident-open``, ``drill-left-over``, ``drill-live``.
    """
    name = app.running.drills.find(drill)
    with alone(app, name):
        found = may_begin(app, name)
        conductor = Conductor(app, name, actor, say)
        conductor.write("began", how=how)
        conductor.measured("clock", source=clock_source(app))
        begun(app, name)
        _share_fate(conductor, found)
        try:
            yield conductor
        except BaseException as error:
            if found.record.kind in RESUMED and not isinstance(error, BcpError):
                raise  # people stopped for now
            _end(conductor, *_why(error, conductor))
            raise
        _end(conductor, conductor.outcome, conductor.reason)


def _why(error: BaseException, conductor: Conductor) -> tuple[Outcome, str]:
    """Outcome and reason of an exercise that ended so. What interrupts it is no success; one that was aborted stays so,
    whatever its end came to."""
    if conductor.outcome == "aborted" and isinstance(error, BcpError):
        return "aborted", f"{conductor.reason}; {error.message}"
    if isinstance(error, GateClosed):
        return "rejected", error.message
    if isinstance(error, BcpError):
        return "failed", error.message
    stopped = isinstance(error, Interrupted | KeyboardInterrupt | asyncio.CancelledError)
    return "interrupted", "stopped by a person or by the end of the program" if stopped else type(error).__name__


async def while_calm(conductor: Conductor, work: asyncio.Future[Any], every_s: float = 5.0) -> None:
    """Let a drill go on until it ends, or until something real happens: then it is aborted.

    Raises what ``work`` raises; ``CancelledError`` when whoever waits here is cancelled.
    """
    try:
        while not work.done():
            await asyncio.wait([work], timeout=every_s)
            if not work.done() and (trouble := await asyncio.to_thread(real_trouble, conductor.app)):
                conductor.outcome, conductor.reason = "aborted", f"something real came between: {trouble}"
                conductor.say(conductor.reason)
                work.cancel()
                await asyncio.wait([work])
                return
        await work
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait([work])


def _end(conductor: Conductor, outcome: Outcome, reason: str) -> None:
    conductor.write("ended", outcome=outcome, reason=reason)


def _share_fate(conductor: Conductor, found: Exercise) -> None:
    """What the playbooks of the exercise need that falls with what is down: asked at the beginning."""
    app = conductor.app
    names = [p.name for p in found.record.playbooks] or ([found.play.playbook] if found.play.playbook else [])
    try:
        said = app.playbooks.shared_fate([app.playbooks.load(name) for name in names], app.clock.now())
    except Invalid as error:
        said = {"state": "unknown", "chains": [error.message]}
    conductor.measured("shared_fate", **{k: v for k, v in said.items() if k != "at"})
