"""The record of a run that belongs to no exercise: what its journal proves, and nothing that people wrote. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bcp.contracts.exercise import DrillRecord, Kind, State
from bcp.drills.derive import Context, derive
from bcp.drills.fold import Exercise
from bcp.drills.measure import outcome_of
from bcp.drills.outline import KEPT, components
from bcp.drills.steps import playbook_of
from bcp.engine.state import FINAL
from bcp.engine.store import RunView


def record_of_run(
    view: RunView, children: Sequence[RunView], context: Context, kind: Kind | None = None
) -> DrillRecord:
    """A run with those that went back from it. ``kind``: of an exercise; else *incident* for a real run, *live* for one
    that was marked as a drill."""
    loaded = playbook_of(view)
    title = (loaded.book.title if loaded is not None else "") or str(view.plan["playbook"])
    said: Kind = kind or ("live" if view.plan.get("kind") == "drill" else "incident")
    over = view.state.status in FINAL
    state: State = "ended" if over else "running" if view.state.started else "planned"
    record = DrillRecord(
        view.id, said, title, state, outcome_of(view), view.state.reason if over else "",
        created=float(view.plan.get("created") or 0.0), created_by=str(view.plan.get("initiator") or ""),
        started=view.state.started, ended=view.state.ended, components=components(said), method=said, retention=KEPT,
    )  # fmt: skip
    runs = (view.id, *(c.id for c in children))
    found = derive(Exercise(record, runs=runs), [view, *children], [], context)
    return replace(found, kind=said)
