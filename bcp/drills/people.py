"""Who took part, beside those whom somebody named: whoever conducted it, started a run, or said yes or no. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bcp.contracts.exercise import DrillRecord, Participant
from bcp.contracts.exercise_parts import Decision
from bcp.engine.store import RunView

STAND_IN = "stand-in in the lab"
"""How an answer was given that no person gave."""
PROGRAM = frozenset({"", "bcp", "bcp-serve", "conductor"})


def who_took_part(
    record: DrillRecord, decisions: Sequence[Decision], views: Sequence[RunView]
) -> tuple[Participant, ...]:
    """Those who were entered; then, as the journals know them, those whom nobody entered. A stand-in is nobody."""
    people = list(record.participants)
    for name, role, at in _seen(record, decisions, views):
        if name not in PROGRAM and not any(name in (p.name, p.contact) for p in people):
            people.append(Participant(name, role, name, True, at, source="measured"))
    return tuple(people)


def _seen(
    record: DrillRecord, decisions: Sequence[Decision], views: Sequence[RunView]
) -> Iterator[tuple[str, str, float]]:
    if record.kind != "incident":
        yield from ((m.actor, "conductor", m.at) for m in record.timeline if m.kind == "began")
    for view in views:
        if not view.plan.get("automatic"):
            yield str(view.plan.get("initiator") or ""), "initiator", view.state.started
    for decision in decisions:
        if decision.how != STAND_IN and decision.result in {"approved", "rejected", "aborted", "noted"}:
            yield decision.by, "participant" if decision.result == "noted" else "approver", decision.at
