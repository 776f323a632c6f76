"""``bcp approve`` and ``bcp reject``: a yes or no at a gate of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.cli.person import ground_of, who_is
from bcp.cli.plan import Reason

RunId = Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")]
OneRun = Annotated[
    str,
    typer.Argument(
        metavar="[RUN_ID]", show_default=False,
        help="Run id, its start or end, or 'last' for the newest. Else the only one that can be meant.",
    ),
]  # fmt: skip
As = Annotated[
    str, typer.Option("--as", help="Answer as this contact; their approval code is asked for (or BCP_APPROVAL_CODE).")
]
Step = Annotated[str, typer.Option("--step", help="Which gate, when several are open.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="approve", help="Say yes to exactly the plan that waits at a gate.")(approve)
    app.command(name="reject", help="Say no at a gate: the run stops.")(reject)


def approve(
    run_id: OneRun = "",
    as_: As = "",
    step: Step = "",
    checksum: Annotated[
        str, typer.Option("--plan", help="First characters of the checksum you were shown; must agree.")
    ] = "",
) -> None:
    """Answer a gate of a run with yes."""
    _answer(run_id, as_, step, checksum, "", yes=True)


def reject(run_id: OneRun = "", as_: As = "", step: Step = "", reason: Reason = "") -> None:
    """Answer a gate of a run with no."""
    _answer(run_id, as_, step, "", reason, yes=False)


def _answer(run: str, as_: str, step: str, checksum: str, reason: str, *, yes: bool) -> None:
    from bcp.deeds.answer import Answer, answer
    from bcp.deeds.which import asks, meant

    app = make_app()
    run = meant(app.running.runs, run, asks, "approve" if yes else "reject", render.OUT.zone)
    given = Answer(yes, run=run, step=step, checksum=checksum, reason=reason)
    done = wait_for(answer(ground_of(app), who_is(app, as_), given))
    kind, word = ("approve", "Approved") if yes else ("reject", "Rejected")
    render.emit(
        "bcp.answer/1",
        {"run": done.run, "step": done.step, "answer": kind, "by": done.by, "checksum": done.checksum},
        f"{word} by {done.by}: plan {done.checksum[:12]} of {done.run} (gate {done.step}).",
    )
