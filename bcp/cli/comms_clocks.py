"""``bcp comms clocks``: what regulators must be told by when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import config_path
from bcp.kernel.errors import Invalid
from bcp.kernel.units import LONGEST_S, format_duration

if TYPE_CHECKING:
    from bcp.wiring import App


def clocks(
    aware: Annotated[
        str,
        typer.Option("--aware", help="When you became aware: 2026-01-22T17:45Z. Else the start of the last outage."),
    ] = "",
    classified: Annotated[str, typer.Option("--classified", help="When it was classified as major.")] = "",
    initial_sent: Annotated[str, typer.Option("--initial-sent", help="When the initial notice went out.")] = "",
    notified: Annotated[str, typer.Option("--notified", help="When the notification went out.")] = "",
) -> None:
    """Clocks."""
    from bcp.comms.clocks import due, load_clocks
    from bcp.kernel.clock import SystemClock, iso
    from bcp.wiring import SHIPPED

    path, now = SHIPPED / "clocks" / "regulators.yaml", SystemClock().now()
    try:
        config_path()
        app: App | None = make_app()
    except Invalid:
        app = None
    if app is not None and app.settings.regulators is not None:
        path = app.settings.regulators
    given = {"aware": aware, "classified": classified, "initial-sent": initial_sent, "notified": notified}
    happened = {k: _moment(k, v, now) for k, v in given.items() if v}
    if "aware" not in happened and app is not None and (past := app.watching.history.incidents(0.0)):
        happened["aware"] = past[-1].confirmed
    found = due(load_clocks(path), happened)
    rows, data = [], []
    for d in found:
        left = (
            "not begun"
            if d.at is None
            else ("OVERDUE " + format_duration(now - d.at) if d.at < now else "in " + format_duration(d.at - now))
        )
        rows.append(
            [
                iso(d.at)[:16].replace("T", " ") or "-",
                left,
                d.clock.rule,
                f"from {d.counted_from}; draft {d.clock.draft}",
            ]
        )
        data.append(
            {
                "name": d.clock.name,
                "rule": d.clock.rule,
                "recipient": d.clock.recipient,
                "due": iso(d.at),
                "counted_from": d.counted_from,
                "draft": d.clock.draft,
                "source": d.clock.source,
            }
        )
    text = (
        render.table(rows, ["DUE (UTC)", "", "WHAT", ""])
        + "\nDrafts only: a named person decides and files. Not legal advice."
    )
    render.emit("bcp.clocks/1", {"clocks": data}, text)


def _moment(name: str, text: str, now: float) -> float:
    """Seconds since the epoch; UTC where no zone is named. Raises ``Invalid``, also for a year that cannot be meant."""
    from datetime import UTC, datetime

    hint = "For example 2026-01-22T17:45Z"
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise Invalid(f"--{name} {text!r} is no time", hint=hint) from error
    at = found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    if not 0 <= at <= now + LONGEST_S:
        raise Invalid(f"--{name} {text!r}: that is no time of an outage", hint=hint)
    return at
