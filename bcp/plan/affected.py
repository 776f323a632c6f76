"""Which domains a plan may move: those that the outage is of. A domain that is well by itself, or that nobody sees, is
left alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.contracts.traits import Trait
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded

RULE = "domain-well"
UNSEEN = "domain-unseen"


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
    told = _named(seen, "spared") - _named(seen, "spared_unseen")
    return tuple(d for d in domains if d in told)


def unseen_in(seen: Mapping[str, Any], domains: tuple[str, ...]) -> tuple[str, ...]:
    """Of these domains those of which a look that sees others sees nothing."""
    if seen.get("state") == "unknown":
        return ()
    told = _named(seen, "spared") & _named(seen, "spared_unseen")
    return tuple(d for d in domains if d in told)


def _named(seen: Mapping[str, Any], key: str) -> set[Any]:
    names = seen.get(key)
    return set(names) if isinstance(names, (list, tuple)) else set()


def left_alone(plan: Plan) -> dict[str, tuple[str, ...]]:
    """By rule, of the plan's domains: those that its own look sees well, and those that it does not see."""
    looks = [s.outputs for s in plan.steps if s.has(Trait.LOOKS)]
    if not looks:
        return {}
    found = {RULE: well_in(looks[0], plan.domains), UNSEEN: unseen_in(looks[0], plan.domains)}
    return {rule: names for rule, names in found.items() if names}


SAYS = {
    RULE: "our own look does not find that inbound mail fails there; it is not moved",
    UNSEEN: "nobody sees inbound mail there now, so that nothing shows that it fails; it is not moved",
}
"""Why a domain that somebody named is not moved."""
