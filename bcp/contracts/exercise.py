"""The record of an exercise or of a real incident: what an auditor asks for, as plain values.

The fields are the union of ISO 22301:2019 clause 8.5, NIST SP 800-84 section 6.5, DORA RTS 2024/1774 article 25 and
FFIEC BCM 2019. Measured parts are derived from the journals of runs and from the book of incidents
(``bcp.drills.derive``); entered parts are events of named persons in the drill book (``bcp.contracts.exercise_book``).

Times are seconds since 1970-01-01 UTC, 0 where it has not come to that. Durations are seconds. ``None`` is *not known*.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bcp.contracts.exercise_parts import (
    Chain,
    Component,
    CurvePoint,
    Decision,
    Detection,
    Failback,
    Mails,
    Moment,
    Receipts,
    Source,
    Step,
    Value,
)

SCHEMA = "bcp.drill-record/1"
"""Name and version of the plain-data form."""

Kind = Literal["tabletop", "dry", "lab", "live", "incident"]
"""Four kinds of drills; ``incident``: the outage was real."""
State = Literal["planned", "running", "ended", "closed", "missed", "cancelled"]
Outcome = Literal["", "completed", "aborted", "interrupted", "rejected", "failed", "not-begun"]
"""How it ended. Only ``completed`` counts as a success for coverage (AWS ARC: an interrupted practice run does not)."""
Severity = Literal["low", "medium", "high", "critical"]
FateState = Literal["ok", "risk", "unknown"]
FindingState = Literal["proposed", "open", "done", "dismissed"]
Judged = Literal["met", "missed", "not-reached", "not-known", "not-measured", "open", "void"]
"""``open``: it may still come to it. ``not-reached``: it ended without it. ``not-known``: reached, but nobody knows
since when the outage lasted, so that the figure is a lower bound. ``not-measured``: nothing measured it. ``void``: it
was reached in time, by an exercise or a run that was aborted or rejected, or that came to nothing, so that it does not
count; what was too late is ``missed`` there, too."""
VOID = frozenset({"aborted", "rejected", "interrupted", "not-begun"})
"""Outcomes by which nothing counts as met, whatever was reached on the way."""


@dataclass(frozen=True, slots=True)
class Scenario(Value):
    """What is played, and the outage of the past that it is taken from."""

    name: str
    """Name of the outage file or of the lab's scenario."""
    title: str = ""
    incident: str = ""
    """The real outage behind it, in words, or the id of an incident of ours."""
    outage_class: str = ""
    """Class A to H that is expected to be found."""
    source: str = ""
    """Where the story comes from: the path of the file."""
    digest: str = ""
    """SHA-256 of that file as it was when the drill was made."""


@dataclass(frozen=True, slots=True)
class Objective(Value):
    """A target that was fixed beforehand, and what was achieved."""

    code: str
    """``rto_receive``, ``rto_communicate``, ``rpo_messages``, ``wrt`` or ``mtpd``."""
    target: float
    audience: str = ""
    """For ``rto_communicate``: whom to tell."""
    unit: Literal["s", "messages"] = "s"
    criterion: str = ""
    """The pass criterion in words, as it was written before the exercise began."""
    fixed_at: float = 0.0
    """When target and criterion were written down."""
    achieved: float | None = None
    judged: Judged = "not-measured"
    how: str = ""
    """Code of how it was measured: a key of ``HOW``."""
    evidence: tuple[str, ...] = ()
    """Where it can be read: ``run-...#17`` is event 17 of that run."""
    fraction: float | None = None
    """For ``rto_communicate``: the part of the audience that a channel took the first message for, 0 to 1."""

    @property
    def met(self) -> bool | None:
        """True, false, or ``None`` where nobody can say."""
        return {"met": True, "missed": False, "not-reached": False, "void": False}.get(self.judged)


HOW = {
    "first-mail": "arrival of the first mail in the relay's own queue after the switch, test mails excepted",
    "test-mail": "our own test mail, sent as a sender would, was taken by the relay; no other mail was counted",
    "lab-mail": "the lab's count of numbered mails: when the relay took the first one sent after the break",
    "ledger": "the send ledger: when a channel had taken the first message for 95 of 100 people of the audience",
    "lab-count": "the lab's count of numbered mails: sent, and neither delivered nor waiting",
    "relay-account": "the relay's account by recipient: mails that bounced or that nobody can account for",
    "drain": "from the verified way back of MX to the end of the drain with nothing left",
    "until-well": "from the start of the outage until MX was back and the relay was drained",
    "clock": "the facilitator's clock: the decision that was noted in the exercise",
    "person": "entered by a person",
}
"""How a figure was measured, in words."""


@dataclass(frozen=True, slots=True)
class Participant(Value):
    """A person who takes part."""

    name: str
    role: str = ""
    """In the exercise: facilitator, incident manager, approver, communicator, observer, volunteer ..."""
    contact: str = ""
    """Id in the contacts; empty: not in them."""
    attended: bool | None = None
    """``None``: nobody said."""
    arrived: float = 0.0
    left: float = 0.0
    source: Source = "planned"


@dataclass(frozen=True, slots=True)
class Note(Value):
    """Something that a person wrote, or that differed from the plan: a deviation, an observation, feedback ..."""

    at: float
    by: str
    text: str
    kind: str = "observation"
    """observation, deviation, decision, feedback, conclusion, third-party, inject, communication."""
    rating: int | None = None
    """Of feedback: 1 (useless) to 5 (very useful)."""
    source: Source = "entered"
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Finding(Value):
    """Something that is to be better next time."""

    id: str
    title: str
    severity: Severity = "medium"
    cause: str = ""
    """Root cause."""
    owner: str = ""
    due: str = ""
    """Date: ``2027-01-31``."""
    retest: str = ""
    """When or how it is tested again."""
    urgent: bool = False
    """Reported at once, apart from the report (NIST SP 800-84: critical lapses)."""
    state: FindingState = "open"
    proposal: str = ""
    """The change of configuration or playbook that would mend it."""
    place: str = ""
    """Where that change belongs: ``bcp.yaml: serve.ask.groups``, ``playbooks/x.yaml: activation.tell``."""
    code: str = ""
    """Rule of the product that proposed it; empty: a person raised it."""
    raised_by: str = ""
    raised_at: float = 0.0
    changed_at: float = 0.0
    changed_by: str = ""
    done_at: float = 0.0
    reported_at: float = 0.0
    """Of an urgent one: when it was sent to somebody."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedFate(Value):
    """Does something that the playbooks need depend on what is down?"""

    state: FateState = "unknown"
    at: float = 0.0
    chains: tuple[str, ...] = ()
    """Each dependency in words."""


@dataclass(frozen=True, slots=True)
class Signature(Value):
    """A named person's yes to the record as it was then."""

    name: str
    at: float
    role: str = ""
    how: str = ""
    """By which door the person was known: ``console as ann``, ``command line``."""
    head: str = ""
    """Head of the drill's chain that was signed."""
    digest: str = ""
    """SHA-256 of what was signed (``bcp.drills.signed.digest_of``)."""
    stands: bool = True
    """False: what was signed was changed since."""


@dataclass(frozen=True, slots=True)
class NextDrill(Value):
    """When it is tested again."""

    at: float = 0.0
    id: str = ""
    kind: str = ""
    scenario: str = ""
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class Integrity(Value):
    """What proves that the record is as it was written."""

    chains: tuple[Chain, ...] = ()
    clock_source: str = ""
    """Where the times come from, and how far that clock was off when it was compared."""
    product: str = ""
    """Name and version of the program."""


@dataclass(frozen=True, slots=True)
class Retention(Value):
    """How long it is kept, and why."""

    years: float = 0.0
    until: str = ""
    """Date."""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class PlaybookRef(Value):
    """Which plan was exercised."""

    name: str
    title: str = ""
    version: str = ""
    file: str = ""
    digest: str = ""
    """SHA-256 of its text."""
    plan: str = ""
    """Id of the plan that was made from it, and its checksum."""
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class DrillRecord(Value):
    """Everything that is to be known of one exercise or incident."""

    id: str
    kind: Kind
    title: str = ""
    state: State = "planned"
    outcome: Outcome = ""
    reason: str = ""
    """Why it ended so, where it was not completed."""
    organisation: str = ""
    zone: str = "UTC"
    """Time zone (IANA) in which people read it."""
    # -- fixed beforehand
    created: float = 0.0
    created_by: str = ""
    planned_start: float = 0.0
    planned_end: float = 0.0
    surprise: bool = False
    """Started at a time that the participants did not know."""
    scenario: Scenario = Scenario("")
    bia: str = ""
    """Link to the business impact analysis."""
    scope_in: tuple[str, ...] = ()
    scope_out: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    expected: str = ""
    """The expected outcome in words."""
    method: str = ""
    components: tuple[Component, ...] = ()
    playbooks: tuple[PlaybookRef, ...] = ()
    third_parties: tuple[str, ...] = ()
    retention: Retention = Retention()
    # -- measured
    started: float = 0.0
    ended: float = 0.0
    objectives: tuple[Objective, ...] = ()
    participants: tuple[Participant, ...] = ()
    steps: tuple[Step, ...] = ()
    detection: Detection = field(default_factory=Detection)
    decisions: tuple[Decision, ...] = ()
    propagation: tuple[CurvePoint, ...] = ()
    receipts: tuple[Receipts, ...] = ()
    mails: Mails = field(default_factory=Mails)
    failback: tuple[Failback, ...] = ()
    timeline: tuple[Moment, ...] = ()
    shared_fate: SharedFate = SharedFate()
    runs: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    moved: float = 0.0
    """When MX was verified to point at the relay; 0: it was not moved, or not for good."""
    # -- judged and entered by people
    deviations: tuple[Note, ...] = ()
    findings: tuple[Finding, ...] = ()
    feedback: tuple[Note, ...] = ()
    notes: tuple[Note, ...] = ()
    conclusions: tuple[Note, ...] = ()
    signatures: tuple[Signature, ...] = ()
    next_drill: NextDrill = NextDrill()
    integrity: Integrity = Integrity()
    schema: str = SCHEMA

    @property
    def met(self) -> bool | None:
        """Were all objectives met? False when one was not, ``None`` where one is not known or there are none."""
        said = [o.met for o in self.objectives]
        if False in said:
            return False
        return None if None in said or not said else True

    @property
    def duration(self) -> float:
        """Seconds from beginning to end; 0: it has not ended."""
        return max(0.0, self.ended - self.started) if self.ended and self.started else 0.0
