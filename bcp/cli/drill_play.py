"""``bcp drill run DRILL``: play an exercise that was made before, whatever its kind."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from typing import TYPE_CHECKING

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.cli.drill_show import objective_rows
from bcp.cli.live import Timeline
from bcp.cli.person import who_is
from bcp.kernel.errors import Interrupted
from bcp.kernel.signals import enders

if TYPE_CHECKING:
    from bcp.contracts.exercise import DrillRecord
    from bcp.plan.model import Plan
    from bcp.rehearse.conduct import Conductor
    from bcp.wiring import App

LEFT = "Look where MX of the drill domain points: bcp status {run}. Back again: bcp failback {run}"
PAUSED = "Stopped for now. It goes on with: bcp drill run {drill}"


def play(drill: str, *, speed: float = 0.0, show_plans: bool = True) -> None:
    """Play it, say how it went; exit code 1 when it did not hold what it must."""
    from bcp.deeds.exercises import record_of
    from bcp.rehearse.conduct import conducting
    from bcp.rehearse.table import Paused

    app = make_app()
    who = who_is(app)
    name = app.running.drills.find(drill)
    try:
        with conducting(app, name, who.person, who.how, render.say) as conductor:
            kind = conductor.exercise().record.kind
            if kind == "tabletop":
                wait_for(_table(conductor, speed))
            else:
                wait_for(_alone(app, conductor, kind, show_plans=show_plans))
    except Paused:
        render.say("\n" + PAUSED.format(drill=name))
        return
    except Interrupted:
        record = record_of(app, name)
        if record.kind == "tabletop":
            render.say("\n" + PAUSED.format(drill=name))
        elif record.kind == "live" and record.runs:
            render.say("\n" + LEFT.format(run=record.runs[0]))
        raise
    _propose(app, name, who.person)
    tell(record_of(app, name))


async def _alone(app: App, conductor: Conductor, kind: str, *, show_plans: bool) -> None:
    """A drill that plays by itself. A signal ends it."""
    from bcp.cli.plan import describe
    from bcp.rehearse.conduct import while_calm
    from bcp.rehearse.dry import play_dry
    from bcp.rehearse.live import Live
    from bcp.rehearse.own import OwnLab

    timeline = Timeline(app.clock.now())

    def show(plan: Plan) -> None:
        if show_plans:
            render.say("\n" + describe(plan) + "\n")

    work: asyncio.Future[object]
    if kind == "dry":
        work = asyncio.ensure_future(play_dry(conductor, listener=timeline))
    elif kind == "lab":
        work = asyncio.ensure_future(OwnLab(conductor, timeline, show).play())
    else:
        live = Live(conductor, app.watching.looker.fresh, timeline, show)
        work = asyncio.ensure_future(live.play())
    calm = asyncio.ensure_future(while_calm(conductor, work) if kind != "live" else _just(work))
    loop = asyncio.get_running_loop()
    for number in enders():
        loop.add_signal_handler(number, calm.cancel)
    try:
        await calm
    except asyncio.CancelledError:
        raise Interrupted(signal.SIGINT) from None
    finally:
        timeline.close()


async def _just(work: asyncio.Future[object]) -> None:
    """A live drill looks for itself, and undoes what it did."""
    try:
        await work
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait([work])


async def _table(conductor: Conductor, speed: float) -> None:
    """A tabletop at this terminal; the end of the input stops it for now."""
    from bcp.rehearse.table import Paused, Table

    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\n"))
        loop.call_soon_threadsafe(lines.put_nowait, None)

    async def ask(seconds: float | None) -> str | None:
        try:
            async with asyncio.timeout(seconds):
                line = await lines.get()
        except TimeoutError:
            return None
        if line is None:
            raise Paused
        return line

    threading.Thread(target=read, daemon=True).start()
    table = asyncio.ensure_future(Table(conductor, ask, speed).play())
    for number in enders():
        loop.add_signal_handler(number, table.cancel)
    try:
        await table
    except asyncio.CancelledError:
        raise Interrupted(signal.SIGINT) from None


def _propose(app: App, drill: str, actor: str) -> None:
    """Findings that the product proposes from its own data."""
    from bcp.deeds.learn import propose

    for title in propose(app, drill, actor):
        render.say(render.wrap(f"proposed finding: {title}", "  "))


def tell(record: DrillRecord) -> None:
    """How it went for people, and the last line for programs."""
    lines = [f"{record.id}: {render.outcome(record.outcome or record.state, record.reason)}"]
    lines += (
        [render.table(objective_rows(record), ["OBJECTIVE", "TARGET", "ACHIEVED", ""])] if record.objectives else []
    )
    lines.append(
        f"Next: bcp drill show {record.id}\n      bcp drill note, bcp drill finding, bcp drill sign, bcp drill close"
    )
    render.say("\n" + "\n".join(lines))
    summary = {
        "drill": record.id,
        "kind": record.kind,
        "outcome": record.outcome,
        "met": record.met,
        "runs": list(record.runs),
        "objectives": [
            {"code": o.code, "audience": o.audience, "target": o.target, "achieved": o.achieved, "judged": o.judged}
            for o in record.objectives
        ],
        "findings": len(record.findings),
    }
    render.raw(json.dumps(summary))
    if record.outcome != "completed":
        raise typer.Exit(1)
