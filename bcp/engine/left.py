"""What a run did not move although it was asked to, why, and the one command that tries those again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bcp.contracts.store import RunCard
from bcp.engine.store import RunView
from bcp.store.targets import NOT_MOVED, mx_name, not_moved

MOVED = frozenset({"applied", "already"})
"""Ends of a swap after which the new MX stands."""


@dataclass(frozen=True, slots=True)
class Left:
    """One domain that a switch did not move."""

    domain: str
    state: str
    """``conflict`` (somebody else changed it), ``refused`` or ``unknown`` (nobody knows what stands there)."""
    why: str
    step: str
    since: str = ""
    """The later run that took it up; empty: none did."""

    @property
    def known(self) -> bool:
        """Does it surely have what it had? Then another run may try it; else this run keeps it."""
        return self.state in NOT_MOVED


def left_of(view: RunView, later: Iterable[RunCard] = ()) -> tuple[Left, ...]:
    """Domains that a run left where they were, as its steps recorded it; in the order of the plan's domains.

    ``later``: runs that may have taken some of them up since.
    """
    taken = {name: c.id for c in later if c.id != view.id and (c.moved_at or not c.over) for name in c.targets}
    found: dict[str, Left] = {}
    steps = getattr(getattr(view, "state", None), "steps", {})  # a view that cannot be read, or is looked at in part
    for step in steps.values():
        if not getattr(step, "outputs", None) or step.status not in {"ok", "unchanged"}:
            continue  # it failed as a whole, or was undone
        sure = not_moved(step.outputs)
        for domain in _moved(step.outputs):
            found.pop(domain, None)  # another switch of this run has moved it
        for domain, end in _ends(step.outputs).items():
            state = str(end.get("state", "")) if domain in sure else "unknown"
            found[domain] = Left(domain, state, str(end.get("why", "")), step.id, taken.get(mx_name(domain), ""))
    order = {str(d): i for i, d in enumerate(view.plan.get("domains") or ())}
    return tuple(sorted(found.values(), key=lambda x: (order.get(x.domain, len(order)), x.domain)))


def _ends(outputs: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """``left`` of a step that moves MX: by domain how it ended and why. Other steps may call a number so."""
    items = outputs.get("items")
    out: dict[str, Mapping[str, Any]] = {}
    for one in items if isinstance(items, list) else [outputs]:
        left = one.get("left") if isinstance(one, Mapping) else None
        if isinstance(left, Mapping):
            out.update({str(d): e for d, e in left.items() if isinstance(e, Mapping)})
    return out


def _moved(outputs: Mapping[str, Any]) -> set[str]:
    """Domains that this step moved, or found moved."""
    items = outputs.get("items")
    parts = [one.get("states") for one in (items if isinstance(items, list) else [outputs]) if isinstance(one, Mapping)]
    states = [part for part in parts if isinstance(part, Mapping)]
    return {str(d) for part in states for d, state in part.items() if state in MOVED}


def to_try(left: Iterable[Left]) -> tuple[str, ...]:
    """Domains that may be tried again by another run, and that none has taken up."""
    return tuple(x.domain for x in left if x.known and not x.since)


def command(view: RunView, left: Iterable[Left]) -> str:
    """The one command that tries them again; empty: there is nothing to try."""
    return f"bcp run --rest-of {view.id}" if to_try(left) else ""


def kept_domains(view: RunView) -> tuple[str, ...]:
    """What there is to go back with: domains of a run's plan that it moved, or may have moved."""
    gone = {x.domain for x in left_of(view) if x.known}
    return tuple(d for d in map(str, view.plan["domains"]) if d not in gone)


def exit_code(code: int, left: Iterable[Left]) -> int:
    """The exit code of a process whose run did what it could: 0 only where nothing is left for a person to do.

    4: nobody knows of a domain where its mail goes. 1: a domain surely did not move, and no later run took it up.
    """
    rows = list(left)
    if code or all(x.known and x.since for x in rows):
        return code
    return 1 if all(x.known for x in rows) else 4


def headline(left: Iterable[Left], total: int) -> str:
    """One line: how many of how many were not moved, and how many of those nobody knows of."""
    rows = list(left)
    unknown = sum(1 for x in rows if not x.known)
    text = f"NOT moved: {len(rows) - unknown} of {total} domains" if len(rows) > unknown else ""
    doubt = f"NOT KNOWN where mail goes: {unknown} of {total} domains" if unknown else ""
    return "; ".join(filter(None, (text, doubt)))


def groups(left: Iterable[Left]) -> list[tuple[str, list[Left]]]:
    """Domains that were left for the same reason, together: a host that was away has one reason for hundreds."""
    out: dict[str, list[Left]] = {}
    for x in left:
        out.setdefault(x.why.removeprefix(f"{x.domain}: ") or x.state, []).append(x)
    return list(out.items())


def lines(left: Iterable[Left], most: int = 5) -> list[str]:
    """Which, and why; each reason once."""
    found, out = groups(left), []
    for why, rows in found[:most]:
        names = ", ".join(x.domain for x in rows[:3]) + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")
        since = sorted({x.since for x in rows if x.since})
        out.append(f"{names}: {rows[0].state}: {why}" + (f" (taken up by {', '.join(since)})" if since else ""))
    if len(found) > most:
        out.append(f"and {sum(len(r) for _, r in found[most:])} more for {len(found) - most} other reasons")
    return out


def unknown_hint(view: RunView, left: Iterable[Left]) -> str:
    """What to do about those of which nobody knows; empty: there are none."""
    rows = [x for x in left if not x.known]
    if not rows:
        return ""
    which = rows[0].domain if len(rows) == 1 else rows[0].step
    settle = f"bcp settle {view.id} {which} --happened (or --not-happened: then --rest-of takes it)"
    return (
        f"Read the MX of {', '.join(x.domain for x in rows[:3])} at the DNS host, and say what you found, of a domain "
        f"or of all: {settle}. Until then this run keeps them, and bcp failback {view.id} puts them back"
    )
