"""Which domains a plan may move: those that the outage is of. A domain that is well by itself is left alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.contracts.traits import Trait
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded

RULE = "domain-well"


def moves_to_relay(loaded: Loaded, actions: Mapping[str, Any]) -> bool:
    """Does a step of this playbook move mail away from where it goes in peacetime?"""
    return any(
        s.step.uses in actions and actions[s.step.uses].moves_mx and actions[s.step.uses].to_relay(s.step.with_)
        for s in loaded.steps
    )


def well_in(seen: Mapping[str, Any], domains: tuple[str, ...]) -> tuple[str, ...]:
    """Of these domains those that a look (``detect.watch.to_data``) sees well apart from the others. A look that cannot
    see (``unknown``) sees none of them well: that no counter says *down* is then no news of anything."""
    if seen.get("state") == "unknown":
        return ()
    spared = seen.get("spared")
    told = set(spared) if isinstance(spared, (list, tuple)) else set()
    return tuple(d for d in domains if d in told)


def well_domains(plan: Plan) -> tuple[str, ...]:
    """Of the plan's domains those that its own look sees well."""
    looks = [s.outputs for s in plan.steps if s.has(Trait.LOOKS)]
    return well_in(looks[0], plan.domains) if looks else ()
