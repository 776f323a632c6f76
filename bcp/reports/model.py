"""A report as data: times achieved against objectives, every step, change and message, and what was in doubt. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bcp.contracts.effect import step_of
from bcp.engine.left import left_of
from bcp.engine.store import RunView
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid
from bcp.mx.forecast import Forecast, compare
from bcp.mx.forecast_words import comparison, sentence
from bcp.playbook.load import loads
from bcp.reports.achieved import achieved_times, objectives

SCHEMA = "bcp.report/1"
_TIMELINE = {
    "run_started",
    "phase_started",
    "step_finished",
    "gate_opened",
    "approved",
    "answer_refused",
    "step_retry",
    "step_progress",
    "undo_started",
    "undo_finished",
    "doubt_settled",
    "doubt_stands",
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
    "serial_backwards",
}


def report_data(
    view: RunView,
    *,
    organisation: str,
    extra: Mapping[str, Any] | None = None,
    children: Sequence[RunView] = (),
    reported: Callable[[Sequence[str]], Mapping[str, str]] | None = None,
    internal: Collection[str] = (),
    forecast: Forecast | None = None,
    mail: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything a report says, as plain data. ``internal``: audiences of the people on call. ``forecast``: what was
    expected before the run, to stand beside what was achieved. ``mail``: ``bcp.reports.mail.mail_account``."""
    plan, state = view.plan, view.state
    names = {s["id"]: s["name"] for s in plan["steps"]}
    achieved = achieved_times(view, internal, children)
    return {
        "schema": SCHEMA,
        "organisation": organisation,
        "run": view.id,
        "playbook": plan["playbook"],
        "title": _title(plan),
        "kind": plan["kind"],
        "initiator": plan["initiator"],
        "automatic": plan["automatic"],
        "plan": plan["id"],
        "checksum": plan["checksum"],
        "status": view.status(),
        "reason": state.reason,
        "started": iso(state.started),
        "ended": iso(state.ended or None),
        "domains": list(plan["domains"]),
        "overrides": dict(plan["overrides"]),
        "approvals": [
            {"by": a["by"], "at": iso(a["at"]), "step": a["step"], "how": a.get("how", "")} for a in state.approvals
        ],
        "objectives": objectives(view, achieved),
        "achieved": achieved,
        "forecast": _forecast(forecast, achieved),
        "left": [{"domain": x.domain, "state": x.state, "why": x.why} for x in left_of(view)],
        "steps": [_step(s, state.started, names) for s in state.steps.values()],
        "changes": [c for s in plan["steps"] for c in s["changes"]],
        "messages": _messages(view, reported),
        "texts": _texts(view),
        "mails": _mails([view, *children]),
        "mail_account": dict(mail) if mail else None,
        "timeline": _timeline(view),
        "in_doubt": [
            {"key": e.key, "state": e.state, "claimed": iso(e.claimed_at)}
            for e in view.record.effects
            if e.state == "in_doubt" or (e.state == "claimed" and not view.live)
        ],
        "doubts_settled": _settled(view),
        "audit": {"events": len(view.record.events), "head": view.record.head, "damage": view.record.damage},
        "follows": [{"run": c.id, "playbook": c.plan["playbook"], "status": c.status()} for c in children],
        "extra": dict(extra or {}),
    }


def _settled(view: RunView) -> list[dict[str, Any]]:
    """What people said about steps in doubt."""
    return [
        {
            "step": e.step,
            "by": e.actor or e.data.get("by", ""),
            "happened": e.data.get("happened", ""),
            "at": iso(e.at),
        }
        for e in view.record.events
        if e.kind == "doubt_settled"
    ]


def _forecast(found: Forecast | None, achieved: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was expected, and how far it held."""
    if found is None:
        return None
    rows = compare(found, achieved.get("switched_s"), achieved.get("rto_receive_s"))
    said = [{"what": r.what, "forecast_s": r.forecast_s, "achieved_s": r.achieved_s, "held": r.held} for r in rows]
    return {**found.to_data(), "compared": said, "said": [sentence(found), *map(comparison, rows)]}


def _title(plan: Mapping[str, Any]) -> str:
    """The playbook's title; its name where its text cannot be read any more."""
    try:
        return loads(plan["playbook_text"]).book.title or str(plan["playbook"])
    except (Invalid, KeyError):
        return str(plan["playbook"])


def _mails(views: Sequence[RunView]) -> list[tuple[str, int]]:
    """How many mails the relay held, at each step of these runs that counted them."""
    out = []
    for event in sorted((e for v in views for e in v.record.events if e.kind == "step_finished"), key=lambda e: e.at):
        outputs = event.data.get("outputs") or {}
        held = outputs.get("queued", outputs.get("left"))
        if isinstance(held, int) and held >= 0:
            out.append((iso(event.at), held))
    return out


def _step(step: Any, start: float, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": step.id,
        "name": names.get(step.id) or step.id,
        "phase": step.phase,
        "status": step.status,
        "summary": step.summary,
        "error": step.error,
        "hint": step.hint,
        "attempts": step.attempts,
        "rounds": step.rounds,
        "from_s": round(step.started - start, 3) if step.started else None,
        "to_s": round(step.ended - start, 3) if step.ended else None,
        "outputs": dict(step.outputs),
    }


def receipts_of(view: RunView) -> dict[tuple[str, str], list[str]]:
    """What vendors gave for each message that they took, by step and channel."""
    out: dict[tuple[str, str], list[str]] = {}
    for effect in view.record.effects:
        outcome = effect.outcome or {}
        if effect.request.get("channel") is not None and outcome.get("state") == "sent" and outcome.get("receipt"):
            key = (step_of(effect.key), str(effect.request["channel"]))
            out.setdefault(key, []).append(str(outcome["receipt"]))
    return out


def _messages(view: RunView, reported: Callable[[Sequence[str]], Mapping[str, str]] | None) -> list[dict[str, Any]]:
    """What the ledger says of every delivery, counted by step and channel."""
    table: dict[tuple[str, str], dict[str, Any]] = {}
    for effect in view.record.effects:
        channel = effect.request.get("channel")
        if channel is None or effect.key.endswith("/back"):  # taking a scheduled one back is no delivery
            continue
        step = step_of(effect.key)
        row = table.setdefault(
            (step, str(channel)),
            {
                "step": step,
                "channel": channel,
                "sent": 0,
                "failed": 0,
                "in_doubt": 0,
                "scheduled": 0,
                "segments": 0,
                "receipts": [],
                "reasons": [],
            },
        )
        outcome = effect.outcome or {}
        if outcome.get("state") == "sent":
            row["sent"] += 1
            row["segments"] += int(effect.request.get("segments", 0))
            if len(row["receipts"]) < 10:
                row["receipts"].append(outcome.get("receipt"))
        elif outcome.get("state") == "scheduled":
            row["scheduled"] += 1
        elif effect.state == "settled":
            row["failed"] += 1
            if len(row["reasons"]) < 10:
                row["reasons"].append(f"{effect.request.get('to')}: {outcome.get('reason')}")
        else:
            row["in_doubt"] += 1
    for key, receipts in receipts_of(view).items() if reported is not None else ():
        if reported is not None and (known := reported(receipts)):
            table[key]["reported"] = dict(sorted(Counter(known.values()).items()))
    return list(table.values())


def _texts(view: RunView) -> list[dict[str, Any]]:
    """Every text as it left, and how many took it with these words."""
    taken: Counter[tuple[str, str]] = Counter()
    later = {str(e.data["key"]): str(e.data["text"]) for e in view.record.events if e.kind == "retold"}
    for effect in view.record.effects:
        if (effect.outcome or {}).get("state") == "sent":
            taken[effect.step, later.get(effect.key, str(effect.request.get("text")))] += 1
    first = {(e.step, str(e.data["digest"])): e for e in reversed(view.record.events) if e.kind == "text"}
    return [
        {"at": iso(e.at), "step": e.step, "taken": taken[key]}
        | {k: e.data[k] for k in ("template", "form", "language", "subject", "body")}
        for key, e in reversed(first.items())
    ]


def _timeline(view: RunView) -> list[dict[str, Any]]:
    out = []
    for event in view.record.events:
        if event.kind not in _TIMELINE:
            continue
        text = (
            event.data.get("summary")
            or event.data.get("error")
            or event.data.get("reason")
            or event.data.get("detail")
            or event.data.get("phase")
            or ""
        )
        out.append(
            {
                "at": iso(event.at),
                "t_s": round(event.at - view.state.started, 3),
                "kind": event.kind,
                "step": event.step,
                "actor": event.actor,
                "status": event.data.get("status", ""),
                "text": str(text),
            }
        )
    return out
