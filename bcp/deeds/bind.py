"""What deeds add to the services of a plan or run:
who had a hand in its start, and which approvers share a way to answer."""

from __future__ import annotations

from collections.abc import Collection

from bcp.contracts.services import Services
from bcp.engine.approvals import DryApprovals, JournalApprovals
from bcp.wiring import App


def bind(app: App, services: Services, starters: Collection[str] = ()) -> Services:
    """Tell the approvals of these services about starters and shared ways. Returns the same services."""
    approvals = services.approvals
    if isinstance(approvals, (JournalApprovals, DryApprovals)):
        approvals.ways = app.people.ways
    if isinstance(approvals, JournalApprovals):
        approvals.also_initiators = frozenset(starters) - {""}
    return services
