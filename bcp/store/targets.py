"""Which targets a plan writes to: a set of names, whatever the playbook's ``concurrency`` says. Pure.

``mx:example.org``   the MX of a domain: every domain of a plan that moves MX, whoever else is named beside it
``comms:...``        any other text of ``concurrency: {group: ...}``; runs with the same text exclude one another
``playbook:NAME``    plans that move no MX and name no group

A group ``mx:a.test,b.test`` is read as the two names ``mx:a.test`` and ``mx:b.test``.

A run gives a domain up when its switch has ended without moving it: another run may have it from then on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bcp.contracts.traits import Trait, has

MX = "mx:"
NOT_MOVED = frozenset({"conflict", "refused"})
"""Ends of a swap after which a domain surely has what it had. One that is in doubt is not among them."""


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
    for one in _items(outputs):
        for part in ("before", "after"):
            found |= {str(d) for d in _part(one, part)}
    return found


def _items(outputs: Mapping[str, Any]) -> list[Any]:
    items = outputs.get("items")
    return items if isinstance(items, list) else [outputs]


def _part(one: Any, name: str) -> Mapping[str, Any]:
    """A part of an item that maps domains to something; empty where there is none."""
    value = one.get(name) if isinstance(one, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def overlap(one: Iterable[str], other: Iterable[str]) -> frozenset[str]:
    """Names that both have."""
    return frozenset(one) & frozenset(other)


def not_moved(outputs: Mapping[str, Any]) -> frozenset[str]:
    """Domains that a switch which is over surely did not move, by its outputs (``left``); of every item of a
    ``for_each``, unless another item moved them or may have."""
    ends: dict[str, set[bool]] = {}
    for one in _items(outputs):
        for domain, end in _part(one, "left").items():
            ends.setdefault(str(domain), set()).add(isinstance(end, Mapping) and end.get("state") in NOT_MOVED)
        for domain, state in _part(one, "states").items():
            ends.setdefault(str(domain), set()).add(state in NOT_MOVED)
    return frozenset(d for d, sure in ends.items() if sure == {True})


def said_of(outputs: Mapping[str, Any], found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Outputs of a switch that is over, after a person found out what became of a domain of which nobody knew.
    ``found``: the ``domain``, its ``state`` (``applied``, or ``refused``: it has what it had) and ``why``. What is
    certain already stays, and what names no domain changes nothing."""
    if "domain" not in found:
        return outputs
    items = outputs.get("items")
    if isinstance(items, list):
        return {**outputs, "items": [_with(i, found) if isinstance(i, Mapping) else i for i in items]}
    return _with(outputs, found)


def _with(one: Mapping[str, Any], found: Mapping[str, Any]) -> Mapping[str, Any]:
    domain, state, left = str(found["domain"]), str(found.get("state", "")), dict(_part(one, "left"))
    end = left.get(domain)
    if not isinstance(end, Mapping) or end.get("state") in NOT_MOVED:
        return one
    del left[domain]
    if state in NOT_MOVED:
        left[domain] = {"state": state, "why": str(found.get("why", ""))}
    return {**one, "left": left, "states": {**_part(one, "states"), domain: state}}


def given_up(
    steps: Iterable[Mapping[str, Any]], ended: Mapping[str, Mapping[str, Any]], skipped: Collection[str]
) -> frozenset[str]:
    """Domains that this run has not moved and will not move: every switch that would write them is over without having
    done so.

    ``steps``: the plan's steps that move MX. ``ended``: outputs of those that came to a good end. ``skipped``: those
    that are not done at all. Of any other step nobody knows yet.
    """
    free, kept = set[str](), set[str]()
    for step in steps:
        name, domains = str(step.get("id")), _domains_in(step.get("outputs") or {})
        if name in skipped:
            continue
        if name not in ended:
            if not domains:
                return frozenset()  # it is not known yet what it would write
            kept |= domains
            continue
        mine = not_moved(ended[name])
        free |= mine
        kept |= domains - mine
    return frozenset(free - kept)


def names_given_up(targets: Iterable[str], domains: Collection[str], kept: Iterable[str]) -> frozenset[str]:
    """Names among the targets that go with these domains. A group's name that is written like that of a domain, and
    is none of those that the run keeps, goes too: it would keep everybody from what was given up."""
    gone, ours = {mx_name(d) for d in domains}, {mx_name(d) for d in kept}
    if not gone:
        return frozenset()
    return frozenset(t for t in targets if t in gone or (t.startswith(MX) and t not in ours))
