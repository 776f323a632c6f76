"""May a person have a run gone on with? The work itself is ``bcp.deeds.run.resume``."""

from __future__ import annotations

from bcp.deeds.who import RUN, Ground, Who
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.kernel.errors import Refused


def may_resume(ground: Ground, who: Who, run: str) -> RunView:
    """The run.

    Raises:
        Refused: ``not-allowed``; ``run-over``; ``run-live`` (a process works on it already).
        Missing: there is no such run.
    """
    who.must(RUN)
    runs = ground.app.running.runs
    view = runs.view(runs.find(run), effects=False)
    if view.state.status in FINAL:
        raise Refused(f"run {view.id} is over ({view.state.status})", rule="run-over", hint="Start a new one.")
    if view.live:
        raise Refused(f"a process is working on {view.id}", rule="run-live", hint=f"bcp status {view.id}")
    return view
