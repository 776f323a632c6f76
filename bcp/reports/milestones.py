"""What happened when, for the picture: outage, detection, decision, switch, caches, first mail, each audience, and the
way back. Only what was seen, or what says that it is a forecast. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bcp.contracts.exercise import DrillRecord, Objective
from bcp.contracts.exercise_parts import CurvePoint, Decision, Failback
from bcp.pages.words import Words
from bcp.reports.answer import judgement, title_of
from bcp.reports.shape import Lane, Milestone

RESOLVERS = 0.95
"""Part of the resolvers from which on mail counts as received again."""

DECLARED = "declared by the exercise"
"""Who detected an outage that was only played (``rehearse.live``)."""


def milestones_of(record: DrillRecord, words: Words, achieved: Mapping[str, Any] | None = None) -> list[Milestone]:
    """In the order of time, each lane apart. ``achieved``: times of a run that no objective of the record asks for."""
    if record.kind == "tabletop":  # by the clock of the exercise; the outage has the dates of its story
        return sorted(_told(record, record.started, words), key=lambda m: m.after) if record.started else []
    zero = record.detection.outage_since or record.started
    if not zero:
        return []
    found = [*_away(record, zero, words), *_told(record, zero, words), *_more(record, zero, words, achieved or {})]
    kept = [m for m in found if m.after >= 0]
    back = [m for f in record.failback for m in _back(f, record, words) if m.after >= 0]
    return [*sorted(kept, key=lambda m: m.after), *back]


def first_yes(record: DrillRecord) -> Decision | None:
    """The decision by which people let it go on; that of a way back is none."""
    back = {f.run for f in record.failback}
    said = [d for d in record.decisions if d.result == "approved" and (not d.run or d.run not in back)]
    before = [d for d in said if not record.moved or d.at <= record.moved]
    return max(before, key=lambda d: d.at, default=None)


def told_resolvers(record: DrillRecord) -> tuple[CurvePoint, ...]:
    """The curve of those who tell senders where mail goes: resolvers that were asked, else what is forecast of them."""
    asked = tuple(p for p in record.propagation if p.what == "resolvers" and p.asked)
    return asked or tuple(p for p in record.propagation if p.what == "forecast" and p.asked)


def caches(record: DrillRecord) -> tuple[float, bool]:
    """When everybody who was asked told the new MX, and whether that is a forecast; 0: not known."""
    whole = [p for p in told_resolvers(record) if p.new == p.asked]
    if not whole or not record.moved:
        return 0.0, False
    return whole[0].at, whole[0].what == "forecast"


def receive_share(record: DrillRecord) -> float | None:
    """When 95 of 100 resolvers that were asked told the relay's MX for the first time: from then on mail arrives from
    almost everywhere. ``None``: it was not measured, or did not come to that."""
    rows = [p for p in told_resolvers(record) if p.what == "resolvers" and p.new >= RESOLVERS * p.asked]
    return rows[0].at if rows else None


def _away(record: DrillRecord, zero: float, words: Words) -> Iterator[Milestone]:
    detection = record.detection
    if detection.outage_since:
        label = words("milestone.outage" if detection.exact else "milestone.outage-at-latest")
        yield Milestone("outage", label, zero, 0.0, how="onset")
    if detection.detected and detection.by != DECLARED:  # nothing was looked for
        yield _one("detected", detection.detected, zero, words, how="detection")
    back = {f.run for f in record.failback}
    yield from _no([d for d in record.decisions if not d.run or d.run not in back], zero, words)
    if (yes := first_yes(record)) is not None:
        label = words("milestone.decided", who=yes.by)
        yield Milestone("decided", label, yes.at, round(yes.at - zero, 1), how="gate")
    if record.moved:
        yield _one("switched", record.moved, zero, words, how="journal")
    at, forecast = caches(record)
    if at:
        key = "caches-forecast" if forecast else "caches"
        label, how = words(f"milestone.{key}"), "forecast" if forecast else "resolvers"
        yield Milestone("caches", label, at, round(at - zero, 1), forecast=forecast, how=how)


def _one(code: str, at: float, zero: float, words: Words, *, how: str) -> Milestone:
    return Milestone(code, words(f"milestone.{code}"), at, round(at - zero, 1), how=how)


def _told(record: DrillRecord, zero: float, words: Words) -> Iterator[Milestone]:
    """Objectives that are about a time since the start of the outage and were reached."""
    for o in record.objectives:
        if o.unit == "s" and o.code in {"rto_receive", "rto_communicate"} and o.achieved is not None:
            said = judgement(record, o)
            label, at = _reached(o, words), zero + o.achieved
            if record.kind == "tabletop":  # nothing was done: people decided it
                label = words("milestone.at-the-table", what=title_of(o, words))
            yield Milestone(o.code, label, at, o.achieved, target=o.target, judged=said, how=o.how)


def _reached(objective: Objective, words: Words) -> str:
    if objective.code == "rto_receive":
        return words("milestone.first-mail")
    return words("milestone.told", audience=objective.audience or title_of(objective, words))


def _more(record: DrillRecord, zero: float, words: Words, achieved: Mapping[str, Any]) -> Iterator[Milestone]:
    """First mail and audiences for which nobody set an objective."""
    known = {(o.code, o.audience) for o in record.objectives}
    if achieved.get("rto_receive_s") is not None and ("rto_receive", "") not in known:
        after = float(achieved["rto_receive_s"])
        yield Milestone("rto_receive", words("milestone.first-mail"), zero + after, after, how="first-mail")
    for audience, after in (achieved.get("told_s") or {}).items():
        if after is not None and not any(code == "rto_communicate" for code, _ in known):
            label = words("milestone.told", audience=audience)
            yield Milestone("rto_communicate", label, zero + float(after), float(after), how="ledger")


def _no(decisions: Sequence[Decision], zero: float, words: Words, lane: Lane = "away") -> Iterator[Milestone]:
    """What people said no to, or said nothing."""
    for decision in decisions:
        if decision.result in {"rejected", "aborted", "no-answer"}:
            label = words(f"milestone.{decision.result}", who=decision.by or words("nobody"))
            yield Milestone(decision.result, label, decision.at, round(decision.at - zero, 1), lane, how="gate")


def _back(failback: Failback, record: DrillRecord, words: Words) -> Iterator[Milestone]:
    """The way back, counted from its own start."""
    lane: Lane = "back"
    zero = failback.started
    if not zero:
        return
    yield Milestone("back-started", words("milestone.back-started"), zero, 0.0, lane, how="journal")
    for code, at, how in (
        ("mx-back", failback.mx_back, "journal"),
        ("drained", failback.drained, "drain"),
        ("told-over", failback.told, "journal"),
    ):
        if at:
            yield Milestone(code, words(f"milestone.{code}"), at, round(at - zero, 1), lane, how=how)
    yield from _no([d for d in record.decisions if d.run and d.run == failback.run], zero, words, lane)
