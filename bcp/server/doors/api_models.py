"""What the API takes and gives."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,80}$", description="An id, as the lists show it.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Checksum = Annotated[str, StringConstraints(max_length=64, pattern=r"^([0-9a-f]{12,64})?$")]
PlaneName = Annotated[str, StringConstraints(pattern=r"^(inbound|outbound|mailbox|auth|edge)$")]


class Out(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid")


class Wrong(Out):
    """What went wrong, and what to do."""

    detail: str
    hint: str = ""
    rule: str = ""


class NotRead(Out):
    """Why a body was not read to its end: it is too large (413), or came too slowly (408)."""

    error: str


class VerdictOut(Out):
    """The verdict now."""

    state: str = Field(description="healthy, suspect, down or unknown.")
    classes: list[str]
    stage: str
    confidence: int
    planes: list[str]
    evidence: list[str]
    action: str
    why: str
    since: str
    decide_at: str
    playbook: str = Field(description="The one that works on it or holds; else the one that is called for; or none.")
    flapping: bool
    hindered: str = Field(description="What keeps what is called for from being proposed, and what to do; or none.")


class CheckOut(Out):
    """One promise that was looked at."""

    code: str = Field(description="Which promise.")
    subject: str = Field(description="What it is about.")
    state: str = Field(description="ok, risk, fail or unknown.")
    says: str
    hint: str
    since: str = Field(description="From when on it has been so, ISO 8601.")
    playbooks: list[str] = Field(description="Which playbooks rest on it; none: all.")


class ReasonOut(Out):
    """A check that does not hold, by its name."""

    code: str
    subject: str
    state: str


class TrendOut(Out):
    """Which way a number went."""

    way: str = Field(description="better, worse, same or new (nothing is known of that time).")
    before: int | None


class StandingOut(Out):
    """How one playbook stands."""

    playbook: str
    title: str
    level: str = Field(description="ready, at-risk or not-ready.")
    percent: int = Field(description="Share of its promises that hold.")
    promises: int
    since: str
    trend: dict[str, TrendOut] = Field(description="Over a week and over a month.")
    reasons: list[ReasonOut] = Field(description="What does not hold, the worst first.")


class ReadinessOut(Out):
    """Readiness, as the last round saw it."""

    at: str
    level: str = Field(description="Of the worst playbook.")
    says: str = Field(description="One sentence.")
    playbooks: list[StandingOut]
    checks: list[CheckOut]


class IncidentOut(Out):
    """An incident. Times are ISO 8601, empty when it has not come to that."""

    id: str
    service: str
    state: str
    opened: str
    declared: str
    resolved: str
    closed: str
    classes: list[str]
    title: str
    mode: str
    playbook: str
    runs: list[str]


class EventOut(Out):
    """One entry of the chain."""

    seq: int
    at: str
    kind: str
    actor: str
    data: dict[str, Any]
    hash: str


class IncidentFull(IncidentOut):
    """The same, with everything that happened."""

    events: list[EventOut]
    questions: list[QuestionOut]


class QuestionOut(Out):
    """What people are asked."""

    id: str
    incident: str
    run: str
    step: str
    checksum: str
    opened: str
    until: str
    needed: int
    people: list[str]
    state: str
    result: str
    asks: str = Field("", description="What a yes means: `start` it, `undo` (mail moves back), `hand` (it is entered).")
    about: str = Field("", description="Of an open question: what changes, and of `hand` which records to enter.")


class AnswerIn(Out):
    """Yes or no to exactly this plan."""

    yes: bool
    checksum: Annotated[str, StringConstraints(min_length=12, max_length=64, pattern=r"^[0-9a-f]+$")] = Field(
        description="The plan's checksum as it was seen, at least its first 12 characters."
    )


class RunOut(Out):
    """A run."""

    id: str
    playbook: str
    kind: str
    status: str
    initiator: str
    started: str
    ended: str
    parent: str
    live: bool


class StepOut(Out):
    """A step of it."""

    id: str
    phase: str
    status: str
    summary: str
    error: str


class LeftOut(Out):
    """A domain that it was to move and did not."""

    domain: str
    state: str
    """`conflict`, `refused`; `unknown`: nobody knows what stands there."""
    why: str
    taken_up_by: str
    """The later run that has it now; empty: none."""


class RunFull(RunOut):
    """The same, with its steps."""

    left: list[LeftOut]
    """Domains that were not moved; POST the run's /rest plans those again."""
    checksum: str
    reason: str
    steps: list[StepOut]


Since = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9TZ:+.dhms-]{0,32}$"),
    Field(description="When the outage began: 45m (ago), 09:45 (UTC), 2026-01-22T09:45Z. Empty: what is known here."),
]


class PlanIn(Out):
    """What to plan."""

    playbook: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    inputs: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")], Text] = Field(
        default_factory=dict
    )
    domains: list[Text] = Field(default_factory=list, max_length=1000)
    since: Since = ""


class PlanOut(Out):
    """A plan: what it changes and what speaks against it."""

    id: str
    playbook: str
    checksum: str
    expires: str
    changes: list[dict[str, Any]]
    refusals: list[str]
    runnable: bool


class ReportIn(Out):
    """Somebody has a problem."""

    plane: PlaneName
    text: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
    who: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class Done(Out):
    """It was done."""

    done: str
    run: str = Field(default="", description="The run that it is about, if any.")


class AbortIn(Out):
    """Why, and, for a run that moved mail, the consequence as it was shown (GET of the same address)."""

    reason: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""
    consequence: Checksum = Field(default="", description="Checksum of the consequence.")
    anyway: Checksum = Field(default="", description="Checksum of the second yes, where a look speaks against it.")


class AbortOut(Out):
    """What ending a run would do to mail."""

    run: str
    moves_mail: bool
    text: str
    mx: dict[str, list[str]] = Field(description="Of each domain: where mail goes now, and where it would go.")
    seen: str = Field(description="What our own look says now.")
    against: str = Field(description="Code of what speaks against it; empty: nothing.")
    consequence: str
    anyway: str
    approvers: list[str]
    count: int


class SettleIn(Out):
    """What a person found out."""

    what: Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]+$")] = Field(
        description="Step in doubt, or the key of one effect."
    )
    happened: bool
    reason: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""


class SendIn(Out):
    """One message to one audience."""

    message: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    audience: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    channels: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]] = Field(
        default_factory=list, max_length=50
    )
    letter: Annotated[str, StringConstraints(pattern=r"^[A-H]?$")] = Field(default="", description="Class of outage.")
    since: Since = ""


class StopIn(Out):
    """Which send; empty: the newest that is not over."""

    run: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9-]{0,80})?$")] = ""


class DeclareIn(Out):
    """A person says that there is an outage."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
    classes: list[Annotated[str, StringConstraints(pattern=r"^[A-H]$")]] = Field(default_factory=list, max_length=8)


class WordIn(Out):
    """What a person says about what is going on. Whose word it is, the token says."""

    what: Annotated[str, StringConstraints(pattern=r"^([A-H]|none|maintenance|withdraw)$")] = Field(
        description="A class; `none`: it is no outage; `maintenance`; `withdraw`: take back what you said."
    )
    text: Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")] = Field(
        default="", description="Why, for the others."
    )
    lasts: Annotated[str, StringConstraints(max_length=20, pattern=r"^[0-9smhd ]*$")] = Field(
        default="", description="It ends after so long, a day at most: `2h`. Nothing: an hour."
    )
    until: Annotated[str, StringConstraints(pattern=r"^([0-2]?[0-9]:[0-5][0-9])?$")] = Field(
        default="", description="It ends at this time of day in UTC: `14:00`. Instead of `lasts`."
    )


class WordOut(Out):
    """A person's word. Times are ISO 8601."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    kind: str = Field(description="is, is-not, maintenance or withdrawn.")
    class_: str = Field(alias="class", description="With `is`: A to H.")
    who: str = Field(description="The contact who said so.")
    at: str
    until: str
    text: str


class CloseIn(Out):
    """A person says that an outage is over."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
    unaccounted: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""
    """Why it is over although the fate of some mails is not known."""


IncidentFull.model_rebuild()
