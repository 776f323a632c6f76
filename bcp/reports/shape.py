"""The report as a document, ``bcp.report/2``: an answer, figures that say how they were measured, milestones, the whole
record, and the detail of each run. Its JSON Schema is published (``bcp.reports.schema``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bcp.contracts.exercise import DrillRecord, Judged
from bcp.contracts.exercise_parts import Value

SCHEMA = "bcp.report/2"
"""Name and version of the plain-data form."""
Subject = Literal["run", "drill", "incident"]
Unit = Literal["s", "messages", "mails", "percent", "people", "count"]
Said = Judged | Literal[""]
"""A judgement; ``void``: reached, by an exercise that was aborted, rejected or interrupted, so that it does not count;
empty: it is no objective."""
AnswerCode = Literal["yes", "no", "not-yet", "not-known", "no-objective"]


@dataclass(frozen=True, slots=True)
class Answer(Value):
    """Did we meet our objectives?"""

    code: AnswerCode
    """``yes`` only where every objective was met and nothing was aborted, rejected or interrupted."""
    met: bool | None
    """True, false, or null where nobody can say (yet)."""
    headline: str
    """One or two words in the report's language."""
    sentence: str
    """Why, in one sentence."""
    objectives: int = 0
    """How many there are."""
    reached: int = 0
    """How many count as met."""


@dataclass(frozen=True, slots=True)
class Figure(Value):
    """One number, and how it was measured."""

    code: str
    """``rto_receive``, ``detection``, ``receipts.sent`` ..."""
    label: str
    """What it is, in the report's language."""
    value: float | None
    """Null: not known, or it has not come to it."""
    unit: Unit
    display: str
    """The value as people read it; *not known*, *not reached* where there is none."""
    subject: str = ""
    """The audience, the channel or the person that it is about."""
    target: float | None = None
    judged: Said = ""
    at_least: bool = False
    """The start of the outage is known as *then or earlier* only, so that the true figure may be larger."""
    how: str = ""
    """Code of how it was measured."""
    measured: str = ""
    """How it was measured, in words. Never empty."""
    evidence: tuple[str, ...] = ()
    """Where it can be read: ``run-...#17`` is event 17 of that run."""


Lane = Literal["away", "back"]


@dataclass(frozen=True, slots=True)
class Milestone(Value):
    """One event of the picture of the course."""

    code: str
    label: str
    at: float
    """Seconds since 1970-01-01 UTC."""
    after: float
    """Seconds since the zero of its lane: the start of the outage, or of the way back."""
    lane: Lane = "away"
    target: float | None = None
    """Seconds since the zero within which it was to happen."""
    judged: Said = ""
    forecast: bool = False
    """Nobody saw it: it follows from the time to live of the old record."""
    how: str = ""


@dataclass(frozen=True, slots=True)
class Front(Value):
    """What the first page says."""

    subject: Subject
    id: str
    title: str
    language: str
    zone: str
    organisation: str
    made: str
    """When the report was written: ISO 8601, UTC."""
    answer: Answer
    figures: tuple[Figure, ...]
    milestones: tuple[Milestone, ...]
    record: DrillRecord
