"""What an action means to the rest of the product. Each name is an attribute of ``Action`` (``moves_mx = True``).

Lint, watch, console, store and engine ask for a trait, never for the name of an action: an action of a package from
outside is treated like one of ours. A plan writes down the traits of each step, so that whoever reads a run later needs
no plug-in for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Trait(StrEnum):
    """One thing that an action may be to others."""

    MOVES_MX = "moves_mx"
    """It changes where mail goes."""
    DRAINS = "drains"
    """It empties the relay's queue."""
    GATE = "gate"
    """It waits for people to say yes (``from``, ``min``)."""
    LOOKS = "looks"
    """It looks at the service; its outputs hold ``state`` as ``verdict`` gives it."""
    TELLS = "tells"
    """It sends a message (``template``) to people (``audience``) by ``channels``."""
    SPEAKS = "speaks"
    """It says a message (``template``) in public or to people."""
    TRIES = "tries"
    """It writes only in order to check: it may be repeated until it is right (``within``)."""


BEFORE: Mapping[str, frozenset[Trait]] = {
    "dns.mx.switch": frozenset({Trait.MOVES_MX}),
    "relay.drain": frozenset({Trait.DRAINS}),
    "verdict": frozenset({Trait.LOOKS}),
    "notify": frozenset({Trait.TELLS, Trait.SPEAKS}),
    "approval": frozenset({Trait.GATE}),
}
"""Of the actions that there were when plans did not write traits down: for runs and plan files of that time alone."""


def traits_of(action: Any) -> tuple[Trait, ...]:
    """The traits of an action, sorted."""
    return tuple(sorted(t for t in Trait if getattr(action, t.value, False)))


def has(step: Mapping[str, Any], trait: Trait) -> bool:
    """Has this step of a plan (as plain data) the trait?"""
    given = step.get("traits")
    return trait in (given if isinstance(given, (list, tuple)) else BEFORE.get(str(step.get("uses")), ()))
