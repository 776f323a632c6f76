"""What a run did not move, and what somebody put back, before everything else that is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bcp.cli import render
from bcp.engine.left import command, headline, lines, unknown_hint
from bcp.engine.store import Runs, RunView

if TYPE_CHECKING:
    from bcp.engine.left import Left


def _left(found: Runs, view: RunView) -> tuple[Left, ...]:
    from bcp.deeds.left import left_now

    return left_now(found, view)


def left_text(found: Runs, view: RunView) -> str:
    """Which domains, why, and what tries them again; empty: all that was planned was moved."""
    left = _left(found, view)
    if not left:
        return ""
    out = [render.paint(headline(left, len(view.plan["domains"])), "warn")]
    out += [render.wrap(line, "    ", "  - ") for line in lines(left)]
    if again := command(view, left):
        out.append(render.wrap(again, "      ", "  Try again: "))
    if hint := unknown_hint(view, left):
        out.append(render.wrap(hint, "    ", "  ! "))
    return "\n".join(out)


def back_text(view: RunView) -> str:
    """Which domains somebody put back while the run holds, and what to do; empty: they stand."""
    from bcp.engine.reverted import told

    said = told(_put_back(view), view.id)
    return "\n".join([render.paint(said[0], "warn"), render.wrap(said[1], "    ", "  ! ")]) if said else ""


def _put_back(view: RunView) -> dict[str, str]:
    from bcp.engine.reverted import reverted_in

    return reverted_in(view.record.events) if view.status() == "holding" else {}


def left_data(found: Runs, view: RunView) -> dict[str, Any]:
    """The same for machines: ``left`` is empty where all that was planned was moved, ``put_back`` where it stands."""
    left = _left(found, view)
    rows = [{"domain": x.domain, "state": x.state, "why": x.why, "step": x.step, "taken_up_by": x.since} for x in left]
    return {"left": rows, "try_again": command(view, left), "put_back": _put_back(view)}
