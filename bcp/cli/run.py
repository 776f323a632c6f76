"""``bcp run`` and ``bcp resume``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.answer import OneRun
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.cli.live import Timeline
from bcp.cli.person import ground_of, who_is
from bcp.cli.plan import Domains, Inputs, Override, Reason, RestOf, Since, ask_to_run, confirm, describe, request, which
from bcp.kernel.errors import Invalid
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.deeds.plan import PlanRequest
    from bcp.engine.ending import Ending
    from bcp.plan.model import Plan
    from bcp.wiring import App

Hold = Annotated[
    bool,
    typer.Option("--hold/--no-hold", help="Stay and send the hold updates until failback, or leave the run holding."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="run", help="Run a plan file; or plan a playbook, show it, ask, run.")(run)
    app.command(name="resume", help="Go on with a run that was stopped, killed, paused or settled.")(resume)


def run(
    what: Annotated[
        str, typer.Argument(metavar="PLAN|PLAYBOOK", help="A plan file (.json), or a playbook by name or path.")
    ] = "",
    inputs: Inputs = None,
    domains: Domains = None,
    override: Override = None,
    reason: Reason = "",
    since: Since = "",
    rest_of: RestOf = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask whether to run the plan. Approval gates still ask.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same path with services that write nothing.")] = False,
    hold: Hold = True,
) -> None:
    """Plan and run a playbook."""
    which(what, rest_of)
    app = make_app()
    if what.endswith(".json"):
        from bcp.plan.model import read_plan

        if inputs or domains or override or since or rest_of:
            raise Invalid("a plan file holds its inputs already", hint="Make a new plan with these options.")
        made = read_plan(Path(what))
        if not yes and not dry_run:
            render.say(describe(made))
            ask_to_run(made)
    else:
        wanted = request(app, what, inputs, domains, override, reason, since, rest_of)
        made = _plan_and_ask(app, wanted, ask=not yes and not dry_run)
    if dry_run:
        _dry(app, made)
    else:
        go(app, made, hold=hold)


def _plan_and_ask(app: App, wanted: PlanRequest, *, ask: bool) -> Plan:
    from bcp.deeds.plan import make

    async def work() -> Plan:
        try:
            return await make(ground_of(app), who_is(app), wanted)
        finally:
            await app.close()

    made = wait_for(work())
    render.say(describe(made))
    confirm(app, made, ask=ask)
    return made


def _dry(app: App, made: Plan) -> None:
    from bcp.deeds.run import dry_run

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


def go(app: App, made: Plan, *, hold: bool, quiet_result: bool = False) -> tuple[str, Ending]:
    """Run a plan and show it live; its result too, unless it went well and ``quiet_result``."""
    from bcp.deeds.run import start

    timeline = Timeline(app.clock.now())

    def started(run_id: str) -> None:
        timeline.run_id = run_id
        render.say(f"Run {render.paint(run_id, 'bold', sys.stderr)}")

    try:
        run_id, ending = wait_for(
            start(app, made, listener=timeline, hold=hold, started=started, starter=app.people.whoami())
        )
    finally:
        timeline.close()
    if not quiet_result or ending.code:
        result(run_id, ending)
    return run_id, ending


def result(run_id: str, ending: Ending) -> None:
    """Show how it ended, and leave with its exit code."""
    from bcp.cli.common import runs
    from bcp.cli.left import left_data, left_text
    from bcp.cli.status_view import status_data
    from bcp.deeds.left import with_left

    found = runs()
    view, ending = found.view(run_id), with_left(found, run_id, ending)
    data = {**status_data(view), **left_data(found, view)} if render.OUT.json else {}
    left = left_text(found, view)
    text = (f"{left}\n\n" if left else "") + f"{run_id} {render.outcome(ending.status, ending.reason)}"
    text += f"\n{render.wrap(ending.hint, '  ', '  ')}" if ending.hint else ""
    render.emit("bcp.status/1", {**data, "run": run_id, "status": ending.status, "exit_code": ending.code}, text)
    if ending.code:
        raise typer.Exit(ending.code)


def resume(run_id: OneRun = "", hold: Hold = True) -> None:
    """Go on with a run that stopped."""
    from bcp.deeds.run import resume as again
    from bcp.deeds.which import meant, stopped

    app = make_app()
    found = meant(app.running.runs, run_id, stopped, "resume", render.OUT.zone)
    before = {e.key for e in app.running.runs.view(found).record.effects if e.state != "settled"}
    if before:
        render.say(
            f"In doubt, because they were under way: {plural(len(before), 'effect')}; asking what became of them: "
            f"{', '.join(sorted(before)[:5])}"
        )
    timeline = Timeline(app.clock.now(), found)
    try:
        ending = wait_for(again(app, found, listener=timeline, hold=hold))
    finally:
        timeline.close()
    result(found, ending)
