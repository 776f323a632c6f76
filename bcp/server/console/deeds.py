"""What the console changes: each form is parsed, the deed is called, its outcome is shown.
The deed checks everything."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

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
from bcp.kernel.errors import Invalid, Missing, Refused
from bcp.kernel.text import plural
from bcp.server.console.page import Site, field, in_thread, to
from bcp.server.console.runs import run_id_of, view_of, would_undo
from bcp.server.console.views import run_row
from bcp.server.ground import planning
from bcp.server.signin.accounts import Session
from bcp.server.signin.who import who_sits

Form = dict[str, list[str]]


async def answer(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Yes or no to exactly the plan that the page showed."""
    said = field(form, "answer")
    if said not in {"yes", "no"}:
        raise Invalid("answer yes or no", hint="Go back and press one of the two buttons.")
    question = str(request.path_params["question"])
    checksum = field(form, "checksum") or "0" * 64  # a page without one has shown nothing
    given = Answer(said == "yes", question=question, checksum=checksum)
    done = await say(site.daemon.ground(), who_sits(session), given)
    return to(f"/runs/{done.run}" if done.run else "/", f"Your {said} is noted.")


async def make_plan(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Reads the facts; changes nothing."""
    name = field(form, "playbook")
    if name not in site.daemon.app.playbooks.files():
        raise Missing(f"there is no playbook {name[:60]!r}", rule="no-such-playbook")
    async with planning(site.daemon.core, site.daemon.conductor) as ground:
        made = await make(ground, who_sits(session), PlanRequest(name, inputs_of(field(form, "inputs"))))
    await note(site, session, "planned", playbook=made.playbook, plan=made.id)
    return to(f"/plans/{made.id}")


def inputs_of(text: str) -> dict[str, str]:
    """``NAME=VALUE`` lines. Raises ``Invalid``."""
    inputs = {}
    for line in text.splitlines():
        name, sign, value = line.partition("=")
        if line.strip() and not sign:
            raise Invalid(f"{line[:60]!r} is not NAME=VALUE")
        if line.strip():
            inputs[name.strip()] = value.strip()
    return inputs


async def run_plan(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Run exactly the plan that the page showed."""
    checksum = field(form, "checksum") or "0" * 64
    plan = kept(site.daemon.app, str(request.path_params["plan"]), checksum)
    await note(site, session, "run_asked_for", playbook=plan.playbook, plan=plan.id)
    return to(f"/runs/{await site.daemon.conductor.begin(plan, who_sits(session).person)}")


async def ask_abort(site: Site, request: Request, session: Session) -> Response:
    """What ending this run would do to mail, before anybody says yes."""
    view = await view_of(site, request)
    shown = await ending.look(site.daemon.ground(), view.id)
    service = site.daemon.app.settings.service
    may, undone = session.user.contact in shown.approvers, [] if shown.moves else would_undo(view)
    values: dict[str, Any] = {"s": shown, "may": may, "r": run_row(view), "undone": undone, "service": service}
    return cast(Response, await in_thread(partial(site.page, request, "abort.html", session, **values)))


async def abort(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Stop before the next step and undo. One that moved mail: only with what the page showed."""
    run = run_id_of(site, request)
    wanted = Abort(run, field(form, "reason")[:500], field(form, "consequence"), field(form, "anyway"))
    try:
        done = await ending.abort(site.daemon.ground(), who_sits(session), wanted)
    except Refused as error:
        if error.rule in {"consequence-not-shown", "second-yes", "wrong-checksum"}:
            return to(f"/runs/{run}/abort", error.message)
        raise
    await note(site, session, "abort_asked_for", run=run)
    return to(f"/runs/{run}", "The approvers are asked." if done.asks else "The run was told to stop and undo.")


async def failback(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Plan the way back of a run that holds."""
    async with planning(site.daemon.core, site.daemon.conductor) as ground:
        _, made = await plan_back(ground, who_sits(session), run_id_of(site, request))
    await note(site, session, "planned", playbook=made.playbook, plan=made.id)
    return to(f"/plans/{made.id}")


async def rest(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Plan a run for the domains that this one did not move."""
    async with planning(site.daemon.core, site.daemon.conductor) as ground:
        made = await plan_rest(ground, who_sits(session), run_id_of(site, request))
    await note(site, session, "planned", playbook=made.playbook, plan=made.id)
    return to(f"/plans/{made.id}")


async def settle(site: Site, request: Request, session: Session, form: Form) -> Response:
    """A person's word about an effect in doubt."""
    said = field(form, "happened")
    if said not in {"yes", "no"}:
        raise Invalid("it was not said whether it happened", hint="Go back and press one of the two buttons.")
    run = run_id_of(site, request)
    found = Settle(run, field(form, "what"), said == "yes", field(form, "reason")[:500])
    done = await settling.settle(site.daemon.ground(), who_sits(session), found)
    await note(site, session, "settled", run=run, what=found.what, happened=said)
    return to(f"/runs/{run}", f"{plural(len(done.keys), 'effect')} settled. The run can continue.")


async def acknowledge(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Somebody looked at a run that is over."""
    done = await settling.acknowledge(site.daemon.ground(), who_sits(session), run_id_of(site, request))
    await note(site, session, "acknowledged", run=done.run)
    there = done.run in site.daemon.app.running.runs.ids()
    return to(f"/runs/{done.run}" if there else "/runs", "The next run need not wait.")


async def resume(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Go on with a run that nobody works on."""
    view = may_resume(site.daemon.ground(), who_sits(session), run_id_of(site, request))
    site.daemon.minder.take_over(site.daemon.app.running.runs.card(view.id))
    await note(site, session, "resume_asked_for", run=view.id)
    return to(f"/runs/{view.id}", "The run goes on.")


async def send(site: Site, request: Request, session: Session, form: Form) -> Response:
    """One message to one audience, as a run of its own."""
    wanted = Send(field(form, "message"), field(form, "audience"), form.get("channel") or (), field(form, "letter")[:1])
    async with planning(site.daemon.core, site.daemon.conductor) as ground:
        made = await plan_send(ground, who_sits(session), wanted)
    await note(site, session, "run_asked_for", playbook=made.playbook, plan=made.id)
    return to(f"/runs/{await site.daemon.conductor.begin(made, who_sits(session).person)}")


async def stop(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Stop a send, never another run."""
    done = await stop_send(site.daemon.ground(), who_sits(session), field(form, "run"))
    await note(site, session, "abort_asked_for", run=done.run)
    return to(f"/runs/{done.run}", "It was told to stop: what has not been sent stays here.")


async def declare(site: Site, request: Request, session: Session, form: Form) -> Response:
    """A person says that there is an outage."""
    wanted = incidents.Declare(field(form, "title"), tuple(field(form, "classes").upper()))
    found = await incidents.declare(site.daemon.ground(), who_sits(session), wanted)
    site.daemon.hub.changed()
    return to(f"/incidents/{found.id}", "The outage is declared.")


async def give_word(site: Site, request: Request, session: Session, form: Form) -> Response:
    """A person's word about what is going on; the next look takes it in."""
    zone = site.daemon.app.settings.organisation.timezone
    what, text, lasts, until = (field(form, name).strip() for name in ("what", "text", "lasts", "until"))
    wanted = saying.Give(what, text, lasts, until, zone)
    word = await saying.give(site.daemon.ground(), who_sits(session), wanted)
    site.daemon.want_look()
    site.daemon.hub.changed()
    return to("/", f"Noted: {word.say()}.")


async def close(site: Site, request: Request, session: Session, form: Form) -> Response:
    """A person says that an outage is over."""
    incident = str(request.path_params["incident"])
    wanted = incidents.Close(incident, field(form, "reason"), field(form, "unaccounted"))
    try:
        found = await incidents.close(site.daemon.ground(), who_sits(session), wanted)
    except Refused as error:
        if error.rule != "mail-unaccounted":
            raise
        return to(f"/incidents/{incident}?mails=1", error.message)
    site.daemon.hub.changed()
    return to(f"/incidents/{found.id}", "The incident is closed.")


async def reopen(site: Site, request: Request, session: Session, form: Form) -> Response:
    """It was not over."""
    wanted = incidents.Close(str(request.path_params["incident"]), field(form, "reason"))
    found = await incidents.reopen(site.daemon.ground(), who_sits(session), wanted)
    site.daemon.hub.changed()
    return to(f"/incidents/{found.id}", "The incident is open again.")


async def password(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Another password; every session ends."""
    name, mine = session.user.name, f"session:{session.user.name}"
    site.accounts.check_lock(name, mine, alone=True)  # strangers' tries at the log-in are not theirs
    if not await in_thread(site.accounts.password_is, name, field(form, "old")):
        site.accounts.was_wrong(name, mine)
        raise Refused("the current password is wrong", rule="old-password")
    await in_thread(site.accounts.set_password, name, field(form, "new"))
    await note(site, session, "password_changed")
    return to("/login")


async def remove_passkey(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Forget one of one's own."""
    try:
        site.accounts.remove_passkey(session.user.name, bytes.fromhex(field(form, "id")))
    except ValueError as error:
        raise Invalid("this is no passkey") from error
    await note(site, session, "passkey_removed")
    return to("/account", "The passkey is removed.")


async def note(site: Site, session: Session, kind: str, **data: str) -> None:
    """Into the chain."""
    await site.daemon.writer.do(lambda b: b.note(kind, "", session.user.name, **data))
