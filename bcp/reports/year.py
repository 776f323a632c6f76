"""What a period of exercises and outages covered, what is open, and how recovery times went (``bcp.year/1``). Pure.

ISO 22301:2019 clause 8.5 wants exercises that *taken together over time* validate all arrangements. Something counts as
covered when an exercise that was completed used it, or a real outage did. *For real* is more than *simulated*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter

from bcp.contracts.exercise import DrillRecord, FindingState, Judged, Severity
from bcp.contracts.exercise_parts import Value
from bcp.kernel.clock import iso
from bcp.pages.times import date_of
from bcp.pages.words import Words
from bcp.reports.answer import answer_of, counts_as_met
from bcp.reports.shape import AnswerCode

SCHEMA = "bcp.year/1"
SCHEMA_ID = "https://bcp.invalid/year.v1.json"
Level = Literal["real", "simulated", "never"]
CLASSES = tuple("ABCDEFGH")
TRENDS = ("rto_receive", "rto_communicate")


@dataclass(frozen=True, slots=True)
class Inventory:
    """What there is to rehearse: names with titles (empty: the name says it)."""

    services: Mapping[str, str] = field(default_factory=dict)
    playbooks: Mapping[str, str] = field(default_factory=dict)
    audiences: Mapping[str, str] = field(default_factory=dict)
    approvers: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)


KINDS = ("services", "playbooks", "audiences", "approvers", "channels", "classes")
NEEDS = {
    "services": "DNS", "playbooks": "DNS", "audiences": "channels", "approvers": "decisions of people",
    "channels": "channels", "classes": "detection",
}  # fmt: skip
"""Which part of the world must have been the real one, for each kind of thing."""


@dataclass(frozen=True, slots=True)
class Coverage(Value):
    """One thing that is to be rehearsed, and by what it was."""

    what: str
    """services, playbooks, audiences, approvers, channels or classes."""
    name: str
    title: str = ""
    level: Level = "never"
    last: float = 0.0
    """When it was used last in the period, seconds since 1970-01-01 UTC; 0: never."""
    drills: tuple[str, ...] = ()
    """Completed exercises that used it."""
    incidents: tuple[str, ...] = ()
    """Real outages that used it."""


@dataclass(frozen=True, slots=True)
class Held(Value):
    """An exercise or a real outage of the period."""

    id: str
    kind: str
    title: str
    at: float
    state: str
    outcome: str
    answer: AnswerCode
    objectives: int
    reached: int


@dataclass(frozen=True, slots=True)
class Action(Value):
    """A finding that is not done."""

    record: str
    id: str
    title: str
    severity: Severity
    state: FindingState
    owner: str
    due: str
    overdue: bool
    retest: str = ""


@dataclass(frozen=True, slots=True)
class Point(Value):
    """One recovery time."""

    record: str
    kind: str
    at: float
    code: str
    audience: str
    achieved: float | None
    target: float
    judged: Judged
    counts: bool
    """Does it count as met?"""
    how: str = ""
    """How it was measured."""


@dataclass(frozen=True, slots=True)
class Year(Value):
    """The whole view of a period."""

    organisation: str
    zone: str
    language: str
    since: float
    until: float
    made: str
    held: tuple[Held, ...]
    coverage: tuple[Coverage, ...]
    never: tuple[str, ...]
    """What has not been rehearsed: ``channels: sms``."""
    simulated: tuple[str, ...]
    """What has been rehearsed, and never for real."""
    actions: tuple[Action, ...]
    trend: tuple[Point, ...]
    schema: str = SCHEMA


def year_of(
    records: Sequence[DrillRecord], there: Inventory, since: float, until: float, words: Words, *, now: float,
    organisation: str = "", zone: str = "UTC",
) -> Year:  # fmt: skip
    """The view of everything that began, or was planned, from ``since`` until ``until``. Findings that are still open
    count whenever they were raised."""
    inside = [r for r in records if since <= when(r) < until]
    rows = tuple(c for what in KINDS for c in _coverage(what, getattr(there, what), inside))
    return Year(
        organisation,
        zone,
        words.language,
        since,
        until,
        iso(now),
        tuple(_held(r, words) for r in sorted(inside, key=when)),
        rows,
        tuple(f"{c.what}: {c.name}" for c in rows if c.level == "never"),
        tuple(f"{c.what}: {c.name}" for c in rows if c.level == "simulated"),
        tuple(sorted(_actions(records, date_of(now, zone)), key=lambda a: (a.due or "9999", a.record, a.id))),
        tuple(p for r in sorted(inside, key=when) for p in _points(r)),
    )


def when(record: DrillRecord) -> float:
    """Begun, else planned, else made."""
    return record.started or record.planned_start or record.created


def counts(record: DrillRecord) -> bool:
    """Does it cover anything? An exercise only when it was completed; a real outage always."""
    return record.kind == "incident" or record.outcome == "completed"


def used(record: DrillRecord, what: str) -> set[str]:
    """Names of this kind that the record proves to have been used."""
    if what == "playbooks":
        return {p.name for p in record.playbooks}
    if what == "audiences":
        return {r.audience for r in record.receipts if r.sent and r.audience}
    if what == "channels":
        return {r.channel for r in record.receipts if r.sent}
    if what == "classes":
        return set(record.detection.outage_class or record.scenario.outage_class)
    if what == "approvers":
        decided = {d.by for d in record.decisions if d.result in {"approved", "rejected", "noted"}}
        return decided | {x for p in record.participants if p.attended for x in (p.contact, p.name) if x}
    return set()


def by_stand_ins(record: DrillRecord, what: str) -> set[str]:
    """Audiences and channels of this record that only stand-ins told: a chat room in a live exercise."""
    if what not in {"audiences", "channels"}:
        return set()
    real = replace(record, receipts=tuple(r for r in record.receipts if not r.simulated))
    return used(record, what) - used(real, what)


def for_real(record: DrillRecord, what: str) -> bool:
    """Was the part of the world real that counts for this kind of thing?"""
    if record.kind == "incident":
        return True
    return any(c.real for c in record.components if c.name == NEEDS[what]) and record.kind != "dry"


def _coverage(what: str, names: Mapping[str, str], records: Sequence[DrillRecord]) -> Iterator[Coverage]:
    told = [(r, used(r, what)) for r in records if counts(r)]
    for name, title in names.items():
        mine = [r for r, found in told if name in found or (what == "services" and r.started)]
        real = any(for_real(r, what) and name not in by_stand_ins(r, what) for r in mine)
        yield Coverage(
            what,
            name,
            title,
            "real" if real else "simulated" if mine else "never",
            max((when(r) for r in mine), default=0.0),
            tuple(r.id for r in mine if r.kind != "incident"),
            tuple(r.id for r in mine if r.kind == "incident"),
        )


def _held(record: DrillRecord, words: Words) -> Held:
    answer, title = answer_of(record, words), record.title
    if title == record.scenario.title and not record.scenario.name and record.playbooks:
        title = record.playbooks[0].title or record.playbooks[0].name  # it plays no story and has no title of its own
    return Held(
        record.id, record.kind, title, when(record), record.state, record.outcome, answer.code,
        answer.objectives, answer.reached,
    )  # fmt: skip


def _actions(records: Sequence[DrillRecord], today: str) -> Iterator[Action]:
    for r in records:
        for f in r.findings:
            if f.state in {"open", "proposed"}:
                late = bool(f.due) and f.due < today
                yield Action(r.id, f.id, f.title, f.severity, f.state, f.owner, f.due, late, f.retest)


def _points(record: DrillRecord) -> Iterator[Point]:
    for o in record.objectives:
        if o.code in TRENDS and o.judged not in {"open", "not-measured"}:
            met = counts_as_met(record, o)
            yield Point(
                record.id, record.kind, when(record), o.code, o.audience, o.achieved, o.target, o.judged, met, o.how
            )


@cache
def _adapter() -> TypeAdapter[Year]:
    return TypeAdapter(Year)


def to_data(year: Year) -> dict[str, Any]:
    """Plain data."""
    found: dict[str, Any] = _adapter().dump_python(year, mode="json")
    return found


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the plain data."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return {**head, **_adapter().json_schema()}


COLUMNS = ("what", "name", "title", "level", "last", "drills", "incidents")
ACTIONS = ("record", "finding", "title", "severity", "state", "owner", "due", "overdue", "retest")


def coverage_rows(year: Year) -> list[list[str]]:
    """Lines of the CSV of coverage."""
    return [
        [c.what, c.name, c.title, c.level, iso(c.last) if c.last else "", " ".join(c.drills), " ".join(c.incidents)]
        for c in year.coverage
    ]


def action_rows(year: Year) -> list[list[str]]:
    """Lines of the CSV of open findings."""
    return [
        [a.record, a.id, a.title, a.severity, a.state, a.owner, a.due, "yes" if a.overdue else "no", a.retest]
        for a in year.actions
    ]
