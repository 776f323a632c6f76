"""The step log and the decisions of a run, from its plan and its journal. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bcp.contracts.exercise_parts import Decision, Moment, Step
from bcp.contracts.journal import Event
from bcp.contracts.traits import Trait, has
from bcp.engine.state import StepState
from bcp.engine.store import RunView
from bcp.kernel.errors import Invalid
from bcp.kernel.hashing import canonical, digest
from bcp.kernel.secret import redact
from bcp.playbook.load import Loaded, loads

EXECUTED = frozenset({"ok", "unchanged", "failed", "in_doubt", "undone", "undo_failed"})
LATER = frozenset({"after", "hold", "always"})
"""Phases that begin when those before them are over (a hold lasts as long as it must, and is waited for by nothing)."""
USUAL_S = 5.0
"""How long a step is expected to take that forecasts nothing."""
TOLD = frozenset(
    {
        "run_started",
        "phase_started",
        "step_finished",
        "gate_opened",
        "gate_closed",
        "approved",
        "answer_refused",
        "step_retry",
        "undo_started",
        "undo_finished",
        "undo_withheld",
        "doubt_settled",
        "in_doubt",
        "stopped",
        "resumed",
        "aborting",
        "recovered",
        "run_finished",
        "acknowledged",
        "mx_reverted",
        "mx_told",
        "mx_stands",
    }
)
"""Events of a run that stand in the common timeline."""


def playbook_of(view: RunView) -> Loaded | None:
    """The playbook as the plan keeps it; ``None`` where it cannot be read any more."""
    try:
        return loads(str(view.plan["playbook_text"]))
    except (Invalid, KeyError):
        return None


def steps_of(view: RunView, approval_s: float) -> list[Step]:
    """Every step that was planned or done. ``approval_s``: how long an approval was expected to take."""
    loaded = playbook_of(view)
    expected = expected_times(view, approval_s)
    by_step: dict[str, list[Event]] = {}
    for event in view.record.events:
        by_step.setdefault(event.step, []).append(event)
    planned = {str(s["id"]): s for s in view.plan["steps"]}
    names = [*planned, *(n for n in view.state.steps if n not in planned)]
    return [
        _step(view, n, planned.get(n, {}), view.state.steps.get(n), by_step.get(n, []), loaded, expected) for n in names
    ]


def _step(
    view: RunView,
    name: str,
    planned: Mapping[str, Any],
    state: StepState | None,
    events: list[Event],
    loaded: Loaded | None,
    expected: Mapping[str, tuple[float, float]],
) -> Step:
    begin, end = expected.get(name, (0.0, 0.0))
    state = state or StepState(name, str(planned.get("phase", "")))
    uses = str(planned.get("uses", ""))
    placed = next((p for p in loaded.steps if p.id == name), None) if loaded is not None else None
    given = dict(placed.step.with_) if placed is not None else {}
    told = {"with": given, "inputs": dict(view.plan.get("inputs") or {}), "domains": list(view.plan["domains"])}
    changes = [f"{c['target']}: {c['before']} -> {c['after']}" for c in planned.get("changes", ())]
    evidence = f"{view.id}#{events[0].seq}-{events[-1].seq}" if events else ""
    return Step(
        id=name,
        run=view.id,
        phase=state.phase or str(planned.get("phase", "")),
        name=str(planned.get("name") or name),
        action=uses,
        actor=_actor(events),
        command=redact("; ".join([uses, *changes[:3]])),
        planned_start=begin,
        planned_end=end,
        started=state.started,
        ended=state.ended,
        input=redact(canonical(told)),
        output_digest=digest(dict(state.outputs)) if state.outputs else "",
        result=state.status,
        executed=state.status in EXECUTED and bool(state.started) and view.plan.get("kind") != "dry",
        attempts=state.attempts,
        summary=state.summary,
        error=state.error,
        evidence=evidence,
    )


def ending(view: RunView, step: str) -> str:
    """The event with which a step of a run ended, as evidence: ``run-...#17``; empty: it did not end."""
    ends = [e.seq for e in view.record.events if e.kind == "step_finished" and e.step == step]
    return f"{view.id}#{ends[-1]}" if ends else ""


def _actor(events: Iterable[Event]) -> str:
    """The persons of whom the journal speaks at this step, else the program."""
    people = dict.fromkeys(e.actor for e in events if e.actor and e.kind in {"approved", "doubt_settled", "answered"})
    return ", ".join(people) or ("bcp" if any(e.kind == "step_finished" for e in events) else "")


def expected_times(view: RunView, approval_s: float) -> dict[str, tuple[float, float]]:
    """When each step of a run was expected to begin and to end."""
    needs = {str(n["id"]): tuple(n["needs"]) for n in view.record.meta.get("nodes", ())}
    start = view.state.started or float(view.plan.get("created") or 0.0)
    return planned_times(view.plan["steps"], needs, start, approval_s)


def planned_times(
    steps: Iterable[Mapping[str, Any]], needs: Mapping[str, Sequence[str]], start: float, approval_s: float
) -> dict[str, tuple[float, float]]:
    """By the plan's forecasts, each after what it waits for."""
    out: dict[str, tuple[float, float]] = {}
    phases: dict[str, str] = {}
    for step in steps:
        name = str(step["id"])
        begin = max((out[n][1] for n in needs.get(name, step.get("needs", ())) if n in out), default=start)
        phases[name] = phase = str(step["phase"])
        if phase in LATER:
            begin = max([begin, *(end for n, (_, end) in out.items() if phases[n] != phase and phases[n] != "hold")])
        out[name] = (begin, begin + _lasts(step, approval_s))
    return out


def _lasts(step: Mapping[str, Any], approval_s: float) -> float:
    if has(step, Trait.GATE):
        return approval_s
    return max((float(f.get("seconds") or 0.0) for f in step.get("forecasts", ())), default=0.0) or USUAL_S


def decisions_of(view: RunView) -> list[Decision]:
    """Who decided what, and how long it took from the question. Answers that did not count are among them."""
    asked: dict[str, float] = {}
    hows: dict[tuple[str, str], str] = {}
    gate = ""
    out = []
    for event in view.record.events:
        if event.kind == "gate_opened":
            gate = event.step
            asked[gate] = float(event.data.get("opened") or event.at)
            continue
        about = event.step or gate  # an answer that names no gate is one to the gate that is open
        if event.kind == "answered":
            hows[about, event.actor] = str(event.data.get("how", ""))
        if (found := _decision(view, event, about, asked.get(about, 0.0))) is not None:
            out.append(replace(found, how=found.how or hows.get((about, found.by), "")))
    return out


def _decision(view: RunView, event: Event, step: str, asked: float) -> Decision | None:
    data, ref = event.data, f"{view.id}#{event.seq}"
    what = f"{step} of {view.plan['playbook']}" if step else str(view.plan["playbook"])
    if event.kind == "approved":
        how = str(data.get("how", ""))
        return Decision(event.at, event.actor, what, "approved", asked, how, step, view.id, ref)
    if event.kind == "answered" and not data.get("yes"):
        how = str(data.get("how", ""))
        return Decision(event.at, event.actor, what, "rejected", asked, how, step, view.id, ref)
    if event.kind == "gate_closed" and data.get("rule") == "no-answer":
        return Decision(event.at, "", what, "no-answer", asked, "", step, view.id, ref)
    if event.kind == "answer_refused":
        why = str(data.get("reason", ""))
        return Decision(event.at, event.actor, what, "refused", asked, why, step, view.id, ref)
    if event.kind == "aborting":
        why = str(data.get("reason", ""))
        return Decision(event.at, event.actor, f"abort: {why}", "aborted", 0.0, "", "", view.id, ref)
    return None


def moments_of(views: Collection[RunView]) -> Iterator[Moment]:
    """The runs' part of the common timeline, not sorted."""
    for view in views:
        for event in view.record.events:
            if event.kind in TOLD:
                yield Moment(event.at, event.kind, _text(event), event.actor, event.step, view.id)


def _text(event: Event) -> str:
    data = event.data
    if event.kind == "step_finished":
        said = data.get("error") or data.get("summary") or ""
        return f"{data.get('status', '')}: {said}" if said else str(data.get("status", ""))
    keys = ("summary", "error", "reason", "result", "phase", "status", "detail")
    return next((str(data[k]) for k in keys if data.get(k)), "")
