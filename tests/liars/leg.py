"""One way of a game, a failover or a failback: what became of it, and whether an honest one became the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from bcp.contracts import effect as effects
from bcp.engine.ending import Ending
from bcp.engine.store import RunView
from bcp.kernel.errors import BcpError
from bcp.plan.model import Plan

NAMES = re.compile(r"(run|plan)-[\w, -]*")
"""Of runs and plans, also as they are spoken: another in each game."""
OF_THE_GAME = ("id", "created", "expires", "checksum", "parent", "outage")


@dataclass(slots=True)
class Leg:
    """A failover or a failback: what became of it. ``refused``: its plan or its start was, and why."""

    before: str
    plan: Plan | None = None
    run: str = ""
    ending: Ending | None = None
    refused: BcpError | None = None
    view: RunView | None = None
    after: str = ""


def rows_of(leg: Leg) -> list[tuple[str, str, str, str]]:
    """Step, channel, person or place, and state of each delivery in the ledger."""
    assert leg.view is not None
    out = []
    for effect in leg.view.record.effects:
        if "channel" in effect.request:
            key = effects.parse(effect.key)
            state = str((effect.outcome or {}).get("state", effect.state)) if effect.state == "settled" else "in_doubt"
            out.append((key.step, str(effect.request["channel"]), key.parts[-1] if key.parts else "", state))
    return out


def same_plan(one: Plan, other: Plan) -> bool:
    """Would both do the same, and rest on the same facts?"""
    return _essence(one) == _essence(other)


def _essence(plan: Plan) -> str:
    data: dict[str, Any] = {k: v for k, v in plan.to_data().items() if k not in OF_THE_GAME}
    for step in data["steps"]:
        for forecast in step["forecasts"]:
            forecast["sample"] = ""  # it names the run
    return NAMES.sub("", json.dumps(data, sort_keys=True))


def became(leg: Leg) -> str:
    """How it ended: every step, every effect, and where mail goes. Words of faults apart: what follows from a way does
    not hang on them. Empty: it was refused."""
    if leg.view is None or leg.ending is None:
        return ""
    steps = {s.id: (str(s.status), bool(s.error)) for s in leg.view.state.steps.values()}
    effects_ = Counter((e.step, e.state, str((e.outcome or {}).get("state"))) for e in leg.view.record.effects)
    changes = [[c.before, c.after] for c in leg.plan.changes()] if leg.plan is not None else []
    place = (leg.before, leg.after, leg.ending.status)
    return repr((place, steps, sorted(effects_.items()), sorted(rows_of(leg)), changes))
