"""What became of messages: receipts by step and channel, from the ledger of a run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bcp.contracts.effect import parse, step_of
from bcp.contracts.exercise_parts import Receipts
from bcp.contracts.journal import Effect
from bcp.drills.steps import playbook_of
from bcp.engine.store import RunView

Reported = Callable[[Sequence[str]], Mapping[str, str]]
"""Given receipts: the last status that the vendor reported of each."""
ARRIVED = frozenset({"delivered", "read", "completed"})
STAND_IN = ("EM-", "emulated:")
"""How receipts of a stand-in of a channel begin (``rehearse.emulate``)."""


@dataclass
class _Count:
    """People by what became of their messages: who got one was told, whatever became of others (an update, a word that
    takes an earlier one back)."""

    sent: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    in_doubt: set[str] = field(default_factory=set)
    times: list[float] = field(default_factory=list)
    receipts: dict[str, str] = field(default_factory=dict)
    """Whom each receipt is for."""
    reasons: list[str] = field(default_factory=list)


def receipts_of(view: RunView, reported: Reported | None = None) -> list[Receipts]:
    """One row for each step and channel that was planned or used."""
    counted: dict[tuple[str, str], _Count] = {}
    for effect in view.record.effects:
        channel = effect.request.get("channel")
        if channel is not None and not effect.key.endswith("/back"):  # taking a scheduled one back is no delivery
            _add(counted.setdefault((step_of(effect.key), str(channel)), _Count()), effect)
    planned = {(str(s["id"]), str(f["channel"])): f for s in view.plan["steps"] for f in s["forecasts"]}
    answers = _answers(view)
    keys = [*planned, *(k for k in counted if k not in planned)]
    return [_row(view, k, planned.get(k, {}), counted.get(k, _Count()), answers, reported) for k in keys]


def _add(count: _Count, effect: Effect) -> None:
    outcome, person = effect.outcome or {}, _person(effect.key)
    state = outcome.get("state")
    if state == "sent":
        count.sent.add(person)
        count.times.append(effect.settled_at or effect.claimed_at)
        count.receipts[str(outcome.get("receipt") or "")] = person
    elif effect.state != "settled":
        count.in_doubt.add(person)
    elif state != "scheduled":
        count.failed.add(person)
        if len(count.reasons) < 10:
            count.reasons.append(f"{effect.request.get('to')}: {outcome.get('reason')}")


def _person(key: str) -> str:
    """Whom a message of the ledger was for; of a place, everybody."""
    try:
        return (parse(key).parts or ("",))[-1]
    except ValueError:
        return key


def _row(
    view: RunView,
    key: tuple[str, str],
    planned: Mapping[str, Any],
    count: _Count,
    answers: Mapping[str, int],
    reported: Reported | None,
) -> Receipts:
    step, channel = key
    audience = str(planned.get("audience", ""))
    doubt, failed = count.in_doubt - count.sent, count.failed - count.sent - count.in_doubt
    placed: Mapping[str, Any] = next((s for s in view.plan["steps"] if str(s["id"]) == step), {})
    row = Receipts(
        channel,
        audience,
        step,
        view.id,
        planned=int(planned.get("messages") or 0) or len(count.sent) + len(failed) + len(doubt),
        sent=len(count.sent),
        failed=len(failed),
        in_doubt=len(doubt),
        unreachable=int(planned.get("unreachable") or 0),
        acknowledged=answers.get(audience),
        first=min(count.times, default=0.0),
        last=max(count.times, default=0.0),
        reasons=tuple(count.reasons),
        name=str(placed.get("name") or ""),
        due=bool(count.sent or failed or doubt) or _was_due(view, step, str(placed.get("phase", ""))),
        simulated=bool(count.receipts) and all(r.startswith(STAND_IN) for r in count.receipts),
    )
    known = dict(reported([r for r in count.receipts if r])) if reported is not None else {}
    got = {count.receipts[r] for r, state in known.items() if state in ARRIVED and r in count.receipts}
    return replace(row, delivered=len(got)) if known else row


def _was_due(view: RunView, step: str, phase: str) -> bool:
    """Was a step of which no message left to say anything? Not one that was skipped, nor an update in a hold that was
    over before its interval had gone by. What a run that failed did not come to was wanted all the same."""
    state = view.state.steps.get(step)
    if state is not None and state.status == "skipped":
        return False
    if phase != "hold":
        return True
    loaded = playbook_of(view)
    every = next((p.step.every for p in loaded.steps if p.id == step), None) if loaded is not None else None
    events = view.record.events
    phases = [(str(e.data.get("phase")), e.at) for e in events if e.kind == "phase_started"]
    begun = next((at for name, at in phases if name == "hold"), None)
    if begun is None:
        return False
    ended = next((at for name, at in phases if at > begun), view.state.ended or events[-1].at)
    return every is None or ended - begun >= every


def _answers(view: RunView) -> dict[str, int]:
    """People who answered, by audience: as the steps counted them that wait for answers."""
    loaded = playbook_of(view)
    out: dict[str, int] = {}
    for placed in loaded.steps if loaded is not None else ():
        state = view.state.steps.get(placed.id)
        audience, people = placed.step.with_.get("audience"), state.outputs.get("answered") if state else None
        if isinstance(audience, str) and isinstance(people, int):
            out[audience] = max(out.get(audience, 0), people)
    return out
