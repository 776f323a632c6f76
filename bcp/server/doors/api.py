"""The API, version 1: what the command line does, for programs. Tokens with scopes and an end (`bcp token add`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bcp.deeds.left import left_now
from bcp.deeds.readiness.report import as_data, seen_last
from bcp.detect.watch import to_data
from bcp.incident import questions
from bcp.incident.model import Incident, Question
from bcp.kernel.clock import iso
from bcp.kernel.errors import BcpError
from bcp.server.daemon import Daemon
from bcp.server.doors.api_models import (
    EventOut,
    Id,
    IncidentFull,
    IncidentOut,
    LeftOut,
    Limit,
    NotRead,
    QuestionOut,
    ReadinessOut,
    RunFull,
    RunOut,
    StepOut,
    VerdictOut,
    Wrong,
)
from bcp.server.signin.accounts import Accounts, Token

WRONG: dict[int | str, dict[str, Any]] = {
    400: {"model": Wrong}, 401: {"model": Wrong}, 403: {"model": Wrong}, 404: {"model": Wrong}, 409: {"model": Wrong},
    408: {"model": NotRead}, 413: {"model": NotRead}, 503: {"model": Wrong},
}  # fmt: skip
_bearer = HTTPBearer(auto_error=False, description="A token made with `bcp token add`.")


def needs(*scopes: str) -> Callable[..., Token]:
    """The token of this request, which must have one of these scopes."""

    def check(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Token:
        accounts: Accounts = request.app.state.accounts
        token = accounts.token(given.credentials) if given is not None else None
        if token is None:
            raise HTTPException(401, "a valid token is needed", headers={"WWW-Authenticate": "Bearer"})
        if not set(scopes) & set(token.scopes):
            raise HTTPException(403, f"this token has no scope {' or '.join(map(repr, scopes))}")
        return token

    return check


def daemon_of(request: Request) -> Daemon:
    """The daemon that serves this request."""
    found: Daemon = request.app.state.daemon
    return found


TheDaemon = Annotated[Daemon, Depends(daemon_of)]
Reader = Annotated[Token, Depends(needs("read"))]
Operator = Annotated[Token, Depends(needs("run"))]
Approver = Annotated[Token, Depends(needs("approve"))]
Ender = Annotated[Token, Depends(needs("run", "approve"))]
Reporter = Annotated[Token, Depends(needs("report"))]
router = APIRouter(prefix="/api/v1", responses=WRONG)


@router.get("/verdict", summary="What is wrong now")
async def verdict(daemon: TheDaemon, _: Reader) -> VerdictOut:
    """The verdict of the watch, with the class, the evidence and what is proposed."""
    found = daemon.seen()
    data = to_data(found)
    names = set(VerdictOut.model_fields) - {"since", "playbook", "hindered"}
    return VerdictOut(
        **{n: data[n] for n in names},
        since=iso(found.since),
        playbook=daemon.app.playbook_for(found),
        hindered=daemon.hindered(),
    )


@router.get("/incidents", summary="Incidents, the newest first")
async def incidents(daemon: TheDaemon, _: Reader, limit: Limit = 50) -> list[IncidentOut]:
    """All that are kept."""
    return [incident_out(i) for i in await daemon.writer.do(lambda b: b.incidents(limit=limit))]


@router.get("/incidents/{incident}", summary="One incident with its timeline")
async def incident(daemon: TheDaemon, _: Reader, incident: Id) -> IncidentFull:
    """Events are linked by hashes; `bcp incident verify` checks them."""
    found = await daemon.writer.do(lambda b: b.incident(incident))
    events = await daemon.writer.do(lambda b: b.events(found.id))
    asked = await daemon.writer.do(lambda b: questions.questions_of(b, found.id))
    rows = [
        EventOut(seq=e.seq, at=iso(e.at), kind=e.kind, actor=e.actor, data=dict(e.data), hash=e.hash) for e in events
    ]
    return IncidentFull(
        **incident_out(found).model_dump(), events=rows, questions=[await question_out(daemon, q) for q in asked]
    )


@router.get("/questions", summary="Questions that wait for an answer")
async def open_questions(daemon: TheDaemon, _: Reader) -> list[QuestionOut]:
    """Gates of runs, and plans that wait for a yes."""
    return [await question_out(daemon, q) for q in await daemon.writer.do(questions.open_questions)]


@router.get("/runs", summary="Runs, the newest first")
async def runs(daemon: TheDaemon, _: Reader, limit: Limit = 20) -> list[RunOut]:
    """Of this state folder, whoever started them."""
    out: list[RunOut] = []
    for run_id in reversed(daemon.app.running.runs.ids()):
        if len(out) == limit:  # of those that can be read: others take nobody's place
            break
        try:
            out.append(run_out(await daemon.app.running.runs.glance(run_id)))
        except BcpError:
            continue
    return out


@router.get("/runs/{run}", summary="One run with its steps")
async def run(daemon: TheDaemon, _: Reader, run: Id) -> RunFull:
    """Where it stands."""
    view = await daemon.app.running.runs.glance(daemon.app.running.runs.find(run))
    left = [
        LeftOut(domain=x.domain, state=x.state, why=x.why, taken_up_by=x.since)
        for x in left_now(daemon.app.running.runs, view)
    ]
    steps = [
        StepOut(id=s.id, phase=s.phase, status=s.status, summary=s.summary, error=s.error)
        for s in view.state.steps.values()
    ]
    return RunFull(
        **run_out(view).model_dump(),
        left=left,
        checksum=str(view.plan["checksum"]),
        reason=view.state.reason,
        steps=steps,
    )


@router.get("/readiness", summary="How ready each playbook is, and why not")
async def readiness(daemon: TheDaemon, _: Reader) -> ReadinessOut:
    """What the last round saw (`bcp ready`): per playbook ready, at-risk or not-ready, and every promise."""
    found = daemon.readiness.found or seen_last(daemon.app)
    return ReadinessOut.model_validate(as_data(found, daemon.readiness.store))


@router.get("/playbooks", summary="Playbooks")
async def playbooks(daemon: TheDaemon, _: Reader) -> list[str]:
    """By name."""
    return sorted(daemon.app.playbooks.files())


def incident_out(i: Incident) -> IncidentOut:
    """An incident in the form in which the API answers it."""
    times = {n: iso(getattr(i, n)) if getattr(i, n) else "" for n in ("opened", "declared", "resolved", "closed")}
    return IncidentOut(
        id=i.id,
        service=i.service,
        state=i.state,
        classes=list(i.classes),
        title=i.title,
        mode=i.mode,
        playbook=i.playbook,
        runs=list(i.runs),
        **times,
    )


async def question_out(daemon: Daemon, q: Question) -> QuestionOut:
    """A question in the form in which the API answers it; of an open one, what it is about."""
    matter = None
    if q.state == "open":
        with suppress(BcpError):
            matter = await daemon.asker.matter(q)
    return QuestionOut(
        asks=matter.asks if matter else "", about=matter.forecast if matter else "",
        id=q.id, incident=q.incident, run=q.run, step=q.step, checksum=q.checksum, opened=iso(q.opened),
        until=iso(q.deadline), needed=q.count,
        people=sorted(q.people), state=q.state, result=q.result,
    )  # fmt: skip


def run_out(view: Any) -> RunOut:
    """A run in the form in which the API answers it."""
    plan, state = view.plan, view.state
    return RunOut(
        id=view.id, playbook=str(plan["playbook"]), kind=str(plan["kind"]), status=view.status(),
        initiator=str(plan["initiator"]),
        started=iso(state.started) if state.started else "", ended=iso(state.ended) if state.ended else "",
        parent=str(view.record.meta.get("parent") or ""),
        live=view.live,
    )  # fmt: skip
