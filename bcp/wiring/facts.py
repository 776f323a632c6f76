"""What runs have made true, and how fast. Pure, over views of runs."""

from __future__ import annotations

from collections.abc import Iterable

from bcp.contracts.traits import Trait, has
from bcp.engine.store import RunView
from bcp.playbook.load import loads
from bcp.wiring.catalogue import action_specs

FACTS_LAST_S = 7 * 86_400.0
"""How long a run that is over vouches for what it made."""
SAME_OUTAGE_S = 86_400.0
"""A switch that began within this time after the outage answers it."""


def facts_of(views: Iterable[RunView], now: float) -> frozenset[str]:
    """What is true now because a run made and verified it: what a message outside of a run may claim.

    Runs that hold, and those that ended well in the last week, the oldest first: that mail was delivered stays true
    until mail moves to the relay again. Where MX points is what the newest of them did.
    """
    out: set[str] = set()
    specs = action_specs()
    for view in views:
        if not _vouches(view, now):
            continue
        for placed in loads(view.plan["playbook_text"]).steps:
            state = view.state.steps.get(placed.id)
            if state is None or state.status not in {"ok", "unchanged"}:
                continue
            made = specs[placed.step.uses].provides(placed.step.with_)
            if "mx-on-relay" in made:
                out = set()
            elif "mx-on-primary" in made:
                out.discard("mx-on-relay")
            out.update(made)
    return frozenset(out - {"service-healthy"})  # how it is now, a look says


def _vouches(view: RunView, now: float) -> bool:
    if view.plan.get("kind") == "drill" or view.state.status not in {"holding", "done"}:
        return False
    return view.state.status == "holding" or float(view.plan["created"]) >= now - FACTS_LAST_S


def switch_time(views: Iterable[RunView], since: float) -> float | None:
    """Seconds from ``since`` to the end of the first MX switch that began within a day of it; ``None`` without one."""
    for view in views:
        other = view.plan.get("kind") == "drill" or view.plan.get("parent")
        if other or not 0 <= view.state.started - since < SAME_OUTAGE_S:
            continue
        for step in view.plan["steps"]:
            state = view.state.steps.get(str(step["id"]))
            if has(step, Trait.MOVES_MX) and state is not None and state.status in {"ok", "unchanged"}:
                return round(state.ended - since, 1)
    return None
