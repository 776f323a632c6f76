"""Which runs answered which outage, where one record has several. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.exercise_parts import Failback
from bcp.engine.store import RunView
from bcp.reports.achieved import onset_of_run


def began(view: RunView) -> float:
    """When a run was begun, or planned."""
    return view.state.started or float(view.plan.get("created") or 0.0)


def outages(views: Sequence[RunView], failback: Sequence[Failback]) -> list[list[RunView]]:
    """The runs away from Exchange by what they answer: an outage that began when mail was back is another one. At least
    one list, which may be empty."""
    out: list[list[RunView]] = [[]]
    back = {f.run: f.mx_back for f in failback}
    for view in sorted((v for v in views if not v.record.meta.get("parent")), key=began):
        before = {v.id for v in out[-1]}
        ends = [t for v in views if v.record.meta.get("parent") in before and (t := back.get(v.id))]
        if ends and onset_of_run(view).at >= max(ends):
            out.append([])
        out[-1].append(view)
    return out
