"""Records of exercises and incidents, put together for whoever renders them: the one way in which they are read."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from bcp.contracts.exercise import DrillRecord, Scenario, State
from bcp.contracts.exercise_parts import Chain
from bcp.contracts.incident import Incident
from bcp.drills.derive import Context, Happening, derive
from bcp.drills.fold import Exercise, fold
from bcp.drills.outline import KEPT, components
from bcp.engine.store import Runs, RunView
from bcp.kernel.errors import BcpError, Missing
from bcp.store.sqlite.book import opened
from bcp.wiring import App

LABS = "drills"
"""Below the state folder: state folders of lab drills."""
MOST = 500
"""Events of one incident that a record takes in."""


def exercise_of(app: App, drill: str) -> Exercise:
    """An exercise as its events tell it. ``drill``: an id, its beginning or end, or ``last``.

    Raises:
        Missing: ``no-such-drill``.
        Invalid: ``ambiguous``.
    """
    book = app.running.drills
    return fold(book.events(book.find(drill)))


def exercises(app: App) -> list[Exercise]:
    """All exercises: those that are planned, the next one first, then the others, the newest first."""
    book, now = app.running.drills, app.clock.now()
    found = [fold(book.events(name)) for name in book.drills()]
    return sorted(found, key=lambda e: _order(e, now))


def _order(exercise: Exercise, now: float) -> tuple[bool, float]:
    at = when(exercise.record)
    to_come = at > now and not exercise.record.started and not exercise.over
    return not to_come, at if to_come else -at


def record_of(app: App, drill: str) -> DrillRecord:
    """The whole record of an exercise. Raises as ``exercise_of``."""
    return recorded(app, exercise_of(app, drill))


def recorded(app: App, exercise: Exercise) -> DrillRecord:
    """The same, of an exercise that was read before."""
    happenings = [h for name in exercise.incidents if (h := _happening(app, name)) is not None]
    exercise = _with_runs(exercise, happenings)
    damage = app.running.drills.damage()
    chain = Chain(exercise.record.id, exercise.seq, exercise.head, damage.get(exercise.record.id, ""))
    views = views_of(app, exercise)
    return derive(exercise, views, happenings, _context(app, (chain, *_lost(exercise, views))))


def views_of(app: App, exercise: Exercise) -> list[RunView]:
    """The runs of an exercise and those that went back from them, as far as they can be read."""
    return [*_views(app, exercise.runs), *_lab_views(app, exercise)]


def views_of_runs(app: App, runs: Sequence[str]) -> list[RunView]:
    """These runs and those that went back from them."""
    return _views(app, runs)


def record_of_incident(app: App, incident: str) -> DrillRecord:
    """The same record of a real incident; what people wrote of it stands in the exercise that names it.

    Raises:
        Missing: ``no-such-incident``.
    """
    found = _happening(app, incident)
    if found is None:
        raise Missing(f"there is no incident {incident!r}", rule="no-such-incident", hint="bcp incident list")
    one = found.incident
    written = next((e for e in exercises(app) if e.record.kind == "incident" and one.id in e.incidents), None)
    if written is not None:
        return recorded(app, written)
    state: State = "closed" if one.state == "closed" else "running"
    record = DrillRecord(
        one.id, "incident", one.title, state, "completed" if one.closed else "",
        created=one.opened, started=one.opened, ended=one.closed, components=components("incident"),
        method="incident", retention=KEPT, scenario=Scenario("", one.title, outage_class="".join(one.classes)[:1]),
    )  # fmt: skip
    return derive(Exercise(record, runs=one.runs), _runs_of(app, one), [found], _context(app, ()))


def _with_runs(exercise: Exercise, happenings: Sequence[Happening]) -> Exercise:
    """The runs of its incidents are its own, too."""
    runs = dict.fromkeys((*exercise.runs, *(r for h in happenings for r in h.incident.runs)))
    return replace(exercise, runs=tuple(runs))


def incident_id(app: App, name: str) -> str:
    """The incident meant by an id, its beginning, or ``last``. Raises ``Missing`` (``no-such-incident``)."""
    found = _happening(app, name)
    if found is None:
        raise Missing(f"there is no incident {name!r}", rule="no-such-incident", hint="bcp incident list")
    return found.incident.id


def records(app: App, since: float = 0.0) -> list[DrillRecord]:
    """Every exercise and every incident that began at this time or later, the newest first. What cannot be read is
    left out."""
    out: list[DrillRecord] = []
    told: set[str] = set()
    for exercise in exercises(app):
        told |= set(exercise.incidents)
        with contextlib.suppress(BcpError):
            out.append(recorded(app, exercise))
    for incident in _incidents(app):
        if incident.id not in told:
            with contextlib.suppress(BcpError):
                out.append(record_of_incident(app, incident.id))
    kept = [r for r in out if when(r) >= since]
    return sorted(kept, key=when, reverse=True)


def when(record: DrillRecord) -> float:
    """The time by which records are sorted: begun, else planned, else made."""
    return record.started or record.planned_start or record.created


def _views(app: App, runs: Sequence[str]) -> list[RunView]:
    """These runs and those that went back from them."""
    exists = app.running.room.runs.exists
    names = {r: None for r in runs if exists(r)}
    for run in list(names):
        names |= dict.fromkeys(c.id for c in app.running.runs.children(run))
    return [app.running.runs.view(r) for r in names]


def _lab_views(app: App, exercise: Exercise) -> list[RunView]:
    """Runs of a lab drill, which are kept in a state folder of their own."""
    from bcp.store.sqlite.state import SqliteState

    folder = app.configuration.state / LABS / exercise.record.id / "state"
    if not folder.exists():
        return []
    runs = Runs(SqliteState(folder), app.clock)
    return [runs.view(r) for r in exercise.runs if runs.room.runs.exists(r)]


def _lost(exercise: Exercise, views: Sequence[RunView]) -> list[Chain]:
    """Runs of the exercise that are not there any more, or that end before the head that its chain knows."""
    there = {v.id: {e.hash for e in v.record.events} for v in views}
    heads = {r: h for row in exercise.measured.get("lab", ()) for r, h in (row.get("heads") or {}).items()}
    gone = [Chain(r, 0, heads.get(r, ""), "its file is gone") for r in exercise.runs if r not in there]
    cut = "it does not hold the head that the drill knows: it was cut or replaced"
    return gone + [Chain(r, len(there[r]), h, cut) for r, h in heads.items() if r in there and h not in there[r]]


def _runs_of(app: App, incident: Incident) -> list[RunView]:
    return _views(app, [r for r in incident.runs if app.running.room.runs.exists(r)])


def _incidents(app: App) -> list[Incident]:
    path = app.configuration.state / "incidents.db"
    if not path.exists():
        return []
    with opened(path, app.clock, to_read=True) as book:
        return book.incidents(limit=1000)


def _happening(app: App, name: str) -> Happening | None:
    path = app.configuration.state / "incidents.db"
    if not path.exists():
        return None
    with opened(path, app.clock, to_read=True) as book:
        try:
            incident = book.incident(name)
        except Missing:
            return None
        return Happening(incident, tuple(book.events(incident.id, limit=MOST)))


def _context(app: App, chains: tuple[Chain, ...]) -> Context:
    return app.running.record_context(chains)
