"""What the events of an exercise in the drill book come to: the entered parts of its record. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bcp.contracts.exercise import (
    SCHEMA,
    DrillRecord,
    Finding,
    NextDrill,
    Note,
    Participant,
    Signature,
)
from bcp.contracts.exercise_book import DrillEvent
from bcp.contracts.exercise_parts import Decision, Moment
from bcp.contracts.exercise_plain import from_data
from bcp.drills.play import Play, play_of

TRACKED = frozenset({"id", "how", "state", "owner", "due", "done_at", "reported_at", "retest"})
"""What may change of a finding after the sign-off: how it is followed up, not what it says."""
UNSIGNED = frozenset({"signed", "closed", "next", "reminded", "scheduled"})
"""Events that change nothing of what was signed."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Something that the facilitator brings in."""

    number: int
    at: float
    planned_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """At this time the story was so far, and went on at this speed (story seconds a second; 0: it stands)."""

    at: float
    story_s: float
    speed: float


NOT_BEGUN = -1.0
"""Second of the story at which something was said before it was told: before every outage."""


def story_at(clock: Sequence[Anchor], at: float) -> float:
    """How far the story of a tabletop was at this time, in seconds; 0 before it began."""
    last = next((a for a in reversed(clock) if a.at <= at), None)
    return 0.0 if last is None else last.story_s + (at - last.at) * last.speed


@dataclass(frozen=True, slots=True)
class Exercise:
    """An exercise as its events tell it. ``record`` holds entered parts only; runs and incidents add theirs."""

    record: DrillRecord
    play: Play = field(default_factory=Play)
    runs: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    measured: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """What a conductor measured outside of runs, by what it is: ``outage``, ``mails``, ``resolvers`` ..."""
    injects: tuple[Inject, ...] = ()
    clock: tuple[Anchor, ...] = ()
    """Of a tabletop: when its story went on, stood still or jumped."""
    reaches: tuple[Mapping[str, Any], ...] = ()
    """Decisions by which an objective was reached: ``code``, ``audience``, ``story_s``, ``seq``."""
    signed_runs: tuple[Mapping[str, str], ...] = ()
    """Of each signature the heads of runs that it was given over."""
    seq: int = 0
    head: str = ""

    @property
    def over(self) -> bool:
        """Nothing more is played."""
        return self.record.state in {"ended", "closed", "missed", "cancelled"}


def fold(events: Sequence[DrillEvent]) -> Exercise:
    """The exercise after these events, the oldest first. There is at least one, ``created``."""
    first = events[0]
    found = Exercise(DrillRecord(first.drill, "tabletop", created=first.at, created_by=first.actor))
    for event in events:
        handler = _HANDLERS.get(event.kind)
        if handler is not None:
            found = handler(found, event)
        if _unsigns(event):
            signatures = tuple(replace(s, stands=False) for s in found.record.signatures)
            found = _with(found, signatures=signatures)
        found = replace(found, seq=event.seq, head=event.hash)
    return found


def _unsigns(event: DrillEvent) -> bool:
    if event.kind == "finding":
        return bool(event.data.get("new")) or not set(event.data) <= TRACKED
    return event.kind not in UNSIGNED


def _with(found: Exercise, **changes: Any) -> Exercise:
    return replace(found, record=replace(found.record, **changes))


def _plan(found: Exercise, event: DrillEvent) -> Exercise:
    """``created`` and ``changed``: what is fixed beforehand, as plain data of the record."""
    given = event.data.get("record") or {}
    base = {"schema": SCHEMA, "id": event.drill, "kind": given.get("kind", found.record.kind)}
    names = {f.name for f in fields(DrillRecord)}
    read = from_data({**base, **{k: v for k, v in given.items() if k in names}})
    changes = {k: getattr(read, k) for k in given if k in names and k not in {"id", "schema"}}
    if "objectives" in changes:
        changes["objectives"] = tuple(replace(o, fixed_at=event.at) for o in changes["objectives"])
    found = _with(found, **changes)
    return replace(found, play=play_of(event.data["play"])) if "play" in event.data else found


def _scheduled(found: Exercise, event: DrillEvent) -> Exercise:
    data = event.data
    return _with(
        found,
        planned_start=float(data.get("at", 0.0)),
        planned_end=float(data.get("until", 0.0)),
        surprise=bool(data.get("surprise", False)),
    )


def _began(found: Exercise, event: DrillEvent) -> Exercise:
    started = found.record.started or event.at
    return _said(_with(found, state="running", started=started, outcome="", reason=""), event, "began")


def _run(found: Exercise, event: DrillEvent) -> Exercise:
    run = str(event.data["run"])
    return found if run in found.runs else replace(found, runs=(*found.runs, run))


def _incident(found: Exercise, event: DrillEvent) -> Exercise:
    return replace(found, incidents=(*found.incidents, str(event.data["incident"])))


def _clock(found: Exercise, event: DrillEvent) -> Exercise:
    at = float(event.data.get("at") or event.at)  # one that was killed stood still since its last event
    one = Anchor(at, float(event.data["story_s"]), float(event.data["speed"]))
    return replace(found, clock=(*found.clock, one))


def _inject(found: Exercise, event: DrillEvent) -> Exercise:
    data = event.data
    text = str(data.get("text", ""))
    one = Inject(int(data["number"]), event.at, float(data.get("planned_s", 0.0)), text)
    return _said(replace(found, injects=(*found.injects, one)), event, "inject", text)


def _measured(found: Exercise, event: DrillEvent) -> Exercise:
    what = str(event.data["what"])
    row = {
        "at": event.at,
        **{k: v for k, v in event.data.items() if k != "what"},
        "event": f"{event.drill}#{event.seq}",
    }
    return replace(found, measured={**found.measured, what: (*found.measured.get(what, ()), row)})


_PLACES = {"deviation": "deviations", "feedback": "feedback", "conclusion": "conclusions"}


def _note(found: Exercise, event: DrillEvent) -> Exercise:
    data = event.data
    kind, text = str(data.get("kind", "observation")), str(data["text"])
    by = str(data.get("by") or event.actor)
    note = Note(event.at, by, text, kind, data.get("rating"), evidence=f"{event.drill}#{event.seq}")
    if kind == "decision":
        found = _decided(found, event, by, text)
    elif kind == "third-party":
        found = _with(found, third_parties=(*found.record.third_parties, text))
    elif kind == "reason":
        return _said(found, event, "reason", text)
    place = _PLACES.get(kind, "notes")
    found = _with(found, **{place: (*getattr(found.record, place), note)})
    return _said(found, event, kind, text)


def _decided(found: Exercise, event: DrillEvent, by: str, text: str) -> Exercise:
    asked = found.injects[-1].at if found.injects else found.record.started
    decision = Decision(
        event.at, by, text, asked=asked, how="noted", source="entered", evidence=f"{event.drill}#{event.seq}"
    )
    found = _with(found, decisions=(*found.record.decisions, decision))
    if code := event.data.get("reaches"):
        told = story_at(found.clock, event.at) if found.clock else NOT_BEGUN
        audience = event.data.get("audience", "")
        row = {"code": code, "audience": audience, "story_s": told, "seq": event.seq}
        found = replace(found, reaches=(*found.reaches, row))
    return found


def _attend(found: Exercise, event: DrillEvent) -> Exercise:
    data = event.data
    name, contact = str(data.get("name", "")), str(data.get("contact", ""))
    people = list(found.record.participants)
    at = next((i for i, p in enumerate(people) if (contact and p.contact == contact) or p.name == name), None)
    old = people[at] if at is not None else Participant(name, contact=contact)
    there = bool(data.get("attended", True))
    new = replace(
        old,
        name=name or old.name,
        role=str(data.get("role") or old.role),
        contact=contact or old.contact,
        attended=there,
        arrived=old.arrived or (event.at if there else 0.0),
        left=event.at if data.get("left") else old.left,
        source="entered",
    )
    if at is None:
        people.append(new)
    else:
        people[at] = new
    return _with(found, participants=tuple(people))


_TEXTS = frozenset(f.name for f in fields(Finding)) - {"id", "raised_by", "raised_at", "changed_at", "changed_by"}


def _finding(found: Exercise, event: DrillEvent) -> Exercise:
    data = event.data
    changes = {k: v for k, v in data.items() if k in _TEXTS}
    if "evidence" in changes:
        changes["evidence"] = tuple(changes["evidence"])
    rows = list(found.record.findings)
    at = next((i for i, f in enumerate(rows) if f.id == data["id"]), None)
    if at is None:
        made = Finding(str(data["id"]), str(data.get("title", "")), raised_by=event.actor, raised_at=event.at)
        rows.append(replace(made, **changes))
    else:
        done = event.at if changes.get("state") == "done" and not rows[at].done_at else rows[at].done_at
        rows[at] = replace(rows[at], **{"done_at": done, **changes}, changed_at=event.at, changed_by=event.actor)
    return _said(_with(found, findings=tuple(rows)), event, "finding", str(data.get("title") or data["id"]))


def _ended(found: Exercise, event: DrillEvent) -> Exercise:
    outcome, reason = str(event.data.get("outcome", "completed")), str(event.data.get("reason", ""))
    found = _with(found, state="ended", ended=event.at, outcome=outcome, reason=reason)
    return _said(found, event, "ended", reason or outcome)


def _missed(found: Exercise, event: DrillEvent) -> Exercise:
    reason = str(event.data.get("reason", ""))
    return _said(_with(found, state=event.kind, outcome="not-begun", reason=reason), event, event.kind, reason)


def _signed(found: Exercise, event: DrillEvent) -> Exercise:
    data = event.data
    name = str(data.get("name") or event.actor)
    head, digest = str(data.get("head", "")), str(data.get("digest", ""))
    one = Signature(name, event.at, str(data.get("role", "")), str(data.get("how", "")), head, digest)
    found = _with(found, signatures=(*found.record.signatures, one))
    return replace(found, signed_runs=(*found.signed_runs, dict(data.get("runs") or {})))


def _closed(found: Exercise, event: DrillEvent) -> Exercise:
    return _with(found, state="closed")


def _next(found: Exercise, event: DrillEvent) -> Exercise:
    data = event.data
    names = {f.name for f in fields(NextDrill)}
    return _with(found, next_drill=NextDrill(**{k: v for k, v in data.items() if k in names}))


def _said(found: Exercise, event: DrillEvent, kind: str, text: str = "") -> Exercise:
    """The same, with a line in the timeline."""
    line = Moment(event.at, kind, text, event.actor, source="entered")
    return _with(found, timeline=(*found.record.timeline, line))


_HANDLERS: Mapping[str, Callable[[Exercise, DrillEvent], Exercise]] = {
    "created": _plan,
    "changed": _plan,
    "scheduled": _scheduled,
    "began": _began,
    "run": _run,
    "incident": _incident,
    "clock": _clock,
    "inject": _inject,
    "measured": _measured,
    "note": _note,
    "attend": _attend,
    "finding": _finding,
    "ended": _ended,
    "missed": _missed,
    "cancelled": _missed,
    "signed": _signed,
    "closed": _closed,
    "next": _next,
}


def open_findings(exercises: Iterable[Exercise]) -> list[tuple[str, Finding]]:
    """Findings that are not done, with their exercise: the due ones first."""
    rows = [(e.record.id, f) for e in exercises for f in e.record.findings if f.state in {"proposed", "open"}]
    return sorted(rows, key=lambda r: (r[1].due or "9999", r[1].raised_at))
