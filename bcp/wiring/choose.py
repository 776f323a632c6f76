"""Which playbook an outage calls for. Pure, so that it can be shown in peacetime for every class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bcp.detect.verdict import SWITCHES, Decision


@dataclass(frozen=True, slots=True)
class Candidate:
    """What counts about a playbook when one is chosen."""

    covers: frozenset[str]
    """Outage classes that it is for."""
    moves_mx: bool
    recovery: str = ""
    """The playbook that goes back from it; empty: none."""


Candidates = Mapping[str, Candidate]
"""Playbooks by name."""


def for_class(letter: str, *, moves_mx: bool, candidates: Candidates, wanted: Mapping[str, str] | None = None) -> str:
    """The playbook for one outage class; empty: none fits.

    ``wanted`` names the operator's own choice by class; it wins where it exists, covers the class, and moves MX only
    where that is called for. Among the others the most special one is taken (fewest classes), then by name.
    """
    fitting = [n for n, c in candidates.items() if letter in c.covers and c.moves_mx == moves_mx]
    mine = (wanted or {}).get(letter, "")
    if mine in fitting:
        return mine
    return min(fitting, key=lambda n: (len(candidates[n].covers), n), default="")


def recommended(decision: Decision, candidates: Candidates, wanted: Mapping[str, str] | None = None) -> str:
    """The playbook for a verdict, or empty. Where MX is not to be moved, none that moves it is named."""
    if decision.action == "failback":
        return way_back(decision.classes, candidates, wanted)
    moves = decision.action in {"switch", "wait"} or (decision.action == "ask" and decision.moves)
    moves = moves and any(c.moves_mx for c in candidates.values())  # else there is only talking
    for letter in _concerned(decision):
        moves_mx = moves and letter in SWITCHES
        found = for_class(letter, moves_mx=moves_mx, candidates=candidates, wanted=wanted)
        if found and not (letter == "E" and _name_fails(decision) and _of_access(candidates[found])):
            return found
    return ""


def _of_access(book: Candidate) -> bool:
    """Is it for mailboxes, sign-in and the web? It tells people that mail is safe."""
    return not book.moves_mx and bool(book.covers & set("AD")) and not book.covers & set("BF")


def _name_fails(decision: Decision) -> bool:
    return any(v.name == "dns" and v.status in {"down", "partial", "suspect"} for v in decision.views)


def _concerned(decision: Decision) -> tuple[str, ...]:
    """The classes that the playbook is for: of the domains that it moves, before those of others. What is refused for
    good in another domain that stays where it is calls for no playbook in this one."""
    named = set(decision.domains) if decision.action == "switch" else set()
    theirs = {letter for c in decision.cases if c.domain in named for letter in c.classes}
    return tuple(sorted(decision.classes, key=lambda letter: letter not in theirs))


def way_back(classes: tuple[str, ...], candidates: Candidates, wanted: Mapping[str, str] | None = None) -> str:
    """The ``recovery:`` of the playbook that moves MX for these classes; without one, of any that moves MX; else
    empty."""
    names = [for_class(c, moves_mx=True, candidates=candidates, wanted=wanted) for c in classes]
    names += sorted(n for n, c in candidates.items() if c.moves_mx and c.covers)
    return next((candidates[n].recovery for n in names if n and candidates[n].recovery in candidates), "")


def chosen(candidates: Candidates, wanted: Mapping[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """For each class A to H: the playbook when MX is moved, and the one when it is not; empty where none fits."""
    return {
        c: (
            for_class(c, moves_mx=True, candidates=candidates, wanted=wanted) if c in SWITCHES else "",
            for_class(c, moves_mx=False, candidates=candidates, wanted=wanted),
        )
        for c in "ABCDEFGH"
    }
