"""What a playbook needs before it may be started by the daemon. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.engine.runner import nodes_of
from bcp.playbook.load import Loaded

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
