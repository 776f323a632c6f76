"""The whole record of an exercise or an incident: entered parts from the drill book, measured parts from journals.

``derive`` is the only way in which a record comes to be; what a person typed never replaces what a journal proves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from bcp.contracts.exercise import (
    DrillRecord,
    FateState,
    Integrity,
    NextDrill,
    Outcome,
    PlaybookRef,
    Retention,
    SharedFate,
    Signature,
    State,
)
from bcp.contracts.exercise_parts import Chain, CurvePoint, Detection, Failback, Mails, Moment, Receipts, Step
from bcp.contracts.incident import Event as BookEvent
from bcp.contracts.incident import Incident
from bcp.drills.fold import Exercise
from bcp.drills.measure import (
    bad_runs,
    counted,
    facts_of,
    judged,
    moved_by,
    onset_in_story,
    outcome_of,
    switch_of,
    targets,
)
from bcp.drills.people import who_took_part
from bcp.drills.signed import still_stands
from bcp.drills.steps import decisions_of, moments_of, playbook_of, steps_of
from bcp.drills.talk import Reported, receipts_of
from bcp.engine.state import FINAL, StepState
from bcp.engine.store import RunView
from bcp.kernel.hashing import digest_text
from bcp.pages.times import date_of
from bcp.reports.achieved import SOURCES, WELL, onset_of_run, set_back

YEAR_S = 365.25 * 86_400.0
FORECAST_POINTS = 5


@dataclass(frozen=True, slots=True)
class Happening:
    """An incident of ours with its events."""

    incident: Incident
    events: tuple[BookEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a record needs to know of the organisation. Everything is a value; nothing is asked for here."""

    organisation: str = ""
    zone: str = "UTC"
    internal: Collection[str] = ()
    """Audiences of the people on call: telling them is work, not communication."""
    approval_s: float = 600.0
    reported: Reported | None = None
    chains: tuple[Chain, ...] = ()
    """Heads of the drill's chain and of the book of incidents, with their damage."""
    product: str = ""
    third_parties: tuple[str, ...] = ()
    """Outside parties of the configuration, for what nobody planned: a real outage."""
    drill_every_s: float = 0.0
    """How often the organisation wants to exercise; 0: it does not say."""


def derive(
    exercise: Exercise, views: Sequence[RunView], happenings: Sequence[Happening], context: Context
) -> DrillRecord:
    """The record of an exercise."""
    record = exercise.record
    ordered = sorted(views, key=lambda v: v.state.started or float(v.plan.get("created") or 0.0))
    detection = _by_clock(_detection(exercise, ordered, happenings), ordered)
    mails = _mails(exercise, ordered)
    failback = _failbacks(ordered)
    facts = facts_of(exercise, ordered, detection, mails, failback, context.internal)
    decisions = [d for v in ordered for d in decisions_of(v)] + list(record.decisions)
    state, outcome, reason = _ending(exercise, ordered)
    return replace(
        record,
        state=state,
        outcome=outcome,
        reason=reason,
        organisation=context.organisation or record.organisation,
        zone=context.zone,
        started=_started(record, ordered, happenings),
        ended=_ended(record, ordered, happenings),
        playbooks=_playbooks(exercise, ordered),
        objectives=counted(judged(targets(record, ordered), facts, exercise), outcome),
        steps=(*(s for v in ordered for s in steps_of(v, context.approval_s)), *_dry_steps(exercise)),
        detection=detection,
        decisions=tuple(sorted(decisions, key=lambda d: d.at)),
        participants=who_took_part(record, sorted(decisions, key=lambda d: d.at), ordered),
        scope_in=record.scope_in or tuple(dict.fromkeys(str(d) for v in ordered for d in v.plan["domains"])),
        third_parties=record.third_parties or context.third_parties,
        next_drill=_next(exercise, context),
        propagation=_propagation(exercise, ordered),
        receipts=tuple(_heard(exercise, r) for v in ordered for r in receipts_of(v, context.reported)),
        mails=mails,
        failback=failback,
        timeline=_timeline(record.timeline, ordered, happenings),
        shared_fate=_fate(exercise, ordered),
        runs=tuple(v.id for v in ordered),
        moved=min((s.ended for v in ordered if not v.record.meta.get("parent") and (s := switch_of(v))), default=0.0),
        incidents=tuple(dict.fromkeys((*exercise.incidents, *(h.incident.id for h in happenings)))),
        signatures=_signatures(exercise, ordered),
        integrity=_integrity(exercise, ordered, context),
        retention=_retention(record, context.zone),
    )


def _detection(exercise: Exercise, views: Sequence[RunView], happenings: Sequence[Happening]) -> Detection:
    """When it began and when it was seen: as the conductor measured it, else as the incident and the runs know it."""
    if exercise.record.kind == "tabletop":
        return _in_story(exercise)
    broke = exercise.measured.get("outage", ())
    seen = exercise.measured.get("detected", ())
    away = next((v for v in views if not v.record.meta.get("parent")), None)
    since, exact, source = 0.0, False, ""
    if away is not None:
        onset = onset_of_run(away)
        since, exact, source = onset.at, onset.exact, SOURCES.get(onset.source, SOURCES["start"])
    if broke:
        since, exact, source = float(broke[0]["since"]), True, str(broke[0].get("how", "the conductor of the exercise"))
    elif happenings and (not since or happenings[0].incident.opened < since):
        since, exact, source = happenings[0].incident.opened, away is not None and exact, SOURCES["incident"]
    if seen:
        row = seen[0]
        return Detection(since, exact, source, float(row["found"]), str(row.get("by", "")), str(row.get("class", "")),
                         tuple(str(e) for e in row.get("evidence", ())))  # fmt: skip
    return _seen_by(Detection(since, exact, source), happenings, away)


def _by_clock(found: Detection, views: Sequence[RunView]) -> Detection:
    """Where the clock was set back in the middle of a run, whatever was reached took longer than it looks."""
    if not found.outage_since or not any(set_back(v) for v in views):
        return found
    why = "the clock of this machine was set back meanwhile"
    return replace(found, exact=False, counted_from=f"{found.counted_from}; {why}")


def _in_story(exercise: Exercise) -> Detection:
    """A tabletop: what people were told of the watch, at the dates of the story. Not before they were told."""
    row = next(iter(exercise.measured.get("seen", ())), None)
    if row is None:
        return Detection()
    start, evidence = float(row["start"]), tuple(str(e) for e in row.get("evidence", ()))
    return Detection(
        start + onset_in_story(exercise), True, "the clock of the story", start + float(row["story_s"]),
        "the watch, in the story", str(row.get("class", "")), evidence,
    )  # fmt: skip


def _seen_by(found: Detection, happenings: Sequence[Happening], away: RunView | None) -> Detection:
    if happenings:
        one = happenings[0].incident
        first = next((e for e in happenings[0].events if e.kind in {"opened", "declared", "declared_by_hand"}), None)
        by = first.actor if first is not None else ""
        return replace(found, detected=one.opened, by=by, outage_class="".join(one.classes))
    if away is None:
        return found
    looks = [s for s in away.state.steps.values() if s.outputs.get("state") == "down" and s.outputs.get("class")]
    if not looks:
        return found
    look = min(looks, key=lambda s: s.ended)
    evidence = look.outputs.get("evidence")
    said = tuple(str(e) for e in evidence) if isinstance(evidence, list) else ()
    return replace(
        found, detected=look.ended, by=f"{away.id}: {look.id}", outage_class=str(look.outputs["class"]), evidence=said
    )


def _mails(exercise: Exercise, views: Sequence[RunView]) -> Mails:
    """Mail counted by the lab, else by the relay's own account of the drain."""
    queue = tuple(
        (e.at, int(held))
        for v in views
        for e in v.record.events
        if e.kind == "step_finished" and (held := _held(e.data.get("outputs"))) is not None
    )
    if rows := exercise.measured.get("mails", ()):
        row = rows[-1]
        names = ("sent", "delivered", "relayed", "bounced", "lost", "duplicated", "left")
        counts: dict[str, Any] = {n: int(row[n]) for n in names if row.get(n) is not None}
        return Mails("lab-count", queue=queue, **counts)
    drains = [s for v in views for s in v.state.steps.values() if "unaccounted" in s.outputs and s.status in WELL]
    if not any(s.outputs.get("recipients") or s.outputs.get("ledger") for s in drains):
        return Mails(queue=queue)  # who looked at a queue and saw no mail counted none of those that had passed

    def total(name: str) -> int:
        return sum(int(s.outputs.get(name) or 0) for s in drains)

    return Mails("relay-account", None, None, total("sent"), total("bounced"), total("unaccounted"), None,
                 total("left"), queue, not all(s.outputs.get("ledger") for s in drains))  # fmt: skip


def _heard(exercise: Exercise, row: Receipts) -> Receipts:
    """In a live drill volunteers alone are told, whomever the playbook names."""
    who = exercise.play.volunteers if exercise.record.kind == "live" else ""
    return replace(row, audience=who) if who and row.audience else row


def _held(outputs: object) -> int | None:
    if not isinstance(outputs, Mapping):
        return None
    held = outputs.get("queued", outputs.get("left"))
    return held if isinstance(held, int) and not isinstance(held, bool) and held >= 0 else None


def _failbacks(views: Sequence[RunView]) -> tuple[Failback, ...]:
    return tuple(_failback(v) for v in views if v.record.meta.get("parent"))


def _failback(view: RunView) -> Failback:
    steps = [s for s in view.state.steps.values() if s.status in WELL]
    back = [s.ended for s in steps if s.outputs.get("safe_at")]
    drained = [s.ended for s in steps if "unaccounted" in s.outputs]
    told = [s.ended for s in steps if s.outputs.get("sent") and "channels" in s.outputs]
    people = tuple(dict.fromkeys(str(a["by"]) for a in view.state.approvals))
    undone = view.state.status in FINAL and view.state.status != "done"
    return Failback(
        view.id,
        view.status(),
        view.state.started,
        view.state.ended,
        people,
        0.0 if undone else max(back, default=0.0),
        max(drained, default=0.0),
        max(told, default=0.0),
    )


def _propagation(exercise: Exercise, views: Sequence[RunView]) -> tuple[CurvePoint, ...]:
    """Authoritative servers at the end of the switch, then resolvers as they were asked; where nobody asked those, what
    the old TTL lets one expect (and it says *forecast*)."""
    away = [(v, s) for v in views if not v.record.meta.get("parent") and (s := moved_by(v)) is not None]
    served = [p for _, s in away if (p := _served(s)) is not None]
    rows = [(float(r["asked_at"]), int(r["new"]), int(r["asked"])) for r in exercise.measured.get("resolvers", ())]
    told = rows or [
        (e.at, int(e.data["new"]), int(e.data["asked"])) for v in views for e in v.record.events if e.kind == "mx_told"
    ]
    asked = [CurvePoint(at, new, of) for at, new, of in sorted(told)]
    found = [*served, *(asked or [p for _, s in away for p in _expected(s)])]
    return tuple(sorted(found, key=lambda p: p.at))


def _served(step: StepState) -> CurvePoint | None:
    """How many authoritative servers served the new MX when the step ended."""
    servers = int(step.outputs.get("servers") or 0)
    behind = len(step.outputs.get("lagging") or ()) + len(step.outputs.get("unverified") or ())
    return CurvePoint(step.ended, max(0, servers - behind), servers, "authoritative") if servers else None


def _expected(step: StepState) -> list[CurvePoint]:
    """By the old TTL, as if caches had been filled evenly before."""
    span = max(0.0, float(step.outputs["safe_at"]) - step.ended)
    steps = range(FORECAST_POINTS + 1) if span else range(FORECAST_POINTS, FORECAST_POINTS + 1)
    return [CurvePoint(step.ended + span * n / FORECAST_POINTS, n, FORECAST_POINTS, "forecast") for n in steps]


def _timeline(
    entered: Sequence[Moment], views: Sequence[RunView], happenings: Sequence[Happening]
) -> tuple[Moment, ...]:
    told: list[Moment] = [*entered, *moments_of(views)]
    for happening in happenings:
        for e in happening.events:
            text = next((str(e.data[k]) for k in ("title", "reason", "text", "state") if e.data.get(k)), "")
            told.append(Moment(e.at, f"incident_{e.kind}", text, e.actor))
    return tuple(sorted(told, key=lambda m: m.at))


def _dry_steps(exercise: Exercise) -> tuple[Step, ...]:
    """What dry runs would have done."""
    names = {f.name for f in fields(Step)}
    rows = [(r, str(one["event"])) for one in exercise.measured.get("dry_run", ()) for r in one.get("steps", ())]
    made = ((Step(**{k: v for k, v in r.items() if k in names}), event) for r, event in rows)
    return tuple(replace(s, evidence=s.evidence or event) for s, event in made)


def _fate(exercise: Exercise, views: Sequence[RunView]) -> SharedFate:
    """As it was checked when the exercise began; else when each run did: what one of them says is a risk."""
    rows = list(exercise.measured.get("shared_fate", ())[-1:]) or [
        dict(v.record.meta["shared_fate"]) for v in views if v.record.meta.get("shared_fate")
    ]
    if not rows:
        return SharedFate()
    states = {str(r.get("state", "unknown")) for r in rows}
    state: FateState = "risk" if "risk" in states else "unknown" if "unknown" in states else "ok"
    chains = dict.fromkeys(str(c) for r in rows for c in r.get("chains", ()))
    return SharedFate(state, min(float(r["at"]) for r in rows), tuple(chains))


def _playbooks(exercise: Exercise, views: Iterable[RunView]) -> tuple[PlaybookRef, ...]:
    """What was run or tried, else what was planned."""
    record, out = exercise.record, []
    for row in exercise.measured.get("dry_run", ()):
        digest = digest_text(str(row.get("text", "")))
        planned = next((p for p in record.playbooks if p.name == row["playbook"]), PlaybookRef(str(row["playbook"])))
        out.append(replace(planned, digest=digest, plan=str(row["plan"]), checksum=str(row["checksum"])))
    for view in views:
        loaded = playbook_of(view)
        text = str(view.plan.get("playbook_text") or "")
        out.append(
            PlaybookRef(
                str(view.plan["playbook"]),
                loaded.book.title if loaded is not None else "",
                str(loaded.book.version) if loaded is not None else "",
                str(view.plan.get("playbook_file") or "").rpartition("/")[2],
                digest_text(text) if text else "",
                str(view.plan["id"]),
                str(view.plan["checksum"]),
            )
        )
    return tuple(out) or record.playbooks


def _ending(exercise: Exercise, views: Sequence[RunView]) -> tuple[State, Outcome, str]:
    """State, outcome and reason. A run that was rejected, aborted or failed is not *completed*, whatever was said."""
    record = exercise.record
    bad = bad_runs(views)
    if not bad or record.outcome not in {"", "completed"}:
        return record.state, record.outcome, record.reason
    return record.state, outcome_of(bad[0]), bad[0].state.reason


def _started(record: DrillRecord, views: Sequence[RunView], happenings: Sequence[Happening]) -> float:
    if record.kind == "incident" and happenings:
        return min(h.incident.opened for h in happenings)
    return record.started or min((v.state.started for v in views if v.state.started), default=0.0)


def _ended(record: DrillRecord, views: Sequence[RunView], happenings: Sequence[Happening]) -> float:
    if record.kind == "incident" and happenings:
        ends = [h.incident.closed for h in happenings]
        return max(ends) if all(ends) else 0.0
    if record.ended or record.kind != "incident":
        return record.ended
    ends = [v.state.ended for v in views]
    return max(ends) if ends and all(ends) else 0.0


def _signatures(exercise: Exercise, views: Sequence[RunView]) -> tuple[Signature, ...]:
    """Each with whether it still stands: nothing that was signed was changed since, in the book or in a run."""
    hashes = {v.id: {e.hash for e in v.record.events} for v in views}
    rows = zip(exercise.record.signatures, exercise.signed_runs, strict=True)
    return tuple(replace(s, stands=s.stands and still_stands(runs, hashes)) for s, runs in rows)


def _integrity(exercise: Exercise, views: Sequence[RunView], context: Context) -> Integrity:
    runs = [Chain(v.id, len(v.record.events), v.record.head, v.record.damage) for v in views]
    clocks = [str(c.get("source", "")) for c in exercise.measured.get("clock", ())[-1:]]
    clocks += [str(v.record.meta["clock"]) for v in views if v.record.meta.get("clock")]
    source = clocks[0] if clocks else "clock of this machine, UTC; whether something keeps it right is not known"
    return Integrity((*context.chains, *runs), source, context.product)


def _next(exercise: Exercise, context: Context) -> NextDrill:
    """What is in the calendar, else by when the organisation wants the next one."""
    record = exercise.record
    if record.next_drill != NextDrill() or record.kind == "incident" or not record.ended or not context.drill_every_s:
        return record.next_drill
    return NextDrill(record.ended + context.drill_every_s, schedule="readiness: drill_every:")


def _retention(record: DrillRecord, zone: str) -> Retention:
    """The last day on which it is kept, counted from its end; none of one that is kept longer than calendars go."""
    kept = record.retention
    since = record.ended or record.started or record.created
    if kept.until or not kept.years or not since:
        return kept
    return replace(kept, until=date_of(since + kept.years * YEAR_S, zone))
