"""How a run stands, for people and machines. No Typer, no plug-in, no vendor: it must be quick and always work."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bcp.cli import render
from bcp.cli.common import basics, runs, state_folder
from bcp.cli.drain_view import drains_of
from bcp.cli.left import back_text, left_data, left_text
from bcp.engine.gate import CLOCK_TOLERANCE_S
from bcp.incident.standing import stuck
from bcp.kernel.clock import iso
from bcp.kernel.errors import Missing
from bcp.kernel.text import one_or_many, plural
from bcp.kernel.units import format_duration

if TYPE_CHECKING:
    from pathlib import Path

    from bcp.contracts.store import RunCard
    from bcp.engine.state import RunState, StepState
    from bcp.engine.store import Runs, RunView
    from bcp.pages.front import Situation


def show(run: str = "last", *, everything: bool = False, timeline: bool = False) -> None:
    """Print how a run stands, or a line for every run."""
    found = runs()
    if everything:
        cards = list(reversed(found.cards()))
        rows = [[c.id, c.playbook, render.status_word(s), _reason(c, s)] for c in cards if (s := found.status_of(c))]
        render.emit(
            "bcp.runs/1",
            {
                "runs": [
                    {"run": c.id, "playbook": c.playbook, "status": found.status_of(c), "started": iso(c.started)}
                    for c in cards
                ]
            },
            render.table(rows) or "No runs yet.",
        )
        _warn_of_lost(found)
        return
    if run in {"", "last"}:
        _whole(found, timeline=timeline)
        return
    view = found.view(found.find(run))
    _warn_of_lost(found)
    data = {**status_data(view), **left_data(found, view), "disk": _warn_of_disk(state_folder())}
    if timeline:
        data["timeline"] = timeline_data(view)
    render.emit("bcp.status/1", data, _first(found, view) + status_text(view, found.clock.now(), timeline))


def _first(found: Runs, view: RunView) -> str:
    """What a run did not move, and what somebody put back, stands before all else."""
    return "".join(f"{text}\n\n" for text in (back_text(view), left_text(found, view)) if text)


def _whole(found: Runs, *, timeline: bool) -> None:
    """How things stand as a whole, then the newest run."""
    from bcp.cli import situation as now

    (state, service, zone), clock = basics(), found.clock.now()
    lines, drains = drains_of(state, clock)
    cards = now.unfinished(found)
    waits = stuck(cards, found.status_of)
    try:
        view = found.view(found.find("last"))
        s = now.situation(cards, clock, state, service, zone, view, now.last_move(found), waits)
        s = _with_answers(s, view, stuck=waits == view.id)
        s = replace(s, alone="" if not s.mx.relay or found.is_live(s.mx.run) else s.mx.run)
    except Missing:
        s = now.situation(cards, clock, state, service, zone, stuck=waits)
        text = "\n".join([now.words(s, (), ""), *lines]) + _no_run(found, s)
        render.emit("bcp.status/1", {"run": "", "situation": now.data(s), "drains": drains, "disk": _disk(state)}, text)
        _warn_of_lost(found)
        _warn_of_disk(state)
        return
    _warn_of_lost(found)
    disk = _warn_of_disk(state)
    data = {**status_data(view), **left_data(found, view), "situation": now.data(s), "drains": drains, "disk": disk}
    if timeline:
        data["timeline"] = timeline_data(view)
    head = "\n".join([now.words(s, now.holding_runs(cards), view.id), *lines])
    text = _first(found, view) + head + "\n\n" + status_text(view, found.clock.now(), timeline)
    render.emit("bcp.status/1", data, text)


def _with_answers(s: Situation, view: RunView, *, stuck: bool) -> Situation:
    """Who has said yes is not asked again; nobody is, once enough have."""
    gate = next((step for step in view.state.steps.values() if step.gate), None)
    yes = yes_by(view)
    if gate is None or not yes or gate.asks_for_deed or not (stuck or s.asked_until):
        return s
    enough = len(yes) >= int(gate.gate["count"])
    return replace(s, yes_by=yes, asked_people=() if enough else tuple(p for p in s.asked_people if p not in yes))


def _no_run(found: Runs, s: Situation) -> str:
    """What is said below the sentence where nothing was run. Where nobody ever looked, either, it may be the wrong
    folder."""
    if s.looked:
        return "\n\nNo run yet."
    return "\n\n" + render.wrap(f"No look and no run yet in {found.path('x').parent}. Is this the right bcp.yaml?")


def timeline_data(view: RunView) -> list[dict[str, Any]]:
    """Every event."""
    return [
        {"at": iso(e.at), "kind": e.kind, "step": e.step, "actor": e.actor, "data": dict(e.data)}
        for e in view.record.events
    ]


def _warn_of_lost(found: Runs) -> None:
    """Runs whose files are gone: nothing else would say that their targets are held."""
    for h in found.lost():
        names = ", ".join(sorted(h.names)[:3])
        hint = (
            f"Put runs/{h.run}.db back from a copy; if there is none, see where MX points, then bcp acknowledge {h.run}"
        )
        render.warn(f"the file of run {h.run} is gone, and it was not over: it keeps {names}. {hint}")


_DISKS = {"full": "its disk is full", "read-only": "it may only be read"}


def _disk(state: Path) -> str:
    """Can anything be written down here: ``ok``, ``full``, ``read-only``; ``unknown`` where there is no folder."""
    try:
        disk = os.statvfs(state)
    except OSError:
        return "unknown"
    return "full" if not disk.f_bavail else "read-only" if disk.f_flag & os.ST_RDONLY else "ok"


def _warn_of_disk(state: Path) -> str:
    """Where nothing can be written down, nothing new is known here: a daemon may see more than stands below. Returns
    what ``_disk`` says."""
    found = _disk(state)
    if found in _DISKS:
        render.warn(
            f"nothing can be written to {state}: {_DISKS[found]}. What stands here may be old. Mend that first."
        )
    return found


def status_data(view: RunView) -> dict[str, Any]:
    """Everything that is said about a run, as plain data."""
    state = view.state
    return {
        "run": view.id,
        "playbook": view.plan["playbook"],
        "kind": view.plan["kind"],
        "status": view.status(),
        "live": view.live,
        "phase": state.phase,
        "reason": state.reason,
        "started": iso(state.started),
        "ended": iso(state.ended or None),
        "checksum": view.plan["checksum"],
        "initiator": view.plan["initiator"],
        "steps": [
            {
                "id": s.id,
                "phase": s.phase,
                "status": s.status,
                "summary": s.summary,
                "error": s.error,
                "hint": s.hint,
                "attempts": s.attempts,
                "outputs": dict(s.outputs),
            }
            for s in state.steps.values()
        ],
        "gates": [
            {
                "step": s.id,
                "deadline": iso(float(s.gate["deadline"])),
                "approvers": s.gate["approvers"],
                "count": s.gate["count"],
                "about": str(s.gate.get("about", "")),
                "answers": [{"by": by, "yes": yes} for by, yes in answers_at(view, s).items()],
            }
            for s in state.steps.values()
            if s.gate
        ],
        "in_doubt": [
            {"key": e.key, "step": e.step, "claimed": iso(e.claimed_at)}
            for e in view.record.effects
            if e.state != "settled" and (e.state == "in_doubt" or not view.live)
        ],
        "next": next_step(view),
    }


def answers_at(view: RunView, step: StepState) -> dict[str, bool]:
    """Who has said yes (True) or no at an open gate, whether or not the run has taken it up: it may have been killed
    before."""
    gate, told = step.gate, [dict(a) for a in view.state.answers]
    told += [
        {**s.data, "by": s.actor, "at": s.at, "yes": s.kind == "approve"}
        for s in view.record.unread
        if s.kind in {"approve", "reject"}
    ]
    counts = (
        a
        for a in told
        if a.get("step") in {"", step.id}
        and a.get("checksum") == gate["checksum"]
        and a["by"] in gate["approvers"]
        and float(gate["opened"]) - CLOCK_TOLERANCE_S <= float(a["at"]) <= float(gate["deadline"])
    )
    return {str(a["by"]): bool(a["yes"]) for a in counts}


def yes_by(view: RunView) -> tuple[str, ...]:
    """Who has said yes to what a run asks for."""
    gate = next((s for s in view.state.steps.values() if s.gate), None)
    return tuple(by for by, yes in answers_at(view, gate).items() if yes) if gate is not None else ()


def _answered(view: RunView, step: StepState) -> list[str]:
    """The answers that are there, and what becomes of them where nobody works on the run."""
    said = answers_at(view, step)
    out = [f"{by} has said {'yes' if yes else 'no'}." for by, yes in said.items()]
    if said and not view.live:
        out.append(
            f"It is kept. Nobody works on the run: it counts once somebody goes on with it (bcp resume {view.id})."
        )
    return [render.wrap(" ".join(out), "  ")] if out else []


def next_step(view: RunView) -> str:
    """What the operator does now."""
    run_id, state = view.id, view.state
    gate = next((s for s in state.steps.values() if s.gate), None)
    by_status = {
        "holding": f"once the service is well again: bcp failback {run_id}"
        + ("" if view.live else f"   (nobody sends updates: bcp resume {run_id})"),
        "interrupted": f"bcp resume {run_id}",
        "stopped": f"bcp resume {run_id}   or   bcp abort {run_id}",
        "in_doubt": f"bcp resume {run_id}   (it asks once more by itself). Still in doubt: look, then "
        f"bcp settle {run_id} STEP --happened | --not-happened",
        "failed": f"bcp report {run_id}",
        "aborted": f"bcp report {run_id}",
        "done": f"bcp report {run_id}",
    }
    if gate is None or not view.live:
        return by_status.get(view.status(), "")
    if gate.asks_for_deed:
        return f"what is asked for above; it goes on by itself   or, where it cannot be done: bcp reject {run_id}"
    return f"bcp approve {run_id}   or   bcp reject {run_id}"


def _why(state: RunState) -> str:
    """Why it is as it is; nothing where it goes on, and the reason is that of a stop before."""
    on = state.status in {"running", "holding"} and not (state.failed_step or state.aborting)
    return "" if on else state.reason


def _reason(card: RunCard, status: str) -> str:
    """The same of a line in the list."""
    return "" if status in {"running", "waiting", "holding"} else card.reason


def _named(names: Mapping[str, str], step: str) -> str:
    """What a step is called; nothing where that is its id again."""
    return "" if names.get(step, step) == step else names[step]


def _waits(step: StepState, checksum: str) -> str:
    """Whom a step waits for, for what and until when."""
    gate = step.gate
    who, until = ", ".join(gate["approvers"]), render.clock(float(gate["deadline"]))
    if step.asks_for_deed:
        return f"{step.id} waits until {until} for this to be done by {who}:"
    if gate.get("about"):
        return f"{step.id} waits until {until} for {gate['count']} yes to this from {who}:"
    many = "1 approval" if gate["count"] == 1 else f"{gate['count']} approval(s)"
    return f"{step.id} waits for {many} from {who} until {until}, plan {checksum[:12]}"


def _told(data: Mapping[str, Any]) -> Any:
    return data.get("summary") or data.get("error") or data.get("reason") or ""


def _took(state: RunState, took: str) -> str:
    """How long it took, or ago it began: *stopped for 9m* would say that it was stopped 9 minutes ago."""
    return "" if not took else f" after {took}" if state.ended else f"; began {took} ago"


def status_text(view: RunView, now: float, timeline: bool) -> str:
    """The same for people, what to do next last."""
    state, plan = view.state, view.plan
    took = format_duration(round(max(0.0, (state.ended or now) - state.started))) if state.started else ""
    names = {str(s["id"]): str(s.get("name") or "") for s in plan["steps"]}
    lines = [
        f"{render.paint(view.id, 'bold')}  {plan['playbook']}  {render.status_word(view.status())}{_took(state, took)}"
    ]
    if plan["kind"] == "drill":
        lines.append(render.paint("EXERCISE", "warn"))
    if reason := _why(state):
        lines.append(render.wrap(reason, "  "))
    lines.append("")
    lines.append(
        render.table(
            [
                [
                    s.id,
                    render.status_word(s.status),
                    (one_or_many(s.error or s.summary) or _named(names, s.id))
                    + (f" (round {s.rounds})" if s.rounds else ""),
                ]
                for s in state.steps.values()
            ]
        )
    )
    for step in state.steps.values():
        if step.gate:
            lines += [
                "",
                render.wrap(_waits(step, plan["checksum"]), "  ", "? "),
                *([render.wrap(str(step.gate["about"]), "  ")] if step.gate.get("about") else []),
                *_answered(view, step),
            ]
        if step.hint and step.status in {"failed", "in_doubt", "undo_failed"}:
            lines += ["", render.wrap(f"{step.id}: {step.hint}", "  ", "! ")]
    doubtful = [e for e in view.record.effects if e.state == "in_doubt" or (e.state == "claimed" and not view.live)]
    if doubtful:
        lines += [
            "",
            f"In doubt: {plural(len(doubtful), 'effect')}",
            *(f"  {e.key}  since {render.moment(e.claimed_at, now)}" for e in doubtful[:10]),
        ]
    if timeline:
        lines += [
            "",
            *(f"{render.clock(e.at)} {e.kind} {e.step} {e.actor} {_told(e.data)}".rstrip() for e in view.record.events),
        ]
    if next_step(view):
        first, *others = next_step(view).split("   ")
        lines += [
            "",
            render.wrap(first, "      ", "Next: "),
            *(render.wrap(o, "      ", "      ") for o in others if o != "or"),
        ]
    return "\n".join(lines)
