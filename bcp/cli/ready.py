"""``bcp ready``: could we do it now, playbook by playbook, and what is to be done where we could not?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bcp.contracts.readiness import Check, ReadinessStore
    from bcp.deeds.readiness.look import Found
    from bcp.ready.standing import Standing
    from bcp.wiring import App

NOT_READY = 3
"""Exit code where a playbook is at risk or not ready."""
WEEK, MONTH = 7, 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = "Could we do it now? Every promise of the playbooks, looked at without harm; 0: ready, 3: not."
    app.command(name="ready", help=text)(ready)


def ready(
    playbook: Annotated[str, typer.Argument(help="Only this playbook.")] = "",
    last: Annotated[bool, typer.Option("--last", help="What was seen last, without looking.")] = False,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also what holds.")] = False,
    history: Annotated[bool, typer.Option("--history", help="What changed in the last 30 days.")] = False,
) -> None:
    """Look, keep what was seen, say it."""
    from bcp.deeds.readiness.report import only, seen_last
    from bcp.ready.words import sentence

    app = make_app()
    found = seen_last(app) if last else wait_for(_look(app))
    found = only(found, playbook)
    store = app.running.readiness
    parts = [render.wrap(sentence(found.standings)), _table(found, store)]
    parts += [_reasons(found.checks, everything)]
    parts += [_history(store, found.at)] if history else []
    render.emit("bcp.ready/1", _data(found, store, history), "\n\n".join(p for p in parts if p))
    if any(s.level != "ready" for s in found.standings) or not found.standings:
        raise typer.Exit(NOT_READY)


async def _look(app: App) -> Found:
    from bcp.deeds.readiness.look import kept, look
    from bcp.kernel.errors import BcpError

    try:
        found = await look(app)
    finally:
        await app.close()
    try:
        return kept(app.running.readiness, found)
    except BcpError as error:  # a full disk is a finding of the look, and hides none of it
        render.warn(f"{error.message}: what was seen is not kept")
        return found


def _table(found: Found, store: ReadinessStore) -> str:
    rows = []
    for s in found.standings:
        since = f"since {render.moment(s.since, found.at)}" if s.since is not None else ""
        rows.append([render.status_word(s.level), s.playbook, f"{s.number} %", since, _going(s, store, found.at)])
    return render.table(rows)


def _going(standing: Standing, store: ReadinessStore, at: float) -> str:
    from bcp.ready.course import trend
    from bcp.ready.words import going

    return going(trend(store.course(standing.playbook, at - MONTH * 86_400), at, WEEK * 86_400), WEEK)


def _reasons(checks: Sequence[Check], everything: bool) -> str:
    from bcp.ready.words import grouped, reasons

    rows = [*grouped(reasons(checks)), *([c for c in checks if c.state == "ok"] if everything else [])]
    lines = []
    for c in rows:
        since = f" (since {render.moment(c.since, c.since)})" if c.since is not None and c.state != "ok" else ""
        lines.append(render.wrap(f"{c.says}{since}", "         ", f"{render.status_word(c.state.ljust(7))}  "))
        if c.hint and c.state != "ok":
            lines.append(render.wrap(c.hint, "           ", "         > "))
    return "\n".join(lines)


def _history(store: ReadinessStore, at: float) -> str:
    changes = store.changes(at - MONTH * 86_400)
    rows = [
        [render.moment(c.at, at), f"{c.before or 'new'} -> {c.after}", f"{c.code} {c.subject}".strip(), c.says]
        for c in changes
    ]
    return "Changes of the last 30 days\n" + render.table(rows) if rows else "Nothing changed in the last 30 days."


def _data(found: Found, store: ReadinessStore, history: bool) -> dict[str, Any]:
    from bcp.deeds.readiness.report import as_data, change_data

    data = as_data(found, store)
    if history:
        data["changes"] = [change_data(c) for c in store.changes(found.at - MONTH * 86_400)]
    return data
