"""The API, version 1: what the command line does, for programs. Tokens with scopes and an end (`bcp token add`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bcp import operate
from bcp.detect.watch import to_data
from bcp.incident import questions
from bcp.incident.model import Incident, Question
from bcp.kernel.clock import iso
from bcp.kernel.errors import BcpError, Invalid, Refused, StorageError
from bcp.kit.problems import Problem, add_problem
from bcp.plan.model import read_plan
from bcp.playbook.load import loads
from bcp.server.accounts import Accounts, Token
from bcp.server.daemon import Daemon

Text = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,80}$", description="An id, as the lists show it.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
PlaneName = Annotated[str, StringConstraints(pattern=r"^(inbound|outbound|mailbox|auth|edge)$")]


class Out(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid")


class Wrong(Out):
    """What went wrong, and what to do."""

    detail: str
    hint: str = ""
    rule: str = ""


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
    playbook: str
    flapping: bool


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


class RunFull(RunOut):
    """The same, with its steps."""

    checksum: str
    reason: str
    steps: list[StepOut]


class PlanIn(Out):
    """What to plan."""

    playbook: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    inputs: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")], Text] = Field(
        default_factory=dict
    )
    domains: list[Text] = Field(default_factory=list, max_length=1000)


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


WRONG: dict[int | str, dict[str, Any]] = {
    400: {"model": Wrong}, 401: {"model": Wrong}, 403: {"model": Wrong}, 404: {"model": Wrong}, 409: {"model": Wrong}, 503: {"model": Wrong},
}  # fmt: skip
_bearer = HTTPBearer(auto_error=False, description="A token made with `bcp token add`.")


def needs(scope: str) -> Callable[..., Token]:
    """The token of this request, which must have this scope."""

    def check(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Token:
        accounts: Accounts = request.app.state.accounts
        token = accounts.token(given.credentials) if given is not None else None
        if token is None:
            raise HTTPException(401, "a valid token is needed", headers={"WWW-Authenticate": "Bearer"})
        if scope not in token.scopes:
            raise HTTPException(403, f"this token has no scope {scope!r}")
        return token

    return check


def daemon_of(request: Request) -> Daemon:
    """The daemon."""
    found: Daemon = request.app.state.daemon
    return found


TheDaemon = Annotated[Daemon, Depends(daemon_of)]
Reader = Annotated[Token, Depends(needs("read"))]
Operator = Annotated[Token, Depends(needs("run"))]
Approver = Annotated[Token, Depends(needs("approve"))]
Reporter = Annotated[Token, Depends(needs("report"))]
router = APIRouter(prefix="/api/v1", responses=WRONG)


@router.get("/verdict", summary="What is wrong now")
async def verdict(daemon: TheDaemon, _: Reader) -> VerdictOut:
    """The verdict of the watch, with the class, the evidence and what is proposed."""
    found = daemon.seen()
    data = to_data(found)
    names = set(VerdictOut.model_fields) - {"since", "playbook"}
    return VerdictOut(
        **{n: data[n] for n in names},
        since=iso(found.since),
        playbook=daemon.app.recommend(found) if found.classes else "",
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
    return IncidentFull(**incident_out(found).model_dump(), events=rows, questions=[question_out(q) for q in asked])


@router.get("/questions", summary="Questions that wait for an answer")
async def open_questions(daemon: TheDaemon, _: Reader) -> list[QuestionOut]:
    """Gates of runs, and plans that wait for a yes."""
    return [question_out(q) for q in await daemon.writer.do(questions.open_questions)]


@router.post("/questions/{question}/answer", summary="Answer a question")
async def answer(daemon: TheDaemon, token: Approver, question: Id, body: AnswerIn) -> Done:
    """As the contact that the token belongs to. The checksum must be that of the plan which was asked about."""
    if not token.contact:
        raise HTTPException(403, "this token belongs to nobody: bcp token add --contact")
    asked = await daemon.writer.do(lambda b: questions.question(b, question))
    if not asked.checksum.startswith(body.checksum):
        raise Refused("the question is about another plan", rule="wrong-checksum", hint="Look at it again.")
    return Done(done=await daemon.hearer.answer(asked, token.contact, yes=body.yes, how=f"api token {token.name}"))


@router.get("/runs", summary="Runs, the newest first")
async def runs(daemon: TheDaemon, _: Reader, limit: Limit = 20) -> list[RunOut]:
    """Of this state folder, whoever started them."""
    out = []
    for run_id in daemon.app.runs.newest(limit):
        try:
            out.append(run_out(daemon.app.runs.view(run_id, effects=False)))
        except BcpError:
            continue
    return out


@router.get("/runs/{run}", summary="One run with its steps")
async def run(daemon: TheDaemon, _: Reader, run: Id) -> RunFull:
    """Where it stands."""
    view = daemon.app.runs.view(daemon.app.runs.find(run), effects=False)
    steps = [
        StepOut(id=s.id, phase=s.phase, status=s.status, summary=s.summary, error=s.error)
        for s in view.state.steps.values()
    ]
    return RunFull(
        **run_out(view).model_dump(), checksum=str(view.plan["checksum"]), reason=view.state.reason, steps=steps
    )


@router.post("/runs/{run}/abort", summary="Stop a run and undo what it did")
async def abort(daemon: TheDaemon, token: Operator, run: Id) -> Done:
    """It stops before its next step."""
    found = daemon.app.runs.find(run)
    view = daemon.app.runs.view(found, effects=False)
    if view.state.status in {"done", "failed", "aborted"}:
        raise Refused(f"run {found} is over ({view.state.status})", rule="run-over")
    daemon.app.runs.tell(found, "abort", token.contact or f"token:{token.name}", reason=f"api token {token.name}")
    return Done(done=f"{found} was told to stop and undo")


@router.get("/playbooks", summary="Playbooks")
async def playbooks(daemon: TheDaemon, _: Reader) -> list[str]:
    """By name."""
    return sorted(daemon.app.playbook_files())


@router.post("/plans", summary="Make a plan")
async def plan(daemon: TheDaemon, token: Operator, body: PlanIn) -> PlanOut:
    """Reads the facts; writes nothing but the plan."""
    app = daemon.conductor.run_app()
    try:
        request = operate.request_for(
            app,
            app.playbook(body.playbook),
            inputs=body.inputs,
            domains=body.domains,
            initiator=token.contact or f"token:{token.name}",
        )
        made = await operate.make_plan(app, request)
    finally:
        await app.close()
    made.write(daemon.state / "plans" / f"{made.id}.json")
    refused = [r.message for _, r in made.refusals()]
    changes = [c for s in made.to_data()["steps"] for c in s["changes"]]
    return PlanOut(
        id=made.id, playbook=made.playbook, checksum=made.checksum, expires=iso(made.expires), changes=changes, refusals=refused,
        runnable=not refused,
    )  # fmt: skip


@router.post("/plans/{plan}/run", summary="Run a plan", status_code=202)
async def run_plan(daemon: TheDaemon, token: Operator, plan: Id) -> Done:
    """It starts beside; gates of its playbook ask people as always."""
    path = daemon.state / "plans" / f"{plan}.json"
    if not path.is_file():
        raise Invalid(f"there is no plan {plan!r}", hint="POST /api/v1/plans makes one.")
    found = read_plan(path)
    loaded = loads(found.playbook_text, found.playbook_file)
    current = await daemon.writer.do(lambda b: b.current(daemon.app.settings.service))
    initiator = token.contact or f"token:{token.name}"
    daemon.spawn(
        daemon.conductor.go(current.id if current else "", loaded, plan=found, initiator=initiator),
        f"run {found.playbook}",
    )
    return Done(done=f"{found.playbook} begins")


@router.post("/reports", summary="Report a problem", status_code=202)
async def report(daemon: TheDaemon, _: Reporter, body: ReportIn) -> Done:
    """People are a signal too; each counts once."""
    from pathlib import Path as File  # noqa: PLC0415

    store: File = daemon.state / "problems.jsonl"
    add_problem(store, Problem(daemon.clock.now(), body.who, body.plane, "reported", body.text))
    daemon.want_look()
    return Done(done="noted")


def incident_out(i: Incident) -> IncidentOut:
    """As it is answered."""
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


def question_out(q: Question) -> QuestionOut:
    """As it is answered."""
    return QuestionOut(
        id=q.id, incident=q.incident, run=q.run, step=q.step, checksum=q.checksum, opened=iso(q.opened), until=iso(q.deadline), needed=q.count,
        people=sorted(q.people), state=q.state, result=q.result,
    )  # fmt: skip


def run_out(view: Any) -> RunOut:
    """As it is answered."""
    plan, state = view.plan, view.state
    return RunOut(
        id=view.id, playbook=str(plan["playbook"]), kind=str(plan["kind"]), status=view.status(), initiator=str(plan["initiator"]),
        started=iso(state.started) if state.started else "", ended=iso(state.ended) if state.ended else "", parent=str(view.record.meta.get("parent") or ""),
        live=view.live,
    )  # fmt: skip


def status_of(error: BcpError) -> int:
    """The HTTP status of one of our errors."""
    if isinstance(error, StorageError):
        return 503
    if isinstance(error, Refused):
        return 409
    if isinstance(error, Invalid):
        return 404 if error.message.startswith(("there is no", "several")) or "cannot read" in error.message else 400
    return 400


IncidentFull.model_rebuild()
