"""What our runs leave standing in the world, folded from the index of runs. Pure.

The same fold serves a daemon that has just started, a command in another process, and the daemon whose runs have just
said something: nothing is remembered that the index does not know, and no run is too old to be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bcp.contracts.store import RunCard

WORKS = frozenset({"new", "running", "waiting", "undoing"})
"""States of a run that something will still come of."""
STUCK = frozenset({"interrupted", "stopped", "in_doubt"})
"""States, as people are told them, of a run that waits for somebody to go on with it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """``what`` is one of ``bcp.detect.course.STANDING``; ``since`` when the first switch that stands was verified
    (epoch s)."""

    what: str = "none"
    since: float = 0.0
    runs: tuple[str, ...] = ()
    """The runs that it rests on, the newest first."""


def standing(cards: Iterable[RunCard]) -> Standing:
    """What stands now, of all runs that are not over. Drills leave nothing.

    Of several runs on different domains the one that is furthest on the way names it: draining, failback, active,
    decided.
    A run whose switch is in doubt counts as one that works: MX may have moved, and a person finds out.
    """
    by: dict[str, list[RunCard]] = {}
    for card in cards:
        if what := _what(card):
            by.setdefault(what, []).append(card)
    stands = [c.moved_at for c in by.get("active", ())]
    for what in ("draining", "failback", "active", "decided"):
        if found := by.get(what):
            return Standing(what, min(stands, default=0.0), tuple(c.id for c in found))
    return Standing()


def stuck(cards: Iterable[RunCard], status_of: Callable[[RunCard], str]) -> str:
    """The newest run that is not over, and that nobody works on; empty: none. One that the world rests on comes before
    one that was stopped before it moved anything, which holds its target all the same; while another run works,
    what that one is for is not gone on with.

    ``status_of``: its state for people (``interrupted`` when it should be working and nobody is).
    """
    every = list(cards)
    stands = standing(every)
    by = {c.id: c for c in every}
    waits = [by[r] for r in stands.runs]
    if stands.what in {"none", "active"}:
        waits += [c for c in every if c.moves_mx and not c.over and not c.drill]
    return next((c.id for c in waits if status_of(c) in STUCK), "")


def _what(card: RunCard) -> str:
    """What one run does or leaves."""
    if card.over or card.drill or not card.moves_mx:
        return ""
    if card.parent:
        if card.status not in WORKS and not card.doubtful:
            return ""
        return "draining" if card.draining else "failback"
    if card.stands:
        return "active"
    return "decided" if card.status in WORKS or card.doubtful else ""


def event_between(before: str, now: str) -> str:
    """The event of ``bcp.detect.course`` that leads from one standing to the other; empty: none."""
    if before == now:
        return ""
    if now == "none":
        return {"decided": "failed", "active": "undone"}.get(before, "back")
    if now == "active":
        return "failed" if before in {"failback", "draining"} else "switched"
    return now
