"""The account of mail in a report: what the relays took while MX was there, and what became of each recipient. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from bcp.contracts.traits import Trait, has
from bcp.engine.store import RunView
from bcp.relay.sums import Account

BEFORE_S = 3600.0
"""A standing relay takes mail before anybody moved MX."""
AFTER_S = 48 * 3600.0
"""Late senders use the old MX for so long."""
CLASS_F = "What bounced at Exchange before the switch is not known here: ask its message trace."


class Accounts(Protocol):
    """Asks the ledger of relays."""

    def __call__(self, since: float, until: float, back: float) -> Account | None:
        """For this stretch of time (epoch seconds; ``back``: when MX was switched back, 0 if it was not)."""


def mail_account(
    view: RunView, children: Sequence[RunView], accounts: Accounts, without: Sequence[str]
) -> dict[str, Any] | None:
    """The account of a run and of those that went back from it; ``None`` where no relay has an agent, or the run moved
    no MX. ``without``: relays that have no agent."""
    if not any(has(s, Trait.MOVES_MX) for s in view.plan["steps"]):
        return None
    back = _back(children)
    until = back + AFTER_S if back else 0.0
    found = accounts(max(0.0, view.state.started - BEFORE_S), until, back)
    if found is None:
        return None
    missing = [f"{name} has no agent: what it took is not in here" for name in without]
    data = found.to_data()
    return {**data, "warnings": [*data["warnings"], *missing], "before_the_switch": CLASS_F}


def _back(children: Sequence[RunView]) -> float:
    """When MX was back: the end of the first step of a way back that moved it."""
    ends = [
        s.ended
        for child in children
        for s in child.state.steps.values()
        if s.status == "ok" and s.ended and any(p["id"] == s.id and has(p, Trait.MOVES_MX) for p in child.plan["steps"])
    ]
    return min(ends, default=0.0)
