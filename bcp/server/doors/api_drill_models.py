"""What the API takes and gives of exercises."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from bcp.server.doors.api_models import Out

Plain = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]
Said = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
Short = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00\r\n]*$")]
Word = Annotated[str, StringConstraints(max_length=64, pattern=r"^([a-z0-9][a-z0-9-]*)?$")]
Lines = Annotated[list[Short], Field(max_length=50)]


class In(Out):
    """What is taken: a number is no text, and a text no yes or no."""

    model_config = ConfigDict(extra="forbid", strict=True)


class DrillOut(Out):
    """An exercise. Times are ISO 8601, empty where it has not come to that."""

    id: str
    kind: str
    title: str
    state: str
    outcome: str
    met: bool | None = Field(description="Were all objectives met? Null: nobody knows.")
    planned: str
    started: str
    ended: str
    open_findings: int


class DrillIn(In):
    """A new exercise. Files are named by name only: the shipped ones and the organisation's own playbooks."""

    kind: Literal["tabletop", "dry", "lab", "live"]
    scenario: Word = Field(default="", description="Tabletop: a shipped outage. Lab: what breaks.")
    title: Short = ""
    playbook: Word = ""
    inputs: dict[Word, Short] = Field(default_factory=dict, max_length=50)
    objectives: Lines = Field(default_factory=list, description="`rto_receive=30m`, `rto_communicate:staff=15m`.")
    people: Lines = Field(default_factory=list, description="`alice=facilitator`.")
    scope_in: Lines = Field(default_factory=list)
    scope_out: Lines = Field(default_factory=list)
    assumptions: Lines = Field(default_factory=list)
    expected: Plain = ""
    bia: Short = Field(default="", description="Link to the business impact analysis.")
    third_parties: Lines = Field(default_factory=list)
    domains: Lines = Field(default_factory=list, description="Live: drill domains that are really moved.")
    volunteers: Word = Field(default="", description="Live: the audience that gets real texts.")
    retention_years: float = Field(default=5.0, ge=0, le=100)


class NoteIn(In):
    """Something to be written down."""

    text: Said
    kind: Literal["observation", "decision", "deviation", "feedback", "conclusion", "third-party", "communication"] = (
        "observation"
    )
    reaches: Short = Field(default="", description="Of a decision: the objective that it reaches, `rto_receive`.")
    rating: Annotated[int, Field(ge=1, le=5)] | None = Field(default=None, description="Of feedback.")


class AttendIn(In):
    """Who is there."""

    person: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00\r\n]*[^\x00\s]$")]
    role: Short = ""
    absent: bool = False
    left: bool = False


class FindingIn(In):
    """A finding, new or changed. Null: as it was."""

    title: Said | None = None
    severity: Literal["low", "medium", "high", "critical"] | None = None
    cause: Plain | None = None
    owner: Short | None = None
    due: Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] | None = None
    retest: Plain | None = None
    urgent: bool | None = None
    state: Literal["proposed", "open", "done", "dismissed"] | None = None


class SignIn(In):
    """In which role somebody signs. Who it is, the token says."""

    role: Short = ""


class CloseDrillIn(In):
    """Why nobody signs, where nobody does."""

    unsigned: Plain = ""


class ReasonIn(In):
    """Why."""

    reason: Said


class ScheduleIn(In):
    """When it is to happen."""

    at: Annotated[str, StringConstraints(min_length=10, max_length=30, pattern=r"^[0-9T: -]+$")] = Field(
        description="Local time: `2027-01-14 10:00`."
    )
    zone: Annotated[str, StringConstraints(max_length=60, pattern=r"^[A-Za-z0-9_+/-]*$")] = ""
    window_s: float = Field(default=3600.0, ge=60, le=2_678_400, description="It begins so late at most.")
    every: Literal["", "week", "month", "quarter", "half-year", "year"] = ""
    surprise: bool = False


class DrillDone(Out):
    """It was written down."""

    drill: str
    finding: str = Field(default="", description="The finding that it is about, if any.")
