"""Which run is meant where nobody named one: the only one that can be. Of several none is taken."""

from __future__ import annotations

from collections.abc import Callable

from bcp.contracts.store import RunCard, RunQuery
from bcp.engine.store import Runs
from bcp.kernel.clock import local_text
from bcp.kernel.errors import Invalid

NAMED = 5
Which = Callable[[Runs, RunCard], bool]


def is_open(runs: Runs, card: RunCard) -> bool:
    """It is not over."""
    return True


def asks(runs: Runs, card: RunCard) -> bool:
    """It waits for people."""
    return card.status == "waiting"


def stopped(runs: Runs, card: RunCard) -> bool:
    """It should go on, and nobody works on it."""
    return runs.status_of(card) in {"stopped", "interrupted", "in_doubt"}


def holds(runs: Runs, card: RunCard) -> bool:
    """It keeps mail at the relay, for real."""
    return card.status == "holding" and not card.drill and not card.parent


def meant(runs: Runs, text: str, which: Which, deed: str, zone: str = "") -> str:
    """The run that is named; else the only one of this kind; else the newest of all.

    Raises:
        Invalid: (``ambiguous``) several could be meant; as ``Runs.find``.
    """
    return runs.find(text or only(runs, which, deed, zone))


def only(runs: Runs, which: Which, deed: str, zone: str = "") -> str:
    """The only run of this kind that is not over; empty: there is none.

    Raises:
        Invalid: (``ambiguous``) there are several.
    """
    found = [c for c in runs.cards(RunQuery(unfinished=True)) if which(runs, c)]
    if len(found) > 1:
        rows = "; ".join(_row(runs, c, zone) for c in found[:NAMED])
        more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
        what = f"{len(found)} runs could be meant, and none is named: {rows}{more}"
        raise Invalid(what, rule="ambiguous", hint=f"Name it: bcp {deed} {found[0].id}. All of them: bcp status --all")
    return found[0].id if found else ""


def _row(runs: Runs, card: RunCard, zone: str) -> str:
    since = f" since {local_text(card.started, zone)}" if card.started else ""
    return f"{card.id} ({card.playbook}{', a drill' if card.drill else ''}, {runs.status_of(card)}{since})"
