"""What the console changes: answers, plans, runs, messages, one's own account. Each is checked again here, whatever the page showed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bcp import announce, operate
from bcp.incident import questions
from bcp.kernel.errors import Invalid, Refused
from bcp.plan.model import Plan, read_plan
from bcp.playbook.load import Loaded, loads
from bcp.server.accounts import Session
from bcp.server.console import view_of
from bcp.server.page import Site, field, in_thread, to

Form = dict[str, list[str]]


async def answer(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Yes or no to exactly the plan that the page showed."""
    q = await site.daemon.writer.do(lambda b: questions.question(b, str(request.path_params["question"])))
    if field(form, "checksum") != q.checksum:
        raise Refused("the question is about another plan now", rule="wrong-checksum", hint="Look at it again.")
    said = field(form, "answer")
    if said not in {"yes", "no"}:
        raise Invalid("answer yes or no")
    if not session.user.contact:
        raise Refused(
            "your account belongs to no contact", rule="not-an-approver", hint="bcp user contact NAME CONTACT"
        )
    await site.daemon.hearer.answer(q, session.user.contact, yes=said == "yes", how=f"console as {session.user.name}")
    return to(f"/runs/{q.run}" if q.run else "/", f"Your {said} is noted.")


async def make_plan(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Reads the facts; changes nothing."""
    inputs = {}
    for line in field(form, "inputs").splitlines():
        name, sign, value = line.partition("=")
        if line.strip() and not sign:
            raise Invalid(f"{line[:60]!r} is not NAME=VALUE")
        if line.strip():
            inputs[name.strip()] = value.strip()
    name = field(form, "playbook")
    if name not in site.daemon.app.playbook_files():
        raise Invalid(f"there is no playbook {name[:60]!r}")
    made = await planned(site, site.daemon.app.playbook(name), session, inputs=inputs)
    return to(f"/plans/{made.id}")


async def planned(
    site: Site,
    loaded: Loaded,
    session: Session,
    *,
    inputs: dict[str, str],
    parent: str = "",
    domains: tuple[str, ...] = (),
) -> Plan:
    """A plan in the state folder, by whoever is logged in."""
    app = site.daemon.conductor.run_app()
    try:
        who = session.user.contact or session.user.name
        request = operate.request_for(app, loaded, inputs=inputs, initiator=who, parent=parent, domains=domains)
        made = await operate.make_plan(app, request)
    finally:
        await app.close()
    made.write(site.daemon.state / "plans" / f"{made.id}.json")
    await note(site, session, "planned", playbook=made.playbook, plan=made.id)
    return made


async def run_plan(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Run exactly the plan that the page showed."""
    name = str(request.path_params["plan"])
    path = site.daemon.state / "plans" / f"{name}.json"
    if not name.replace("-", "").isalnum() or not path.is_file():
        raise Invalid(f"there is no plan {name[:60]!r}")
    plan = read_plan(path)
    if field(form, "checksum") != plan.checksum:
        raise Refused("this is another plan now", rule="wrong-checksum", hint="Look at it again.")
    return await begin(site, session, plan, loads(plan.playbook_text, plan.playbook_file))


async def begin(site: Site, session: Session, plan: Plan, loaded: Loaded) -> Response:
    """Start it, and wait for its first sign of life or for what refuses it."""
    service = site.daemon.app.settings.service
    current = await site.daemon.writer.do(lambda b: b.current(service))
    incident = current.id if current else ""
    who = session.user.contact or session.user.name
    task = site.daemon.spawn(
        site.daemon.conductor.go(incident, loaded, plan=plan, parent=plan.parent, initiator=who), f"run {plan.playbook}"
    )
    await note(site, session, "run_asked_for", playbook=plan.playbook, plan=plan.id)
    for _ in range(100):
        if fresh := site.daemon.app.runs.cards(checksum=plan.checksum, newest=1):
            return to(f"/runs/{fresh[0].id}")
        if task.done():
            break
        await site.daemon.clock.sleep(0.05)
    events = await site.daemon.writer.do(lambda b: b.events(limit=20))
    why = next(
        (str(e.data.get("text")) for e in reversed(events) if e.kind in {"refused", "run_failed"}),
        "it did not begin; see the log",
    )
    raise Refused(why, rule="refused", hint="Look at the incident's timeline.")


async def abort(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Stop before the next step and undo."""
    view = view_of(site, request)
    if view.state.status in {"done", "failed", "aborted"}:
        raise Refused(f"the run is over ({view.state.status})", rule="run-over")
    site.daemon.app.runs.tell(
        view.id, "abort", session.user.contact or session.user.name, reason=f"console as {session.user.name}"
    )
    await note(site, session, "abort_asked_for", run=view.id)
    return to(f"/runs/{view.id}", "The run was told to stop and undo.")


async def failback(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Plan the way back of a run that holds."""
    view = view_of(site, request)
    recovery = loads(view.plan["playbook_text"]).book.recovery
    if recovery is None:
        raise Refused(
            f"{view.plan['playbook']} has no way back", rule="no-recovery", hint="Add recovery: to the playbook."
        )
    made = await planned(
        site,
        site.daemon.app.playbook(recovery.playbook),
        session,
        inputs={},
        parent=view.id,
        domains=tuple(view.plan["domains"]),
    )
    return to(f"/plans/{made.id}")


async def send(site: Site, request: Request, session: Session, form: Form) -> Response:
    """One message to one audience, as a run of its own."""
    app = site.daemon.app
    name, audience, letter = field(form, "message"), field(form, "audience"), field(form, "letter")[:1]
    if (
        name not in app.pack
        or app.pack.get(name).file.draft
        or audience not in app.directory.audiences
        or letter not in "ABCDEFGH"
    ):
        raise Invalid("there is no such message or audience")
    path = announce.playbook_of(app, audience, name, form.get("channel") or None, letter, {})
    loaded = app.playbook(str(path))
    made = await planned(site, loaded, session, inputs={})
    if refusals := made.refusals():
        raise Refused(refusals[0][1].message, rule=refusals[0][1].rule, hint=refusals[0][1].hint)
    return await begin(site, session, made, loaded)


async def password(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Another password; every session ends."""
    name, peer = session.user.name, site.peer(request)
    site.accounts.check_lock(name, peer)
    if not await in_thread(site.accounts.password_is, name, field(form, "old")):
        site.accounts.was_wrong(name, peer)
        raise Refused("the present password is wrong", rule="wrong-password")
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
