"""What a playbook needs before it may be started by the daemon. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.engine.runner import nodes_of
from bcp.engine.store import RunView
from bcp.incident.patience import PASSING
from bcp.kernel.errors import Refused
from bcp.pages.words import words
from bcp.pages.words.said import Said, said
from bcp.pages.words.said import reason as reason_of
from bcp.plan.alike import together
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded, loads
from bcp.wiring import App

AUTOMATIC = frozenset("BEF")
"""Classes in which a playbook may start by itself: in the others nothing is lost by asking."""


def asks_first(loaded: Loaded, actions: Mapping[str, Any], oncall: str) -> bool:
    """Does everything that it writes wait for an approval of its own? Telling the people on call is free."""
    nodes = {n.id: n for n in nodes_of(loaded)}
    gates = {s.id for s in loaded.steps if s.step.uses in actions and actions[s.step.uses].gate}

    def behind(step: str, seen: frozenset[str] = frozenset()) -> bool:
        needs = nodes[step].needs
        return any(n in gates or (n not in seen and behind(n, seen | {n})) for n in needs)

    for placed in loaded.steps:
        action = actions.get(placed.step.uses)
        if placed.phase != "activation" or placed.id in gates or (action is not None and action.access == "read"):
            continue
        free = action is not None and action.tells and placed.step.with_.get("audience") == oncall
        if not free and not behind(placed.id):
            return False
    return bool(gates)


def groups_of(loaded: Loaded, step: str) -> list[str]:
    """References in the order in which a gate's playbook names them; empty when they are computed."""
    given: Any = loaded.step(step).step.with_.get("from")
    return [str(g) for g in given] if isinstance(given, list) and not any("{{" in str(g) for g in given) else []


def turns_of(app: App, view: RunView, step: str, approvers: frozenset[str]) -> list[list[str]]:
    """Approvers of a gate in the order in which the playbook names their groups; each person once."""
    loaded = loads(view.plan["playbook_text"])
    known = any(s.id == step for s in loaded.steps)
    references = groups_of(loaded, step) if known else []  # a gate of the run's own asks everybody at once
    left, out = set(approvers), []
    for reference in references:
        mine = sorted(app.people.approvers([reference]) & left)
        left -= set(mine)
        out.append(mine)
    return [*out, *([sorted(left)] if left else [])]


def check(plan: Plan) -> None:
    """Raises ``Refused`` for what speaks against a plan; by a rule that lasts, where there is one."""
    refusals = [r for _, r in plan.refusals()]
    if refusals:
        first = next((r for r in refusals if r.rule not in PASSING), refusals[0])
        error = Refused("; ".join(together(r.message for r in refusals)[:3]), rule=first.rule, hint=first.hint)
        error.redo = first.redo
        raise error


def ended_badly(run: str, status: str, why: str, rule: str) -> Said:
    """What the people on call are told of a run that did not do what it was for."""
    key = f"ask.run.{status}"
    word = said(key) if key in words().texts else status
    if not why:
        return said("ask.notice.run-bare", run=run, status=word)
    return said("ask.notice.run", run=run, status=word, why=reason_of(why, rule))
