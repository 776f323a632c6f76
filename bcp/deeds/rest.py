"""Try again the domains that a run was to move and did not: a run of its own for exactly those."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bcp.deeds.left import left_now
from bcp.deeds.plan import PlanRequest, make
from bcp.deeds.who import RUN, Ground, Who
from bcp.engine.left import headline, to_try, unknown_hint
from bcp.kernel.errors import Invalid, Refused
from bcp.plan.model import Plan
from bcp.wiring import App


async def plan_rest(ground: Ground, who: Who, run: str) -> Plan:
    """The plan of a run for what this one did not move. Runs nothing. Raises like ``again`` and ``make``."""
    who.must(RUN)
    return await make(ground, who, again(ground.app, run, PlanRequest("")))


def again(app: App, run: str, wanted: PlanRequest) -> PlanRequest:
    """The request for what a run left: its playbook, its inputs and the run that it goes back from; for those of its
    domains that were not moved and that nobody has taken up since. What ``wanted`` says itself counts more.

    Raises:
        Missing: there is no such run.
        Refused: ``nothing-left`` to try again; ``drill`` (an exercise moves no real mail).
        Invalid: a domain is named that this run did not leave.
    """
    runs = app.running.runs
    view = runs.view(runs.find(run))
    if view.plan["kind"] != "real":
        raise Refused(f"{view.id} is an exercise: it left no real mail", rule="drill", hint="Name a real run.")
    free = to_try(left_now(runs, view))
    if not free and view.state.doubtful():
        raise Refused(
            f"nobody knows yet what {view.id} has moved: it is in doubt",
            rule="nothing-left",
            hint=f"bcp resume {view.id} asks its DNS host once more; what surely did not move can be tried then.",
        )
    if not free:
        raise Refused(f"{view.id} left no domain to try again", rule="nothing-left", hint=f"bcp status {view.id}")
    wrong = [d for d in wanted.domains if d not in free]
    if wrong:
        raise Invalid(f"{wrong[0]!r} is none of those that {view.id} left", hint=f"They are: {', '.join(free[:10])}")
    before = {k: _text(v) for k, v in view.plan["inputs"].items()}
    return replace(
        wanted,
        playbook=wanted.playbook or str(view.plan["playbook_file"]),
        inputs={**before, **wanted.inputs},
        domains=tuple(wanted.domains) or free,
        parent=wanted.parent or str(view.plan.get("parent") or ""),
    )


def kept_back(app: App, run: str) -> str:
    """What a run for the rest leaves alone, because nobody knows where its mail goes, with what to do; empty: all of
    it is certain."""
    runs = app.running.runs
    view = runs.view(runs.find(run))
    left = left_now(runs, view)
    doubtful = headline([x for x in left if not x.known], len(view.plan["domains"]))
    return f"{doubtful}, left alone. {unknown_hint(view, left)}" if doubtful else ""


def _text(value: Any) -> str:
    """An input as a person would have typed it (the other way round: ``bcp.playbook.load.input_values``)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(str(v) for v in value) if isinstance(value, (list, tuple)) else str(value)
