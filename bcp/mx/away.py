"""Hosts that cannot be asked while others can: their domains are left out, told by name, and hold up nobody. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bcp.contracts.dns import Reading, Swap, SwapState, Trouble

NOT_PLANNED = "not-planned"
"""Code of a domain whose host could not be asked when the plan was made: nothing is sent for it."""


def out_of_reach(readings: Iterable[Reading], hosts: Mapping[str, str]) -> dict[str, list[Reading]]:
    """By host: readings at hosts where nothing at all could be read, for the host's own reason (silent, not reachable,
    our credential refused), while another host could be read. ``hosts``: by domain.

    Where no host can be read there is nothing to go on with, and nobody is left out.
    """
    groups: defaultdict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        groups[hosts[reading.domain]].append(reading)
    away = {n: found for n, found in groups.items() if all(_of_the_host(r) for r in found)}
    return away if any(not r.problem for n, found in groups.items() if n not in away for r in found) else {}


def _of_the_host(reading: Reading) -> bool:
    return bool(reading.problem) and (reading.trouble.passing or reading.trouble is Trouble.NOT_ALLOWED)


def without(away: Mapping[str, Sequence[Reading]]) -> list[str]:
    """One sentence a host: which domains are left out, why, and what next."""
    out = []
    for name, found in away.items():
        out.append(f"{name} is LEFT OUT ({_names(found)}): {found[0].problem}; plan again for these when it answers")
    return out


def unread(readings: Iterable[Reading]) -> str:
    """Which domains could not be read and why: each reason once, however many domains it has."""
    reasons: defaultdict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.problem:
            reasons[reading.problem].append(reading)
    said = [f"not known ({_names(found)}): {problem}" for problem, found in list(reasons.items())[:3]]
    return "; ".join(said + ([f"and {len(reasons) - 3} more reasons"] if len(reasons) > 3 else []))


def _names(found: Sequence[Reading]) -> str:
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(r.domain for r in found[:3]) + more


def not_planned(domains: Iterable[str], planned: Mapping[str, object]) -> list[Swap]:
    """How orders end that no plan has: nothing was sent, and somebody must plan for them."""
    why = "its DNS host could not be asked when the plan was made; nothing was sent"
    hint = "Plan again for what is left."
    return [Swap(d, SwapState.REFUSED, None, why, hint, NOT_PLANNED) for d in domains if d not in planned]
