"""Go back: which run to come back from, and how the run that holds learns of it."""

from __future__ import annotations

from collections.abc import Mapping

from bcp.deeds.plan import PlanRequest, make
from bcp.deeds.recorded import recorded_mx
from bcp.deeds.run import resume
from bcp.deeds.who import Ground, Who
from bcp.engine.ending import Ending
from bcp.engine.events import Listener, nobody
from bcp.engine.left import kept_domains
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.kernel.errors import Missing, Refused
from bcp.plan.model import Plan
from bcp.playbook.load import loads
from bcp.wiring import App


def failback_source(app: App, text: str) -> RunView:
    """The run to go back from: the one named, else the newest that holds, else one that is under way and has moved MX
    (starting says that it is too early), else the newest that is over and moved it."""
    if text:
        return app.running.runs.view(app.running.runs.find(text))
    runs = app.running.runs
    for card in runs.cards(status={"holding"}, parent="", newest=1):
        return runs.view(card.id)
    for card in runs.cards(unfinished=True, parent="", moves_mx=True):
        if card.moved_at:
            return runs.view(card.id)
    for card in runs.cards(status={"stopped", "done"}, parent="", moves_mx=True):
        view = runs.view(card.id)
        if recorded_mx(view):
            return view
    hint = "No run here has a switch to be taken back. All runs: bcp status --all. One of them: bcp failback RUN."
    raise Missing("there is no run to go back from", rule="no-run-to-go-back", hint=hint)


async def plan_back(
    ground: Ground, who: Who, run: str = "", overrides: Mapping[str, str] | None = None
) -> tuple[RunView, Plan]:
    """The plan of the way back of a run (of ``failback_source`` when none is named). Runs nothing.

    Raises:
        Refused: (``no-recovery``) its playbook has no way back; ``not-allowed``.
        Missing: there is no such run.
    """
    view = failback_source(ground.app, run)
    recovery = loads(view.plan["playbook_text"]).book.recovery
    if recovery is None:
        what = f"{view.plan['playbook']} has no way back, and a run keeps the playbook that it began with"
        undo = f"Undo what it did: bcp abort {view.id}."
        hint = f"{undo} For the next run: add recovery: {{playbook: ...}} to the playbook."
        raise Refused(what, rule="no-recovery", hint=hint)
    wanted = PlanRequest(recovery.playbook, domains=kept_domains(view), overrides=overrides or {}, parent=view.id)
    return view, await make(ground, who, wanted)


async def end_parent(app: App, parent: str, child: str, actor: str, *, listener: Listener = nobody) -> Ending | None:
    """After a failback: tell the run that holds; when nobody works on it, finish it here."""
    view = app.running.runs.view(parent, effects=False)
    if view.state.status in FINAL:
        return None
    app.running.runs.tell(parent, "recovered", actor, run=child)
    if view.live:
        return None
    return await resume(app, parent, listener=listener)
