"""What became of messages: receipts by step and channel, from the ledger of a run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bcp.contracts.effect import step_of
from bcp.contracts.exercise_parts import Receipts
from bcp.contracts.journal import Effect
from bcp.drills.steps import playbook_of
from bcp.engine.store import RunView

Reported = Callable[[Sequence[str]], Mapping[str, str]]
"""Given receipts: the last status that the vendor reported of each."""
ARRIVED = frozenset({"delivered", "read", "completed"})


@dataclass
class _Count:
    sent: int = 0
    failed: int = 0
    in_doubt: int = 0
    times: list[float] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
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
    outcome = effect.outcome or {}
    state = outcome.get("state")
    if state == "sent":
        count.sent += 1
        count.times.append(effect.settled_at or effect.claimed_at)
        count.receipts.append(str(outcome.get("receipt") or ""))
    elif effect.state != "settled":
        count.in_doubt += 1
    elif state != "scheduled":
        count.failed += 1
        if len(count.reasons) < 10:
            count.reasons.append(f"{effect.request.get('to')}: {outcome.get('reason')}")


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
    row = Receipts(
        channel,
        audience,
        step,
        view.id,
        planned=int(planned.get("messages") or 0) or count.sent + count.failed + count.in_doubt,
        sent=count.sent,
        failed=count.failed,
        in_doubt=count.in_doubt,
        unreachable=int(planned.get("unreachable") or 0),
        acknowledged=answers.get(audience),
        first=min(count.times, default=0.0),
        last=max(count.times, default=0.0),
        reasons=tuple(count.reasons),
    )
    known = dict(reported([r for r in count.receipts if r])) if reported is not None else {}
    return replace(row, delivered=sum(s in ARRIVED for s in known.values())) if known else row


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
