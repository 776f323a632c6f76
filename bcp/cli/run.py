"""``bcp run`` and everything that is said to a run: resume, approve, reject, abort, undo, settle, failback, acknowledge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import pairs, wait_for
from bcp.cli.live import Timeline
from bcp.cli.plan import Domains, Inputs, Override, Reason, describe, overrides
from bcp.kernel.errors import GateClosed, Invalid, Refused

if TYPE_CHECKING:
    from bcp.engine.runner import Ending
    from bcp.plan.model import Plan
    from bcp.wiring import App

RunId = Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")]
As = Annotated[
    str, typer.Option("--as", help="Answer as this contact; their approval code is asked for (or BCP_APPROVAL_CODE).")
]
Hold = Annotated[
    bool,
    typer.Option("--hold/--no-hold", help="Stay and send the hold updates until failback, or leave the run holding."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="run", help="Run a plan file; or plan a playbook, show it, ask, run.")(run)
    app.command(name="resume", help="Go on with a run that was stopped, killed, paused or settled.")(resume)
    app.command(name="approve", help="Say yes to exactly the plan that waits at a gate.")(approve)
    app.command(name="reject", help="Say no at a gate: the run stops.")(reject)
    app.command(name="abort", help="End a run: no further step, then undo what was done.")(abort)
    app.command(name="undo", help="Undo what a run that is not over has done, last first.")(abort)
    app.command(name="settle", help="Say whether an effect in doubt happened. By name, for the record.")(settle)
    app.command(name="failback", help="Plan and run the way back of a run.")(failback)
    app.command(name="acknowledge", help="Lift the rest after a run: you looked at it.")(acknowledge)


def run(
    what: Annotated[
        str, typer.Argument(metavar="PLAN|PLAYBOOK", help="A plan file (.json), or a playbook by name or path.")
    ],
    inputs: Inputs = None,
    domains: Domains = None,
    override: Override = None,
    reason: Reason = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask whether to run the plan. Approval gates still ask.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same path with services that write nothing.")] = False,
    hold: Hold = True,
) -> None:
    """Run."""
    app = make_app()
    if what.endswith(".json"):
        from bcp.plan.model import read_plan  # noqa: PLC0415

        if inputs or domains or override:
            raise Invalid("a plan file holds its inputs already", hint="Make a new plan with these options.")
        made = read_plan(Path(what))
        if not yes and not dry_run:
            render.say(describe(made))
            _confirm(made)
    else:
        made = _plan_and_ask(app, what, inputs, domains, overrides(override, reason), ask=not yes and not dry_run)
    if dry_run:
        _dry(app, made)
    else:
        _go(app, made, hold=hold)


def _plan_and_ask(
    app: App,
    name: str,
    inputs: list[str] | None,
    domains: list[str] | None,
    override: dict[str, str],
    *,
    ask: bool,
    parent: str = "",
) -> Plan:
    from bcp.operate import make_plan, request_for  # noqa: PLC0415

    async def work() -> Plan:
        try:
            return await make_plan(
                app,
                request_for(
                    app,
                    app.playbooks.load(name),
                    inputs=pairs(inputs, "input"),
                    domains=domains or (),
                    overrides=override,
                    parent=parent,
                ),
            )
        finally:
            await app.close()

    made = wait_for(work())
    render.say(describe(made))
    from bcp.plan.model import check_runnable  # noqa: PLC0415

    check_runnable(made, app.clock.now(), configuration=app.configuration.fingerprint(), playbook_text=None)
    if ask:
        _confirm(made)
    return made


def _confirm(made: Plan) -> None:
    if not render.ask(f"\nRun this plan ({made.checksum[:12]})?"):
        why = "" if sys.stdin.isatty() else " (there is no terminal to ask at)"
        raise GateClosed(
            f"not started: nobody said yes{why}",
            rule="not-confirmed",
            hint="Add --yes to start without this question. Approval gates still ask.",
        )


def _dry(app: App, made: Plan) -> None:
    from bcp.operate import dry_run  # noqa: PLC0415

    timeline = Timeline(app.clock.now())
    ending, rows = wait_for(dry_run(app, made, listener=timeline))
    timeline.close()
    text = (
        render.table([[r["id"], render.status_word(r["status"]), r["error"] or r["summary"]] for r in rows])
        + "\n\nNothing was changed."
    )
    render.emit(
        "bcp.dry-run/1",
        {"steps": rows, "status": "dry" if ending.code == 0 else ending.status, "reason": ending.reason},
        text,
    )
    if ending.code:
        raise typer.Exit(ending.code)


def _go(app: App, made: Plan, *, hold: bool, quiet_result: bool = False) -> tuple[str, Ending]:
    from bcp.operate import start  # noqa: PLC0415

    timeline = Timeline(app.clock.now())

    def started(run_id: str) -> None:
        timeline.run_id = run_id
        render.say(f"Run {render.paint(run_id, 'bold', sys.stderr)}")

    try:
        run_id, ending = wait_for(start(app, made, listener=timeline, hold=hold, started=started))
    finally:
        timeline.close()
    if not quiet_result or ending.code:
        _result(run_id, ending)
    return run_id, ending


def _result(run_id: str, ending: Ending) -> None:
    from bcp.cli.common import runs  # noqa: PLC0415
    from bcp.cli.status_view import status_data  # noqa: PLC0415

    data = status_data(runs().view(run_id)) if render.OUT.json else {}
    text = (
        f"{run_id} {render.status_word(ending.status)}"
        + (f": {ending.reason}" if ending.reason else "")
        + (f"\n{render.wrap(ending.hint, '  ', '  ')}" if ending.hint else "")
    )
    render.emit("bcp.status/1", {**data, "run": run_id, "status": ending.status, "exit_code": ending.code}, text)
    if ending.code:
        raise typer.Exit(ending.code)


def resume(run_id: RunId = "last", hold: Hold = True) -> None:
    """Resume."""
    from bcp.operate import resume as again  # noqa: PLC0415

    app = make_app()
    found = app.running.runs.find(run_id)
    before = {e.key for e in app.running.runs.view(found).record.effects if e.state != "settled"}
    if before:
        render.say(
            f"{len(before)} effect(s) were under way and are in doubt; asking what became of them: {', '.join(sorted(before)[:5])}"
        )
    timeline = Timeline(app.clock.now(), found)
    try:
        ending = wait_for(again(app, found, listener=timeline, hold=hold))
    finally:
        timeline.close()
    _result(found, ending)


def approve(
    run_id: RunId = "last",
    as_: As = "",
    step: Annotated[str, typer.Option("--step", help="Which gate, when several are open.")] = "",
    checksum: Annotated[
        str, typer.Option("--plan", help="First characters of the checksum you were shown; must agree.")
    ] = "",
) -> None:
    """Approve."""
    _answer("approve", run_id, as_, step, checksum, "")


def reject(
    run_id: RunId = "last",
    as_: As = "",
    step: Annotated[str, typer.Option("--step", help="Which gate, when several are open.")] = "",
    reason: Reason = "",
) -> None:
    """Reject."""
    _answer("reject", run_id, as_, step, "", reason)


def _answer(kind: str, run_text: str, as_: str, step: str, checksum: str, reason: str) -> None:
    app = make_app()
    run_id = app.running.runs.find(run_text)
    view = app.running.runs.view(run_id, effects=False)
    gates = [s for s in view.state.steps.values() if s.gate]
    if step:
        gates = [g for g in gates if g.id == step]
    if not gates:
        raise Refused(
            f"no gate of {run_id} is open{f' called {step}' if step else ''}",
            rule="no-open-gate",
            hint=f"bcp status {run_id}",
        )
    if len(gates) > 1:
        raise Invalid("several gates are open", hint=f"Say which: --step {gates[0].id}")
    gate, person = gates[0], prove_person(app, as_)
    plan_sum = str(view.plan["checksum"])
    if checksum and not plan_sum.startswith(checksum):
        raise Refused(
            f"the plan of {run_id} is {plan_sum[:12]}, not {checksum}",
            rule="wrong-checksum",
            hint="Look at the plan again: bcp status",
        )
    if person not in gate.gate["approvers"]:
        raise Refused(
            f"{person} may not answer this gate",
            rule="not-an-approver",
            hint=f"It asks: {', '.join(gate.gate['approvers'])}. Answer as one of them: --as NAME",
        )
    initiator = str(view.plan["initiator"])
    if kind == "approve" and person == initiator and not _initiator_may(view.plan, gate.id):
        raise Refused(
            f"{person} started this run and may not approve it", rule="initiator", hint="Somebody else has to."
        )
    app.running.runs.tell(run_id, kind, person, checksum=plan_sum, step=gate.id, reason=reason)
    render.emit(
        "bcp.answer/1",
        {"run": run_id, "step": gate.id, "answer": kind, "by": person, "checksum": plan_sum},
        f"{'Approved' if kind == 'approve' else 'Rejected'} {gate.id} of {run_id} as {person}, plan {plan_sum[:12]}.",
    )


def _initiator_may(plan: Any, step_id: str) -> bool:
    from bcp.playbook.load import loads  # noqa: PLC0415

    return bool(loads(plan["playbook_text"]).step(step_id).step.with_.get("initiator_may_approve", False))


def prove_person(app: App, as_: str) -> str:
    """Who answers: the contact with this login; or, with --as, a contact whose approval code is given.

    Raises:
        Refused: the code is wrong, or there is none and the login is not theirs.
    """
    import hmac  # noqa: PLC0415
    import os  # noqa: PLC0415

    from bcp.kernel.document import did_you_mean  # noqa: PLC0415

    if not as_:
        return app.people.whoami()
    contact = app.people.directory.person(as_)
    if contact is None:
        raise Invalid(
            f"there is no contact {as_!r}", hint=did_you_mean(as_, [c.id for c in app.people.directory.contacts])
        )
    if app.people.whoami() == as_:
        return as_
    secret = app.settings.approvals.codes.get(as_)
    if secret is None:
        raise Refused(
            f"{as_} has no approval code, and this is not their login",
            rule="not-proven",
            hint=f"Set approvals: codes: {as_}: in bcp.yaml, or let them answer from their own login.",
        )
    given = os.environ.get("BCP_APPROVAL_CODE", "") or render.ask_secret(f"Approval code of {as_}")  # noqa: TID251 - documented
    if not hmac.compare_digest(given.encode(), secret.reveal().encode()):
        raise Refused(f"this is not the approval code of {as_}", rule="not-proven", hint="Nothing was answered.")
    return as_


def abort(run_id: RunId = "last", reason: Reason = "") -> None:
    """Abort and undo."""
    from bcp.engine.state import FINAL  # noqa: PLC0415
    from bcp.operate import resume as again  # noqa: PLC0415

    app = make_app()
    found = app.running.runs.find(run_id)
    view = app.running.runs.view(found, effects=False)
    if view.state.status in FINAL:
        raise Refused(
            f"run {found} is over ({view.state.status})", rule="run-over", hint="To move mail back: bcp failback"
        )
    app.running.runs.tell(found, "abort", app.people.whoami(), reason=reason)
    if view.live:
        render.emit(
            "bcp.told/1", {"run": found, "told": "abort"}, f"{found} was told to stop and undo. See: bcp status {found}"
        )
        return
    timeline = Timeline(app.clock.now(), found)
    try:
        ending = wait_for(again(app, found, listener=timeline))
    finally:
        timeline.close()
    _result(found, ending)


def settle(
    run_id: RunId,
    what: Annotated[str, typer.Argument(metavar="STEP|KEY", help="Step in doubt, or one effect's key.")],
    happened: Annotated[bool | None, typer.Option("--happened/--not-happened", help="What you found out.")] = None,
    reason: Reason = "",
) -> None:
    """Settle."""
    from bcp.operate import run_lock  # noqa: PLC0415

    if happened is None:
        raise Invalid("say what you found out", hint="Add --happened or --not-happened.")
    app = make_app()
    found = app.running.runs.find(run_id)
    view = app.running.runs.view(found)
    keys = [
        e.key
        for e in view.record.effects
        if e.state != "settled" and (e.key == what or e.step == what or e.key.split("/")[1].split("#")[0] == what)
    ]
    if not keys:
        raise Invalid(f"nothing in doubt is called {what!r}", hint=f"bcp status {found}")
    person = app.people.whoami()
    outcome = (
        {"state": "done", "summary": f"{person} says that it happened", "outputs": {}, "changed": True}
        if happened
        else {"state": "void", "error": f"{person} says that it did not happen"}
    )

    async def work() -> None:
        journal = app.running.runs.store.open(app.running.runs.path(found), app.clock)
        try:
            for key in keys:
                is_delivery = any(e.key == key and "channel" in e.request for e in view.record.effects)
                record = (
                    {
                        "state": "sent" if happened else "failed",
                        "reason": outcome.get("error", ""),
                        "receipt": f"settled by {person}",
                    }
                    if is_delivery
                    else outcome
                )
                await journal.settle(
                    key,
                    record,
                    event="doubt_settled",
                    step=key.split("/")[1].split("#")[0].split("[")[0].split("@")[0],
                    actor=person,
                    happened=str(happened),
                    reason=reason,
                )
        finally:
            journal.close()

    with run_lock(app, found):
        wait_for(work())
    render.emit(
        "bcp.settled/1",
        {"run": found, "keys": keys, "happened": happened, "by": person},
        f"{len(keys)} effect(s) settled as {'happened' if happened else 'not happened'} by {person}. Go on: bcp resume {found}",
    )


def failback(
    run_id: Annotated[str, typer.Argument(help="Run to go back from. Else the newest that holds.")] = "",
    override: Override = None,
    reason: Reason = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask whether to run the plan. Approval gates still ask.")
    ] = False,
) -> None:
    """Failback."""
    from bcp.operate import end_parent, failback_source  # noqa: PLC0415

    app = make_app()
    view = failback_source(app, run_id)
    from bcp.playbook.load import loads  # noqa: PLC0415

    recovery = loads(view.plan["playbook_text"]).book.recovery
    if recovery is None:
        raise Refused(
            f"{view.plan['playbook']} has no way back",
            rule="no-recovery",
            hint="Add recovery: {playbook: ...} to the playbook.",
        )
    made = _plan_and_ask(
        app,
        recovery.playbook,
        None,
        list(view.plan["domains"]),
        overrides(override, reason),
        ask=not yes,
        parent=view.id,
    )
    child, ending = _go(app, made, hold=True, quiet_result=True)
    told = wait_for(end_parent(make_app(), view.id, child, app.people.whoami()))
    _result(child, ending)
    if told is not None:
        render.say(f"{view.id} {told.status}")


def acknowledge(run_id: RunId = "last") -> None:
    """Acknowledge."""
    from bcp.operate import run_lock  # noqa: PLC0415

    app = make_app()
    found = app.running.runs.find(run_id)
    person = app.people.whoami()

    async def work() -> None:
        journal = app.running.runs.store.open(app.running.runs.path(found), app.clock)
        try:
            await journal.record("acknowledged", actor=person)
        finally:
            journal.close()

    with run_lock(app, found):
        wait_for(work())
    app.running.runs.anchor(found, app.running.runs.view(found, effects=False).record.head, "acknowledged")
    render.emit(
        "bcp.acknowledged/1",
        {"run": found, "by": person},
        f"{found} was acknowledged by {person}; its target is free again.",
    )
