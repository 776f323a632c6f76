"""What a run left, as things stand now. Reads the index of runs, no configuration: it must always work."""

from __future__ import annotations

from dataclasses import replace

from bcp.engine.ending import Ending
from bcp.engine.left import Left, exit_code, left_of
from bcp.engine.store import Runs, RunView
from bcp.store.targets import mx_name


def left_now(runs: Runs, view: RunView) -> tuple[Left, ...]:
    """What this run did not move, each with the later run that took it up."""
    found = left_of(view)
    if not found:
        return ()
    cards = runs.cards(targets={mx_name(x.domain) for x in found}, moves_mx=True)
    return left_of(view, [c for c in cards if c.id != view.id and c.created >= view.state.started])


def with_left(runs: Runs, run_id: str, ending: Ending) -> Ending:
    """How a run ended, with an exit code that is 0 only where every domain moved: a script that looks at nothing else
    must not believe that all mail goes to the relay."""
    return ending if ending.code else replace(ending, code=exit_code(0, left_now(runs, runs.view(run_id))))
