"""``bcp abort``, ``undo``, ``settle``, ``acknowledge``, ``failback``: how runs come to their end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.answer import As, OneRun, RunId
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.cli.live import Timeline
from bcp.cli.person import ground_of, who_is
from bcp.cli.plan import Override, Reason, confirm, describe, overrides
from bcp.kernel.errors import GateClosed, Invalid
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.deeds.abort import Shown
    from bcp.deeds.who import Ground, Who
    from bcp.plan.model import Plan
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="abort", help="End a run: no further step, then undo what was done.")(abort)
    app.command(name="undo", help="The same as abort.", hidden=True)(abort)
    app.command(name="settle", help="Say whether an effect in doubt happened. By name, for the record.")(settle)
    app.command(name="failback", help="Plan and run the way back of a run.")(failback)
    app.command(name="acknowledge", help="Lift the rest after a run: you looked at it.")(acknowledge)


def abort(
    run_id: OneRun = "",
    reason: Reason = "",
    as_: As = "",
    consequence: Annotated[
        str, typer.Option("--consequence", help="Checksum of the consequence you were shown, instead of the question.")
    ] = "",
    anyway: Annotated[
        str, typer.Option("--anyway", help="Checksum of the second yes, where a look speaks against moving mail back.")
    ] = "",
) -> None:
    """Abort and undo. A run that moved mail is ended only by those who may approve its switch,
    shown where mail goes."""
    from bcp.deeds.abort import (
        Abort,
        look,
    )
    from bcp.deeds.abort import abort as end
    from bcp.deeds.which import is_open, meant

    app = make_app()
    run_id = meant(app.running.runs, run_id, is_open, "abort", render.OUT.zone)
    ground = ground_of(app)
    shown = wait_for(look(ground, run_id))
    who = who_is(app, as_)
    if shown.moves is not None:
        consequence, anyway = _consent(shown, consequence, anyway)
    told = wait_for(end(ground, who, Abort(shown.run, reason, consequence, anyway)))
    if told.live or (told.asks and ground.adopted):
        what = "is asked about" if told.asks else "was told to stop and undo"
        data = {"run": told.run, "told": "abort", "asks": told.asks}
        render.emit("bcp.told/1", data, f"{told.run} {what}. See: bcp status {told.run}")
        return
    work_on(app, told.run, asks=told.asks)


def _consent(shown: Shown, consequence: str, anyway: str) -> tuple[str, str]:
    """Show where mail would go and ask, twice where a look speaks against it. Without a terminal: closed."""
    assert shown.moves is not None
    render.say(render.wrap(f"{shown.moves}", "  ", f"{render.paint('This moves mail', 'bad', sys.stderr)}: "))
    render.say(render.wrap(f"Our own look says now: {shown.seen}.", "  ", ""))
    render.say(render.wrap(f"It takes a yes of {shown.count} of: {', '.join(shown.approvers)}.", "  ", ""))
    if consequence:
        return consequence, anyway
    if not render.ask("\nMove mail back?"):
        raise GateClosed(_nobody(), rule="not-confirmed", hint=_how(shown))
    if not shown.anyway:
        return shown.consequence, ""
    render.say(f"{render.paint('Careful', 'bad', sys.stderr)}: {shown.why()}.")
    if not render.ask("Move mail there all the same?"):
        raise GateClosed(_nobody(), rule="second-yes", hint=f"Mail stays where it is.{_planned(shown)}")
    return shown.consequence, shown.anyway


def _nobody() -> str:
    return "mail stays where it is: nobody said yes" + (
        "" if sys.stdin.isatty() else " (there is no terminal to ask at)"
    )


def _how(shown: Shown) -> str:
    more = f" --anyway {shown.anyway[:16]}" if shown.anyway else ""
    return (
        "Without a terminal, having looked: "
        f"bcp abort {shown.run} --as CONTACT --consequence {shown.consequence[:16]}{more}."
        f"{_planned(shown)}"
    )


def _planned(shown: Shown) -> str:
    """The way that does it with all checks; a way back has none: it is that way itself."""
    towards = getattr(shown.moves, "towards", "primary")
    return f" The planned way: bcp failback {shown.run}" if towards == "primary" else ""


def work_on(app: App, run: str, *, asks: bool) -> None:
    """Nobody works on the run: do it here."""
    from bcp.cli.run import result
    from bcp.deeds.run import resume

    timeline = Timeline(app.clock.now(), run)
    try:
        ending = wait_for(resume(app, run, listener=timeline, hold=not asks))
    finally:
        timeline.close()
    if asks and ending.status == "holding":
        raise GateClosed(f"{run} still holds: {ending.reason}", rule=ending.rule or "undo-refused", hint=ending.hint)
    result(run, ending)


def settle(
    run_id: RunId,
    what: Annotated[
        str, typer.Argument(metavar="STEP|KEY|DOMAIN", help="Step in doubt, one effect's key, or a domain.")
    ],
    happened: Annotated[bool | None, typer.Option("--happened/--not-happened", help="What you found out.")] = None,
    reason: Reason = "",
) -> None:
    """Settle."""
    from bcp.deeds.settle import Settle
    from bcp.deeds.settle import settle as say

    if happened is None:
        raise Invalid("say what you found out", hint="Add --happened or --not-happened.")
    app = make_app()
    done = wait_for(say(ground_of(app), who_is(app), Settle(run_id, what, happened, reason)))
    word = "happened" if done.happened else "not happened"
    noun = "effect" if any("/" in key for key in done.keys) else "domain"
    if done.seen:
        some = "; ".join(f"{domain} has {mx}" for domain, mx in list(done.seen.items())[:3])
        render.warn(f"Not taken of {plural(len(done.seen), 'domain')}, which the DNS host contradicts: {some}")
    render.emit(
        "bcp.settled/1",
        {"run": done.run, "keys": list(done.keys), "happened": done.happened, "by": done.by},
        f"{plural(len(done.keys), noun)} settled as {word} by {done.by}.{f' Go on: {done.then}' * bool(done.then)}",
    )


def acknowledge(run_id: RunId = "last") -> None:
    """Acknowledge."""
    from bcp.deeds.settle import acknowledge as note

    app = make_app()
    done = wait_for(note(ground_of(app), who_is(app), run_id))
    render.emit(
        "bcp.acknowledged/1",
        {"run": done.run, "by": done.by},
        f"{done.run} was acknowledged by {done.by}; its target is free again.",
    )


def failback(
    run_id: Annotated[str, typer.Argument(help="Run to go back from. Else the only one that holds.")] = "",
    override: Override = None,
    reason: Reason = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask whether to run the plan. Approval gates still ask.")
    ] = False,
) -> None:
    """Failback."""
    from bcp.cli.run import go, result
    from bcp.deeds.failback import end_parent
    from bcp.deeds.which import holds, only

    app = make_app()
    run_id = run_id or only(app.running.runs, holds, "failback", render.OUT.zone)
    who, ground = who_is(app), ground_of(app)
    parent, made = wait_for(_back(ground, who, run_id, overrides(override, reason)))
    render.say(describe(made))
    confirm(app, made, ask=not yes)
    child, ending = go(app, made, hold=True, quiet_result=True)
    told = wait_for(end_parent(make_app(), parent, child, who.person))
    if told is not None:
        render.say(f"{parent} {told.status}")
    _others(parent)
    result(child, ending)


def _others(parent: str) -> None:
    """One way back brings back what one run moved: what another holds at the relay is said, or it is forgotten."""
    from bcp.cli.common import runs
    from bcp.cli.situation import holding_runs, unfinished

    for card in holding_runs(unfinished(runs())):
        if card.id != parent:
            names = [t.removeprefix("mx:") for t in card.targets if t.startswith("mx:")]
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            where = f"{', '.join(names[:3])}{more}: mail still goes to the relay" if names else "Mail still goes there"
            render.say(render.wrap(f"{where} by {card.id}. The way back: bcp failback {card.id}", "  "))


async def _back(ground: Ground, who: Who, run: str, rules: dict[str, str]) -> tuple[str, Plan]:
    from bcp.deeds.failback import plan_back

    try:
        view, made = await plan_back(ground, who, run, rules)
    finally:
        await ground.app.close()
    return view.id, made
