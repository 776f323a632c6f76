"""What a run left, as things stand now. Reads the index of runs, no configuration: it must always work."""

from __future__ import annotations

from bcp.engine.left import Left, left_of
from bcp.engine.store import Runs, RunView
from bcp.store.targets import mx_name


def left_now(runs: Runs, view: RunView) -> tuple[Left, ...]:
    """What this run did not move, each with the later run that took it up."""
    found = left_of(view)
    if not found:
        return ()
    cards = runs.cards(targets={mx_name(x.domain) for x in found}, moves_mx=True)
    return left_of(view, [c for c in cards if c.id != view.id and c.created >= view.state.started])
