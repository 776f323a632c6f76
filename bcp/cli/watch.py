"""``bcp watch``: look at the service again and again, say what it is, and, when told to, act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.cli.live import Timeline
from bcp.kernel.clock import clock_text, iso
from bcp.kernel.errors import Invalid, Refused

if TYPE_CHECKING:
    from bcp.detect.decide import Decision
    from bcp.wiring import App

_EXIT = {"healthy": 0, "suspect": 1, "down": 1, "unknown": 4}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="watch", help="Watch the service. With --run, start a playbook once an outage is confirmed.")(
        watch
    )
    app.command(
        name="verdict", help="Look once more carefully, and say what is wrong. Exit code 0 healthy, 1 not, 4 unknown."
    )(verdict)


def verdict() -> None:
    """Verdict."""
    app = make_app()

    async def work() -> dict[str, Any]:
        try:
            return dict(await app.looker.verdict())
        finally:
            await app.close()

    seen = wait_for(work())
    _need_probes(app)
    text = f"{app.settings.service} is {render.status_word(str(seen['state']))}" + (
        f", class {seen['class']}" if seen["class"] else ""
    )
    render.emit(
        "bcp.verdict/1", seen, "\n".join([text, *(render.wrap(str(e), "    ", "  - ") for e in seen["evidence"])])
    )
    raise typer.Exit(_EXIT.get(str(seen["state"]), 4))


def _need_probes(app: App) -> None:
    if not app.watcher.probes:
        raise Invalid(
            "there is nothing to look at",
            hint="Give domains: primary: and canary: to: in bcp.yaml, or detect: probes:.",
        )


def watch(
    playbook: Annotated[
        str,
        typer.Option(
            "--run", metavar="PLAYBOOK", help="Start this playbook when an outage of a class it covers is confirmed."
        ),
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Every probe once, then end.")] = False,
    until: Annotated[str, typer.Option("--until", help="End when this state is reached: healthy, down.")] = "",
    hold: Annotated[
        bool, typer.Option("--hold/--no-hold", help="After the activation: stay with the run, or leave it holding.")
    ] = True,
) -> None:
    """Watch."""
    app = make_app()
    _need_probes(app)
    if until not in {"", "healthy", "down"}:
        raise Invalid(f"--until {until!r}: healthy or down", hint="For example --until down")
    if once:
        found = wait_for(app.watcher.once())
        _show(found, app)
        raise typer.Exit(_EXIT.get(found.state, 4))
    code = wait_for(_watch(app, playbook, until, hold=hold))
    if code:
        raise typer.Exit(code)


async def _watch(app: App, playbook: str, until: str, *, hold: bool) -> int:
    loaded = app.playbook(playbook) if playbook else None
    last: tuple[str, str] = ("", "")
    warned = False
    render.say(
        f"Watching {app.settings.service}: {len(app.watcher.probes)} probe(s) every {app.settings.detect.interval:g} s, confirmed at {app.settings.detect.threshold} failures. Ctrl-C ends."
    )
    async for found in app.watcher.run():
        now = (found.state, found.outage_class)
        if now != last:
            _show(found, app)
            last = now
        if until and found.state == until:
            return 0
        if loaded is not None and found.state == "down":
            if found.outage_class not in loaded.book.covers:
                raise Refused(
                    f"this is class {found.outage_class or '?'}; {loaded.book.name} is for {', '.join(loaded.book.covers)}",
                    rule="wrong-class",
                    hint="See `bcp playbook list`.",
                )
            if app.watcher.flap >= app.settings.detect.flap_percent:
                if not warned:
                    render.warn(
                        f"the service is flapping ({app.watcher.flap:.0f} %): nothing is started by itself. A person decides: bcp run {loaded.book.name}"
                    )
                warned = True
                continue
            return await _act(app, loaded, hold=hold)
    return 0


async def _act(app: App, loaded: Any, *, hold: bool) -> int:
    """Plan and run, as an automatic run: a person still has to approve, unless one did so in advance."""
    from bcp.operate import make_plan, request_for, start  # noqa: PLC0415

    app.looker.live = True  # our own watcher knows already; facts are still read again under the lock
    timeline = Timeline(app.clock.now())

    def started(run_id: str) -> None:
        timeline.run_id = run_id
        render.say(f"Run {run_id}")

    plan = await make_plan(app, request_for(app, loaded, inputs={}, automatic=True))
    run_id, ending = await start(app, plan, listener=timeline, hold=hold, started=started)
    timeline.close()
    render.emit(
        "bcp.status/1",
        {"run": run_id, "status": ending.status, "exit_code": ending.code},
        f"{run_id} {ending.status}" + (f": {ending.reason}" if ending.reason else ""),
    )
    return ending.code


def _show(found: Decision, app: App) -> None:
    data = {
        "at": iso(app.clock.now()),
        "state": found.state,
        "class": found.outage_class,
        "planes": list(found.planes),
        "since": iso(found.since),
        "evidence": list(found.evidence),
    }
    text = (
        f"{clock_text(app.clock.now())} {render.status_word(found.state)}"
        + (f" class {found.outage_class}" if found.outage_class else "")
        + (f" ({', '.join(found.planes)})" if found.planes else "")
    )
    render.emit(
        "bcp.verdict/1",
        data,
        "\n".join([text, *(render.wrap(e, "             ", "           - ") for e in found.evidence[:6])]),
    )
