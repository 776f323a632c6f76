"""A dry drill: the organisation's own configuration, every read for real, nothing written outside of the drill book.

The outage alone is played, so that it can be tried while all is well: the run is told what a look would say then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bcp.deeds import plan as planning
from bcp.deeds import run as running
from bcp.drills.steps import planned_times
from bcp.engine.events import Listener, Progress, nobody
from bcp.kernel.errors import Invalid
from bcp.kernel.hashing import canonical
from bcp.plan.model import Plan, said_by
from bcp.playbook.load import loads
from bcp.rehearse.conduct import Conductor, inputs_for
from bcp.rehearse.played import PlayedLooker
from bcp.wiring import make_app


@dataclass
class _Times:
    """When each step began and ended, as the runner tells it."""

    then: Listener
    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    def __call__(self, progress: Progress) -> None:
        if progress.step and progress.kind in {"step_started", "step_finished"}:
            times = self.began if progress.kind == "step_started" else self.ended
            times.setdefault(progress.step, progress.at)
            self.began.setdefault(progress.step, progress.at)
        self.then(progress)


async def play_dry(conductor: Conductor, *, listener: Listener = nobody) -> Plan:
    """Plan the playbook and try it; each step becomes a line of the record that says ``would_run``, never ``ok``.

    Raises:
        Invalid: ``no-playbook``; lint errors.
        Refused: nothing could be planned.
    """
    found = conductor.exercise()
    if not found.play.playbook:
        raise Invalid("a dry drill needs a playbook", rule="no-playbook", hint="bcp drill new dry --playbook NAME")
    outer = conductor.app
    loaded = outer.playbooks.load(found.play.playbook)
    letter = found.record.scenario.outage_class or next(iter(loaded.book.covers), "B")
    looker = PlayedLooker(letter, outer.clock.now)
    looker.break_()
    app = make_app(outer.configuration, outer.clock, seen=looker.decision, looker=lambda: looker)
    request = planning.request_for(
        app,
        loaded,
        inputs=inputs_for(loaded, found.play),
        kind="drill",
        initiator=conductor.actor,
        domains=found.play.domains,
    )
    plan = await planning.make_plan(app, request)
    times, began = _Times(listener), outer.clock.now()
    expected = planned_times(plan.to_data()["steps"], {}, began, outer.settings.plan.approval)
    ending, rows = await running.dry_run(app, plan, listener=times)
    refusals = [said_by(step, refusal) for step, refusal in plan.refusals()]
    conductor.measured(
        "dry_run", playbook=plan.playbook, plan=plan.id, checksum=plan.checksum, status=ending.status,
        reason=ending.reason, refusals=refusals, steps=_lines(plan, rows, times, expected), text=plan.playbook_text,
    )  # fmt: skip
    if refusals or ending.code:
        conductor.outcome = "failed"
        conductor.reason = refusals[0] if refusals else ending.reason or ending.status
    return plan


def _lines(
    plan: Plan, rows: list[dict[str, Any]], times: _Times, expected: Mapping[str, tuple[float, float]]
) -> list[dict[str, Any]]:
    """The step log as plain data of ``contracts.exercise_parts.Step``."""
    loaded = loads(plan.playbook_text)
    given = {p.id: p.step.with_ for p in loaded.steps}
    planned = {s.id: s for s in plan.steps}
    out = []
    for row in rows:
        step = planned.get(str(row["id"]))
        changes = [f"{c.target}: {c.before} -> {c.after}" for c in step.changes[:3]] if step is not None else []
        uses = step.uses if step is not None else ""
        begin, end = expected.get(str(row["id"]), (0.0, 0.0))
        out.append(
            {
                "id": row["id"],
                "run": "",
                "phase": row["phase"],
                "name": step.name if step is not None else row["id"],
                "action": uses,
                "actor": "bcp",
                "command": "; ".join([uses, *changes]),
                "planned_start": begin,
                "planned_end": end,
                "started": times.began.get(str(row["id"]), 0.0),
                "ended": times.ended.get(str(row["id"]), 0.0),
                "input": canonical({"with": given.get(str(row["id"]), {}), "inputs": dict(plan.inputs)}),
                "output_digest": row.get("output_digest", ""),
                "result": row["status"],
                "executed": False,
                "summary": row["summary"],
                "error": row["error"],
            }
        )
    return out
