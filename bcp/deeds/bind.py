"""What deeds add to the services of a plan or run: who had a hand in its start, and which approvers share a way to answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from bcp.contracts.contact import Contact
from bcp.contracts.services import Services
from bcp.engine.approvals import DryApprovals, JournalApprovals
from bcp.wiring import App

NOBODY = frozenset({"", "bcp-serve", "conductor"})
"""Starters that are no persons: the daemon and a drill's conductor."""


def ways_of(person: Callable[[str], Contact | None]) -> Callable[[Collection[str]], Mapping[str, Collection[str]]]:
    """Of people the numbers and addresses by which they can answer; who shares one counts as one person at a gate."""

    def ways(people: Collection[str]) -> Mapping[str, Collection[str]]:
        found = {p: person(p) for p in people}
        return {
            p: {w.casefold() for w in (c.phone, c.slack, c.email) if w} if c is not None else set()
            for p, c in found.items()
        }

    return ways


def bind(app: App, services: Services, starters: Collection[str] = ()) -> Services:
    """Tell the approvals of these services about starters and shared ways. Returns the same services."""
    approvals = services.approvals
    if isinstance(approvals, (JournalApprovals, DryApprovals)):
        approvals.ways = ways_of(app.people.directory.person)
    if isinstance(approvals, JournalApprovals):
        approvals.also_initiators = frozenset(starters) - {""}
    return services
