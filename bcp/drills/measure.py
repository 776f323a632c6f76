"""Targets against what was achieved: only what was reached counts, and every figure says how it was measured. Pure.

What an exercise measured itself (the lab breaks Exchange and knows when) is better than what a run could see; what
nobody measured stays *not measured*.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bcp.contracts.exercise import VOID, DrillRecord, Judged, Objective, Outcome
from bcp.contracts.exercise_parts import Detection, Failback, Mails
from bcp.drills.fold import Exercise
from bcp.drills.outages import began, outages
from bcp.drills.steps import ending
from bcp.engine.state import FINAL, StepState
from bcp.engine.store import RunView
from bcp.reports.achieved import GATES, WELL, first_mail, onset_of_run
from bcp.reports.reach import Reach, reached

PRACTICE = frozenset({"tabletop"})
"""Kinds in which nothing is carried out and the facilitator's clock measures."""
DRY = frozenset({"dry"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the objectives are judged by."""

    onset: float
    """When the outage began; 0: not known."""
    exact: bool
    first_mail: float = 0.0
    lab_mail: float = 0.0
    """The same by the lab's own count of numbered mails."""
    test_mail: tuple[float, str] = (0.0, "")
    """When the relay took the test mail of a live drill, and where that stands: a drill domain carries no other mail,
    or the relay passed it on at once."""
    told: Mapping[str, Reach] | None = None
    mails: Mails = field(default_factory=Mails)
    failback: tuple[Failback, ...] = ()
    over: bool = False
    """Nothing more happens: what was not reached will not be."""
    failed: bool = False
    """A run was rejected, aborted or failed: it moved no mail for good."""
    given_up: bool = False
    """People ended it: it was rejected, nobody answered, or it was aborted. It meets no objective."""
    moved: bool = False
    """MX was moved, and verified."""
    dry: bool = False
    drained: tuple[str, ...] = ()
    """Events by which the relay accounted for its mail: when it came, and what became of it."""
    counted: tuple[str, ...] = ()
    """Where the lab's own count of mails stands."""
    saw: tuple[str, ...] = ()
    """Where the lab's first mail stands."""
    again: tuple[Facts, ...] = ()
    """Of every later outage in the same record (mail was back, and it failed again): the slowest answer counts."""
    aims: frozenset[str] = frozenset()
    """Of a later outage: the objectives of the playbooks that answered it."""


def facts_of(exercise: Exercise, views: Sequence[RunView], detection: Detection, mails: Mails,
             failback: tuple[Failback, ...], internal: Collection[str]) -> Facts:  # fmt: skip
    """From the runs of an exercise, and what its conductor measured."""
    away, *later = outages(views, failback)
    lab = [float(r["first"]) for r in exercise.measured.get("first_mail", ()) if r.get("first")]
    named = {o.audience for o in exercise.record.objectives}  # whoever has a target is told, on call or not
    others = frozenset(internal) - named
    told = _volunteers(exercise, _told(away, others))
    bad = bad_runs(views)
    ended = bool(away) and all(v.state.status in FINAL for v in views)
    found = Facts(
        detection.outage_since,
        detection.exact,
        min((t for v in away if (t := _first_mail(v, views))), default=0.0),
        min(lab, default=0.0),
        min((m for v in away if (m := _test_mail(exercise, v))[0]), default=(0.0, "")),
        told,
        mails,
        failback,
        over=exercise.over or ended,
        failed=bool(bad),
        given_up=bool({"aborted", "rejected"} & {exercise.record.outcome, *map(outcome_of, bad)}),
        moved=any(switch_of(v) is not None for v in away),
        dry=exercise.record.kind in DRY,
        drained=tuple(
            f"{v.id}#{e.seq}"
            for v in views
            for e in v.record.events
            if e.kind == "step_finished" and "unaccounted" in (e.data.get("outputs") or {})
        ),
        counted=_events(exercise, "mails")[-1:],
        saw=_events(exercise, "first_mail")[:1],
    )
    return replace(found, again=tuple(_later(found, runs, views, others, exact=detection.exact) for runs in later))


def _told(away: Sequence[RunView], internal: Collection[str]) -> dict[str, Reach]:
    told: dict[str, Reach] = {}
    for view in away:
        for name, reach in reached(view, internal).items():
            old = told.get(name)
            if old is None or old.at is None:
                told[name] = replace(reach, event=ending(view, reach.step))
    return told


def _later(
    first: Facts, away: Sequence[RunView], views: Sequence[RunView], internal: Collection[str], *, exact: bool
) -> Facts:
    """The same of an outage that came when mail was back."""
    onset = onset_of_run(away[0])
    mail = min((t for v in away if (t := _first_mail(v, views))), default=0.0)
    told, moved = _told(away, internal), any(switch_of(v) is not None for v in away)
    wanted = {c for v in away for c, t in (v.record.meta.get("objectives") or {}).items() if t is not None}
    return replace(
        first, onset=onset.at, exact=exact and onset.exact, first_mail=mail, lab_mail=0.0, test_mail=(0.0, ""),
        told=told, moved=moved, aims=frozenset(wanted),
    )  # fmt: skip


def _volunteers(exercise: Exercise, told: dict[str, Reach]) -> dict[str, Reach]:
    """They alone are told in a live drill, whomever the playbook names. Whoever has a target of their own keeps it."""
    who = exercise.play.volunteers
    if exercise.record.kind != "live" or not who:
        return told
    named = {o.audience for o in exercise.record.objectives}
    kept = {n: r for n, r in told.items() if n in named}
    enough = [r for r in told.values() if r.at is not None] or list(told.values())
    return kept | ({who: replace(min(enough, key=lambda r: r.at or 0.0), audience=who)} if enough else {})


def _test_mail(exercise: Exercise, view: RunView) -> tuple[float, str]:
    """The end of the first step by which a relay took our test mail, sent as a sender would, after the switch."""
    if exercise.record.kind != "live" or (switch := switch_of(view)) is None:
        return 0.0, ""
    steps = [s for s in view.state.steps.values() if s.outputs.get("by_relay") is True and s.status in WELL]
    return min(((s.ended, ending(view, s.id)) for s in steps if s.started >= switch.started), default=(0.0, ""))


def _events(exercise: Exercise, what: str) -> tuple[str, ...]:
    """Where a conductor wrote down what it measured."""
    return tuple(str(row["event"]) for row in exercise.measured.get(what, ()))


def bad_runs(views: Sequence[RunView]) -> list[RunView]:
    """Runs away from Exchange that were rejected, aborted or failed, and that no later one made good: one of the same
    playbook, or one that moved MX, that is done or under way."""
    away = sorted((v for v in views if not v.record.meta.get("parent")), key=began)
    ended = [v for v in away if v.state.status in FINAL and v.state.status != "done"]
    return [v for v in ended if not any(_makes_good(later, v) for later in away)]


def _makes_good(later: RunView, bad: RunView) -> bool:
    if later.state.status in FINAL and later.state.status != "done":
        return False
    same = later.plan["playbook"] == bad.plan["playbook"] or switch_of(later) is not None
    return same and began(later) >= (bad.state.ended or began(bad)) and later.id != bad.id


def counted(objectives: Sequence[Objective], outcome: Outcome) -> tuple[Objective, ...]:
    """What was reached by an exercise that came to nothing does not count."""
    if outcome not in VOID:
        return tuple(objectives)
    return tuple(replace(o, judged="void") if o.judged == "met" else o for o in objectives)


def switch_of(view: RunView) -> StepState | None:
    """The step that moved MX, and was verified."""
    return next((s for s in view.state.steps.values() if s.outputs.get("safe_at") and s.status in WELL), None)


def moved_by(view: RunView) -> StepState | None:
    """The step that moved MX, also where it was undone later: what was measured until then stays measured."""
    held = WELL | {"undone", "undo_failed"}
    return next((s for s in view.state.steps.values() if s.outputs.get("safe_at") and s.status in held), None)


def outcome_of(view: RunView) -> Outcome:
    """How a run ended, as an outcome of the exercise."""
    status = view.state.status
    if status == "failed":
        return "rejected" if view.state.rule in GATES else "failed"
    known: dict[str, Outcome] = {"done": "completed", "aborted": "aborted", "stopped": "interrupted"}
    return known.get(status, "")


def _first_mail(view: RunView, views: Sequence[RunView]) -> float:
    switch = switch_of(view)
    if switch is None:
        return 0.0
    children = [v for v in views if v.record.meta.get("parent") == view.id]
    return first_mail((view, *children), switch.started)


def judged(objectives: Sequence[Objective], facts: Facts, exercise: Exercise) -> tuple[Objective, ...]:
    """Each target with what was achieved. ``rto_communicate`` without an audience is for each that was to be told."""
    out: list[Objective] = []
    apart = {o.audience for o in objectives if o.code == "rto_communicate" and o.audience}
    for objective in objectives:
        if objective.code == "rto_communicate" and not objective.audience:
            names = [n for f in (facts, *facts.again) for n in f.told or {} if n not in apart]
            out += [_one(replace(objective, audience=n), facts, exercise) for n in dict.fromkeys(names)] or [
                _one(objective, facts, exercise)
            ]
        else:
            out.append(_one(objective, facts, exercise))
    return tuple(out)


def _one(objective: Objective, facts: Facts, exercise: Exercise) -> Objective:
    if exercise.record.kind in PRACTICE:
        return _by_clock(objective, facts, exercise)
    if facts.dry:
        return replace(objective, judged="not-measured")
    if objective.code == "rto_receive":
        return _slowest(
            [_receive(objective, f) for f in (facts, *(a for a in facts.again if objective.code in a.aims))]
        )
    if objective.code == "rto_communicate":
        asked = [f for f in (facts, *facts.again) if objective.audience in (f.told or {})]
        return _slowest([_communicate(objective, f) for f in asked or [facts]])
    if objective.code == "rpo_messages":
        return _lost(objective, facts)
    if objective.code == "wrt":
        return _work_off(objective, facts)
    return _whole(objective, facts) if objective.code == "mtpd" else replace(objective, judged="not-measured")


RANK: Mapping[Judged, int] = {
    "met": 0,
    "not-measured": 1,
    "not-known": 2,
    "open": 3,
    "void": 4,
    "missed": 5,
    "not-reached": 6,
}


def _slowest(said: Sequence[Objective]) -> Objective:
    """Of several outages the one in which it went worst."""
    return max(said, key=lambda o: (RANK[o.judged], o.achieved or 0.0))


def _timed(objective: Objective, at: float, since: float, how: str, *, exact: bool, failed: bool = False) -> Objective:
    """Something was reached at this time. ``failed``: the run came to nothing, so that it meets nothing by it: what was
    too late is missed, and what was in time is void. Nothing is reached before what it answers: there the clock was set
    back meanwhile, and how long it took is not known."""
    achieved = round(at - since, 1)
    if achieved < 0:
        return replace(objective, judged="not-measured")
    reached: Judged = "void" if failed else "met" if exact else "not-known"
    said: Judged = "missed" if achieved > objective.target else reached
    return replace(objective, achieved=achieved, judged=said, how=how)


def _open(objective: Objective, facts: Facts) -> Objective:
    """It was not reached: for good, or so far."""
    return replace(objective, judged="not-reached" if facts.over or facts.failed else "open")


def _receive(objective: Objective, facts: Facts) -> Objective:
    proofs = {"lab-mail": facts.saw, "first-mail": facts.drained, "test-mail": (facts.test_mail[1],)}
    times = {"lab-mail": facts.lab_mail, "first-mail": facts.first_mail, "test-mail": facts.test_mail[0]}
    for how, at in times.items():
        if at and facts.onset:
            said = _timed(objective, at, facts.onset, how, exact=facts.exact, failed=facts.failed)
            return replace(said, evidence=proofs[how])
    unread = facts.moved and facts.over and not facts.failed  # mail may have come, and nobody looked
    return replace(objective, judged="not-measured") if unread else _open(objective, facts)


def _communicate(objective: Objective, facts: Facts) -> Objective:
    reach = (facts.told or {}).get(objective.audience)
    if reach is None or reach.at is None or not facts.onset:
        fraction = reach.fraction if reach is not None else None
        return replace(_open(objective, facts), fraction=fraction, how="ledger" if reach else "")
    return replace(
        _timed(objective, reach.at, facts.onset, "ledger", exact=facts.exact, failed=facts.given_up),
        fraction=reach.fraction,
        evidence=(reach.event,) if reach.event else (),
    )


def _lost(objective: Objective, facts: Facts) -> Objective:
    """Mails that failed for good, of those that were counted to their end."""
    counted = facts.mails
    if not counted.how or counted.lost is None:
        return replace(
            objective, judged="not-measured" if facts.over and not facts.failed else _open(objective, facts).judged
        )
    lost = counted.lost + (counted.bounced or 0)
    said: Judged = "met" if counted.left == 0 else "not-known"
    if lost > objective.target:
        said = "missed"
    elif facts.failed:
        said = "not-reached"
    evidence = facts.counted if counted.how == "lab-count" else facts.drained
    return replace(objective, achieved=float(lost), judged=said, how=counted.how, evidence=evidence)


def _work_off(objective: Objective, facts: Facts) -> Objective:
    rows = [f for f in facts.failback if f.mx_back and f.drained >= f.mx_back]
    if not rows:
        return _open(objective, facts)
    last = max(rows, key=lambda f: f.drained)
    return replace(_timed(objective, last.drained, last.mx_back, "drain", exact=True), evidence=facts.drained)


def _whole(objective: Objective, facts: Facts) -> Objective:
    """The disruption ends when mail goes the usual way again and nothing is left in the relay."""
    ends = [f.drained for f in facts.failback if f.mx_back and f.drained]
    if not ends or not facts.onset:
        return _open(objective, facts)
    said = _timed(objective, max(ends), facts.onset, "until-well", exact=facts.exact)
    return replace(said, evidence=facts.drained)


def _by_clock(objective: Objective, facts: Facts, exercise: Exercise) -> Objective:
    """A tabletop: reached when somebody noted the decision by which it was, by the clock of the exercise. What was
    decided before the outage began reaches nothing: nobody can answer what has not happened."""
    onset = onset_in_story(exercise)
    rows = [
        r
        for r in exercise.reaches
        if r["code"] == objective.code
        and (not objective.audience or r["audience"] == objective.audience)
        and float(r["story_s"]) >= onset
    ]
    if not rows:
        return replace(objective, judged="not-reached" if facts.over else "open", how="clock")
    first = min(rows, key=lambda r: float(r["story_s"]))
    since, seq = float(first["story_s"]) - onset, int(first["seq"])
    said: Judged = "met" if since <= objective.target else "missed"
    evidence = (f"{exercise.record.id}#{seq}",)
    return replace(objective, achieved=round(since, 1), judged=said, how="clock", evidence=evidence)


def onset_in_story(exercise: Exercise) -> float:
    """At which second of the story the outage begins."""
    rows = exercise.measured.get("onset", ())
    return float(rows[-1].get("story_s", 0.0)) if rows else 0.0


def targets_of(views: Sequence[RunView]) -> tuple[Objective, ...]:
    """The objectives of the playbooks that ran, for incidents: they were fixed when the playbook was written."""
    out: dict[str, Objective] = {}
    for view in views:
        for code, value in (view.record.meta.get("objectives") or {}).items():
            if value is not None and code in CODES and code not in out:
                at = float(view.plan.get("created") or 0.0)
                out[code] = objective_of(code, float(value), fixed_at=at)
    return tuple(out.values())


CODES = {
    "rto_receive": "new mail is taken by the relay within {target} of the start of the outage",
    "rto_communicate": "95 of 100 people of the audience are told within {target} of the start of the outage",
    "rpo_messages": "no more than {target} mails fail for good",
    "wrt": "the relay is drained within {target} of the way back",
    "mtpd": "mail flows as usual and nothing is left in the relay within {target} of the start of the outage",
}
"""Pass criteria in words, by objective."""


def objective_of(code: str, target: float, audience: str = "", fixed_at: float = 0.0) -> Objective:
    """An objective with its usual criterion."""
    from bcp.kernel.units import format_duration

    unit = "messages" if code == "rpo_messages" else "s"
    said = f"{target:g}" if unit == "messages" else format_duration(target)
    words = CODES[code].format(target=said).replace("the audience", audience or "the audience")
    return Objective(code, target, audience, "messages" if unit == "messages" else "s", words, fixed_at)


def targets(record: DrillRecord, views: Sequence[RunView]) -> tuple[Objective, ...]:
    """What was fixed for the exercise, else what its playbooks say. Of a real outage the playbooks come first: what is
    written down when it is over was not fixed beforehand."""
    if record.kind != "incident":
        return record.objectives or targets_of(views)
    fixed = targets_of(views)
    known = {o.code for o in fixed}
    return (*fixed, *(o for o in record.objectives if o.code not in known))
