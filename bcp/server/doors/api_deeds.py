"""What the API changes: each body is parsed, the deed is called, its outcome is given. The deed checks everything."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from bcp.deeds import abort as ending
from bcp.deeds import incident as incidents
from bcp.deeds import settle as settling
from bcp.deeds import word as saying
from bcp.deeds.abort import Abort
from bcp.deeds.answer import Answer
from bcp.deeds.answer import answer as say
from bcp.deeds.failback import plan_back
from bcp.deeds.plan import PlanRequest, kept, make
from bcp.deeds.rest import plan_rest
from bcp.deeds.resume import may_resume
from bcp.deeds.send import Send, plan_send, stop_send
from bcp.deeds.settle import Settle
from bcp.detect.words import Word
from bcp.kernel.clock import iso
from bcp.kernel.text import plural
from bcp.plan.model import Plan
from bcp.server.doors.api import WRONG, Approver, Ender, Operator, Reader, Reporter, TheDaemon, incident_out
from bcp.server.doors.api_models import (
    AbortIn,
    AbortOut,
    AnswerIn,
    CloseIn,
    DeclareIn,
    Done,
    Id,
    IncidentOut,
    PlanIn,
    PlanOut,
    ReportIn,
    SendIn,
    SettleIn,
    StopIn,
    WordIn,
    WordOut,
)
from bcp.server.ground import planning
from bcp.server.signin.who import who_has
from bcp.store.files.problems import Problem, add_problem

router = APIRouter(prefix="/api/v1", responses=WRONG)
NO_ABORT, NO_STOP = AbortIn(), StopIn()


@router.post("/questions/{question}/answer", summary="Answer a question")
async def answer(daemon: TheDaemon, token: Approver, question: Id, body: AnswerIn) -> Done:
    """As the contact that the token belongs to. The checksum must be that of the plan which was asked about."""
    given = Answer(body.yes, question=question, checksum=body.checksum)
    done = await say(daemon.ground(), who_has(token), given)
    word = "Yes" if done.yes else "No"
    return Done(done=f"{word} from {done.by}, noted at {done.checksum[:12]}.", run=done.run)


@router.get("/runs/{run}/abort", summary="What ending a run would do to mail")
async def show_abort(daemon: TheDaemon, _: Reader, run: Id) -> AbortOut:
    """Looks at the service when mail would move. The checksums are what a yes is bound to."""
    shown = await ending.look(daemon.ground(), run)
    mx = {d: list(way) for d, way in shown.moves.mx.items()} if shown.moves is not None else {}
    return AbortOut(
        run=shown.run,
        moves_mail=shown.moves is not None,
        text=str(shown.moves or "mail stays where it is"),
        mx=mx,
        seen=shown.seen,
        against=shown.against,
        consequence=shown.consequence,
        anyway=shown.anyway,
        approvers=list(shown.approvers),
        count=shown.count,
    )


@router.post("/runs/{run}/abort", summary="Stop a run and undo what it did")
async def abort(daemon: TheDaemon, token: Ender, run: Id, body: Annotated[AbortIn, Body()] = NO_ABORT) -> Done:
    """It stops before its next step. One that moved mail needs an approver's yes to the consequence that was shown."""
    wanted = Abort(run, body.reason, body.consequence, body.anyway)
    done = await ending.abort(daemon.ground(), who_has(token), wanted)
    said = "people are asked whether mail is to move back" if done.asks else f"{done.run} was told to stop and undo"
    return Done(done=said, run=done.run)


@router.post("/runs/{run}/settle", summary="Say whether an effect in doubt happened")
async def settle(daemon: TheDaemon, token: Operator, run: Id, body: SettleIn) -> Done:
    """By name, for the record; go on with the run afterwards."""
    found = Settle(run, body.what, body.happened, body.reason)
    done = await settling.settle(daemon.ground(), who_has(token), found)
    return Done(done=f"{plural(len(done.keys), 'effect')} settled by {done.by}", run=done.run)


@router.post("/runs/{run}/acknowledge", summary="Lift the rest after a run")
async def acknowledge(daemon: TheDaemon, token: Operator, run: Id) -> Done:
    """Somebody looked at it; its target is free again."""
    done = await settling.acknowledge(daemon.ground(), who_has(token), run)
    return Done(done=f"acknowledged by {done.by}", run=done.run)


@router.post("/runs/{run}/resume", summary="Go on with a run that nobody works on", status_code=202)
async def resume(daemon: TheDaemon, token: Operator, run: Id) -> Done:
    """Before its next write everything that it rests on is judged again."""
    found = may_resume(daemon.ground(), who_has(token), run)
    daemon.minder.take_over(daemon.app.running.runs.card(found.id))
    return Done(done=f"{found.id} is gone on with", run=found.id)


@router.post("/runs/{run}/failback", summary="Plan the way back of a run")
async def failback(daemon: TheDaemon, token: Operator, run: Id) -> PlanOut:
    """Runs nothing: POST the plan's /run."""
    async with planning(daemon.core, daemon.conductor) as ground:
        _, made = await plan_back(ground, who_has(token), run)
    return plan_out(made)


@router.post("/runs/{run}/rest", summary="Plan a run for the domains that this one did not move")
async def rest(daemon: TheDaemon, token: Operator, run: Id) -> PlanOut:
    """Runs nothing: POST the plan's /run."""
    async with planning(daemon.core, daemon.conductor) as ground:
        made = await plan_rest(ground, who_has(token), run)
    return plan_out(made)


@router.post("/plans", summary="Make a plan")
async def plan(daemon: TheDaemon, token: Operator, body: PlanIn) -> PlanOut:
    """Reads the facts; writes nothing but the plan."""
    wanted = PlanRequest(body.playbook, body.inputs, tuple(body.domains), since=body.since)
    async with planning(daemon.core, daemon.conductor) as ground:
        made = await make(ground, who_has(token), wanted)
    return plan_out(made)


@router.post("/plans/{plan}/run", summary="Run a plan", status_code=202)
async def run_plan(daemon: TheDaemon, token: Operator, plan: Id) -> Done:
    """Answers when it has begun, or with what refuses it; gates of its playbook ask people as always."""
    found = kept(daemon.app, plan)
    run = await daemon.conductor.begin(found, who_has(token).person)
    return Done(done=f"{found.playbook} begins", run=run)


@router.post("/sends", summary="Send one message to one audience", status_code=202)
async def send(daemon: TheDaemon, token: Operator, body: SendIn) -> Done:
    """As a run of its own."""
    wanted = Send(body.message, body.audience, tuple(body.channels), body.letter, since=body.since)
    async with planning(daemon.core, daemon.conductor) as ground:
        made = await plan_send(ground, who_has(token), wanted)
    return Done(done="it begins", run=await daemon.conductor.begin(made, who_has(token).person))


@router.post("/sends/stop", summary="Stop a send, never another run")
async def stop(daemon: TheDaemon, token: Operator, body: Annotated[StopIn, Body()] = NO_STOP) -> Done:
    """What has not left stays here."""
    done = await stop_send(daemon.ground(), who_has(token), body.run)
    return Done(done="what has not left stays here", run=done.run)


@router.post("/incidents", summary="Declare an outage", status_code=201)
async def declare(daemon: TheDaemon, token: Operator, body: DeclareIn) -> IncidentOut:
    """As the contact that the token belongs to. Starts nothing."""
    found = await incidents.declare(daemon.ground(), who_has(token), incidents.Declare(body.title, tuple(body.classes)))
    daemon.hub.changed()
    return incident_out(found)


@router.post("/words", summary="Say what it is", status_code=201)
async def give_word(daemon: TheDaemon, token: Operator, body: WordIn) -> WordOut:
    """As the contact that the token belongs to. It weighs in the verdict, is shown, and ends by itself."""
    wanted = saying.Give(body.what, body.text, body.lasts, body.until)
    word = await saying.give(daemon.ground(), who_has(token), wanted)
    daemon.want_look()
    daemon.hub.changed()
    return word_out(word)


@router.get("/words", summary="What people say that it is")
async def words(daemon: TheDaemon, _: Reader) -> list[WordOut]:
    """Those that hold now, the oldest first."""
    return [word_out(w) for w in saying.words(daemon.ground())]


@router.post("/incidents/{incident}/close", summary="Close an incident by hand")
async def close(daemon: TheDaemon, token: Operator, incident: Id, body: CloseIn) -> IncidentOut:
    """With a reason, when no run of it stands; and another one where the fate of some mails is not known."""
    wanted = incidents.Close(incident, body.reason, body.unaccounted)
    found = await incidents.close(daemon.ground(), who_has(token), wanted)
    daemon.hub.changed()
    return incident_out(found)


@router.post("/incidents/{incident}/reopen", summary="Open a closed incident again")
async def reopen(daemon: TheDaemon, token: Operator, incident: Id, body: CloseIn) -> IncidentOut:
    """With a reason: it was not over."""
    found = await incidents.reopen(daemon.ground(), who_has(token), incidents.Close(incident, body.reason))
    daemon.hub.changed()
    return incident_out(found)


@router.post("/reports", summary="Report a problem", status_code=202)
async def report(daemon: TheDaemon, _: Reporter, body: ReportIn) -> Done:
    """People are a signal too; each counts once."""
    store = daemon.state / "problems.jsonl"
    add_problem(store, Problem(daemon.clock.now(), body.who, body.plane, "reported", body.text))
    daemon.want_look()
    return Done(done="noted")


def word_out(word: Word) -> WordOut:
    """A person's word in the form in which the API answers it."""
    times = {"at": iso(word.at), "until": iso(word.until)}
    return WordOut(kind=word.kind, class_=word.outage_class, who=word.who, text=word.text, **times)


def plan_out(made: Plan) -> PlanOut:
    """A plan in the form in which the API answers it."""
    refused = [r.message for _, r in made.refusals()]
    changes = [c for s in made.to_data()["steps"] for c in s["changes"]]
    return PlanOut(
        id=made.id,
        playbook=made.playbook,
        checksum=made.checksum,
        expires=iso(made.expires),
        changes=changes,
        refusals=refused,
        runnable=not refused,
    )
