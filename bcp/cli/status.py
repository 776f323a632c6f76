"""``bcp status``: how a run stands. Read-only, works while the run is live."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="status", help="How a run stands, and what to do next. Read-only.")(status)


def status(
    run: Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")] = "last",
    all_: Annotated[bool, typer.Option("--all", "-a", help="A line for every run.")] = False,
    timeline: Annotated[bool, typer.Option("--timeline", "-t", help="Every event.")] = False,
) -> None:
    """How a run stands."""
    from bcp.cli.status_view import show

    show(run, everything=all_, timeline=timeline)
