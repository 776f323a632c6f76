"""Go back: which run to come back from, and how the run that holds learns of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.contracts.dns import MxSet
from bcp.deeds.run import resume
from bcp.engine.events import Listener, nobody
from bcp.engine.runner import Ending
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.kernel.errors import Invalid
from bcp.wiring import App


def recorded_mx(view: RunView) -> dict[str, Any]:
    """The MX each domain had before a run, from what its switch steps recorded."""
    out: dict[str, Any] = {}
    for step in view.state.steps.values():
        for one in step.outputs.get("items", [step.outputs]):
            before = one.get("before") if isinstance(one, Mapping) else None
            if isinstance(before, Mapping):
                for domain, mx in before.items():
                    if isinstance(mx, Mapping) and "hosts" in mx:
                        MxSet.from_data(mx)
                        out.setdefault(domain, mx)
    return out


def failback_source(app: App, text: str) -> RunView:
    """The run to go back from: the one named, else the newest that holds, else the newest that moved MX."""
    if text:
        return app.runs.view(app.runs.find(text))
    views = [v for i in reversed(app.runs.ids()) if not (v := app.runs.view(i)).record.meta.get("parent")]
    holding = next((v for v in views if v.state.status == "holding"), None)
    moved = next((v for v in views if recorded_mx(v) and v.state.status in {"stopped", "done"}), None)
    if holding or moved:
        return holding or moved  # type: ignore[return-value]
    raise Invalid("there is no run to go back from", hint="Name one: bcp failback RUN")


async def end_parent(app: App, parent: str, child: str, actor: str, *, listener: Listener = nobody) -> Ending | None:
    """After a failback: tell the run that holds; when nobody works on it, finish it here."""
    view = app.runs.view(parent, effects=False)
    if view.state.status in FINAL:
        return None
    app.runs.tell(parent, "recovered", actor, run=child)
    if view.live:
        return None
    return await resume(app, parent, listener=listener)
