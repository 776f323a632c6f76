"""What the API does with exercises: each body is parsed, the deed is called, its outcome is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body

from bcp.contracts.exercise import DrillRecord
from bcp.contracts.exercise_plain import to_data
from bcp.deeds import drill_calendar as calendar
from bcp.deeds import exercise as writing
from bcp.deeds.drill_calendar import Wish
from bcp.deeds.exercise import FindingOf, New, NoteOf
from bcp.deeds.exercises import exercises, record_of
from bcp.drills.play import Play
from bcp.kernel.clock import iso
from bcp.rehearse.scene import scenario_of
from bcp.server.doors.api import WRONG, Operator, Reader, TheDaemon
from bcp.server.doors.api_drill_models import (
    AttendIn,
    CloseDrillIn,
    DrillDone,
    DrillIn,
    DrillOut,
    FindingIn,
    NoteIn,
    ReasonIn,
    ScheduleIn,
    SignIn,
)
from bcp.server.doors.api_models import Id, Limit
from bcp.server.signin.who import who_has

T = TypeVar("T")
router = APIRouter(prefix="/api/v1", responses=WRONG)
NO_ROLE, SIGNED = SignIn(), CloseDrillIn()


async def _do(work: Callable[[], T]) -> T:
    """In a thread: the drill book is a file."""
    return await asyncio.to_thread(work)


@router.get("/drills", summary="Exercises: the next to come first, then the newest")
async def drills(daemon: TheDaemon, _: Reader, limit: Limit = 50) -> list[DrillOut]:
    """Of every kind, planned ones too."""
    found = await _do(lambda: exercises(daemon.app))
    return [drill_out(e.record) for e in found[:limit]]


@router.get("/drills/{drill}", summary="The record of an exercise")
async def drill(daemon: TheDaemon, _: Reader, drill: Id) -> dict[str, Any]:
    """As `docs/reference/drill-record.v1.schema.json` describes it."""
    return to_data(await _do(lambda: record_of(daemon.app, drill)))


@router.post("/drills", summary="Make an exercise", status_code=201)
async def make(daemon: TheDaemon, token: Operator, body: DrillIn) -> DrillDone:
    """Plays nothing: `bcp drill run`, or the calendar."""
    scene, answers = await _do(lambda: scenario_of(body.kind, body.scenario))
    play = Play(
        body.playbook or answers, dict(body.inputs), tuple(body.domains), scene.name if body.kind == "lab" else "",
        body.volunteers,
    )  # fmt: skip
    wanted = New(
        body.kind, scene, play, body.title, tuple(body.objectives), tuple(body.people), tuple(body.scope_in),
        tuple(body.scope_out), tuple(body.assumptions), body.expected, body.bia, tuple(body.third_parties),
        body.retention_years,
    )  # fmt: skip
    return DrillDone(drill=await _do(lambda: writing.make(daemon.ground(), who_has(token), wanted)))


@router.post("/drills/{drill}/notes", summary="Write something down")
async def note(daemon: TheDaemon, token: Operator, drill: Id, body: NoteIn) -> DrillDone:
    """A decision, a deviation, feedback, a conclusion."""
    wanted = NoteOf(body.text, body.kind, body.reaches, body.rating)
    return DrillDone(drill=await _do(lambda: writing.note(daemon.ground(), who_has(token), drill, wanted)))


@router.post("/drills/{drill}/attendance", summary="Write down who is there")
async def attend(daemon: TheDaemon, token: Operator, drill: Id, body: AttendIn) -> DrillDone:
    """A contact, or a name."""
    ground, who = daemon.ground(), who_has(token)
    return DrillDone(
        drill=await _do(
            lambda: writing.attend(ground, who, drill, body.person, role=body.role, absent=body.absent, left=body.left)
        )
    )


@router.post("/drills/{drill}/findings", summary="Raise a finding", status_code=201)
async def finding(daemon: TheDaemon, token: Operator, drill: Id, body: FindingIn) -> DrillDone:
    """It has to have a title."""
    return await _found(daemon, token, drill, FindingOf(**body.model_dump()))


@router.post("/drills/{drill}/findings/{finding}", summary="Say what became of a finding")
async def followed(daemon: TheDaemon, token: Operator, drill: Id, finding: Id, body: FindingIn) -> DrillDone:
    """Owner, due date and state may change after the exercise was closed."""
    return await _found(daemon, token, drill, FindingOf(id=finding, **body.model_dump()))


async def _found(daemon: TheDaemon, token: Operator, drill: str, wanted: FindingOf) -> DrillDone:
    name = await _do(lambda: writing.finding(daemon.ground(), who_has(token), drill, wanted))
    return DrillDone(drill=drill, finding=name)


@router.post("/drills/{drill}/sign", summary="Sign the record as it is now")
async def sign(daemon: TheDaemon, token: Operator, drill: Id, body: Annotated[SignIn, Body()] = NO_ROLE) -> DrillDone:
    """As the contact that the token belongs to."""
    return DrillDone(drill=await _do(lambda: writing.sign(daemon.ground(), who_has(token), drill, body.role)))


@router.post("/drills/{drill}/close", summary="Close the record")
async def close(
    daemon: TheDaemon, token: Operator, drill: Id, body: Annotated[CloseDrillIn, Body()] = SIGNED
) -> DrillDone:
    """Nothing more is written in it."""
    ground, who = daemon.ground(), who_has(token)
    return DrillDone(drill=await _do(lambda: writing.close(ground, who, drill, without=body.unsigned)))


@router.post("/drills/{drill}/cancel", summary="Call an exercise off")
async def cancel(daemon: TheDaemon, token: Operator, drill: Id, body: ReasonIn) -> DrillDone:
    """One that has not begun."""
    return DrillDone(drill=await _do(lambda: writing.cancel(daemon.ground(), who_has(token), drill, body.reason)))


@router.post("/drills/{drill}/schedule", summary="Put an exercise into the calendar")
async def schedule(daemon: TheDaemon, token: Operator, drill: Id, body: ScheduleIn) -> DrillDone:
    """The daemon reminds, and begins what plays by itself."""
    wish = Wish(body.at, body.zone, body.window_s, body.every, body.surprise)
    await _do(lambda: calendar.schedule(daemon.ground(), who_has(token), drill, wish))
    return DrillDone(drill=drill)


def drill_out(record: DrillRecord) -> DrillOut:
    """One line of the list."""
    return DrillOut(
        id=record.id,
        kind=record.kind,
        title=record.title,
        state=record.state,
        outcome=record.outcome,
        met=record.met,
        planned=iso(record.planned_start or None),
        started=iso(record.started or None),
        ended=iso(record.ended or None),
        open_findings=sum(f.state in {"proposed", "open"} for f in record.findings),
    )
