"""Which targets a plan writes to: a set of names, whatever the playbook's ``concurrency`` says. Pure.

``mx:example.org``   the MX of a domain: every domain of a plan that moves MX, whoever else is named beside it
``comms:...``        any other text of ``concurrency: {group: ...}``; runs with the same text exclude one another
``playbook:NAME``    plans that move no MX and name no group

A group ``mx:a.test,b.test`` is read as the two names ``mx:a.test`` and ``mx:b.test``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bcp.contracts.traits import Trait, has

MX = "mx:"


def mx_name(domain: str) -> str:
    """The name of a domain's MX: case and the final dot do not matter (RFC 1035, section 2.3.3)."""
    return MX + domain.strip().rstrip(".").lower()


def moves_mx(steps: Iterable[Mapping[str, Any]]) -> bool:
    """Does one of the planned steps write MX?"""
    return any(has(s, Trait.MOVES_MX) for s in steps)


def split_group(group: str) -> frozenset[str]:
    """The names in the text of a concurrency group."""
    if group.startswith(MX):
        return frozenset(mx_name(d) for d in group.removeprefix(MX).split(",") if d.strip())
    return frozenset({group}) if group else frozenset()


def targets_of(plan: Mapping[str, Any]) -> frozenset[str]:
    """The targets of a plan as plain data. Never empty."""
    names = set(split_group(str(plan.get("group") or "")))
    steps = plan.get("steps") or ()
    if moves_mx(steps):
        names |= {mx_name(str(d)) for d in plan.get("domains") or ()}
        for step in steps:
            if has(step, Trait.MOVES_MX):
                names |= {mx_name(d) for d in _domains_in(step.get("outputs") or {})}
    return frozenset(names) or frozenset({f"playbook:{plan.get('playbook', '')}"})


def _domains_in(outputs: Mapping[str, Any]) -> set[str]:
    """Domains that a step would write, by its planned *before* and *after*; of every item of a ``for_each``."""
    found: set[str] = set()
    items = outputs.get("items")
    for one in items if isinstance(items, list) else [outputs]:
        for part in ("before", "after"):
            value = one.get(part) if isinstance(one, Mapping) else None
            if isinstance(value, Mapping):
                found |= {str(d) for d in value}
    return found


def overlap(one: Iterable[str], other: Iterable[str]) -> frozenset[str]:
    """Names that both have."""
    return frozenset(one) & frozenset(other)
