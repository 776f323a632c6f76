"""What a round amounts to: state, classes, proposal, reasons. The last step of the detector. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bcp.contracts.probe import Role
from bcp.detect import back, gateway, survey
from bcp.detect import own as ours
from bcp.detect.course import Course, after_look
from bcp.detect.decide import Case, Judgement, Moment, Setting, propose
from bcp.detect.due import clock_of, decide_after
from bcp.detect.evidence import BY_ID, OF_A_PART, says
from bcp.detect.inbound import sees_known
from bcp.detect.looks import ZONE
from bcp.detect.mails import TRIP
from bcp.detect.memory import fails_now
from bcp.detect.planes import PlaneView
from bcp.detect.reasons import changes_of, confidence_of, evidence_of
from bcp.detect.refusals import ALONE, UNTRIED
from bcp.detect.rounds import Round
from bcp.detect.survey import Survey
from bcp.detect.verdict import MOVED, ONCE, SWITCHES, URGENCY, Decision, Ours, classes_of, switch_helps
from bcp.detect.words import IS, IS_NOT, MAINTENANCE
from bcp.detect.works import failed_once, left_at


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The planes by how sure we are."""

    down: tuple[PlaneView, ...]
    """Confirmed; what is seen now before what is hidden."""
    shown: tuple[PlaneView, ...]
    """Of the confirmed, those that are seen now."""
    doubtful: tuple[PlaneView, ...]
    serious: tuple[PlaneView, ...]
    """Doubtful planes that a class may rest on."""
    throttled: frozenset[str]


def conclude(r: Round) -> tuple[Course, Decision]:
    """The course of the outage after this round, and the verdict."""
    planes = _sort(r)
    own = _own(r)
    state = _state(r, planes, own)
    classes = _classes(r, planes, own, state)
    clear = _clear(r, planes)
    course = after_look(
        r.course, down=bool(planes.shown), suspect=state == "suspect", clear=clear, now=r.now, rules=r.rules
    )
    partial = any(v.status == "partial" for v in planes.serious) and not planes.down
    cases = _cases(r, planes, classes, state, partial)
    moment = _moment(r, planes, course)
    cut = any(survey.cuts_off(v) for v in planes.serious)
    disputed = any(_disputed(r, v) for v in planes.serious)
    alone = next((says(g) for g in _found(r) if g in ALONE), "")
    doubted = [v for v in planes.serious if alone or v.status == "partial" or _disputed(r, v)]
    fails = cut or any(survey.fails_at_all(v, r.rules) and r.of(v.name).lately() for v in doubted)
    why = alone or next((says(g) for g in _found(r) if cut and g in OF_A_PART), "")
    beside, unproven = bool(_beside(r, planes)), not all(c.well for c in cases)
    setting = Setting(state, classes, partial, fails, disputed, why, beside, unproven, gateway.unseen(r), _bounces(r))
    judgement = propose(setting, cases, moment, r.rules)
    return course, _decision(r, planes, own, state, classes, course, partial, cases, moment, judgement)


def _sort(r: Round) -> _Sorted:
    confirmed = tuple(v for v in r.views if r.of(v.name).confirmed and not gateway.drains(r, v))
    doubtful = tuple(v for v in r.views if v.status in {"down", "partial", "suspect"} and v not in confirmed)
    shown = tuple(v for v in confirmed if v.status != "unknown")
    throttled = frozenset(survey.limited(r.lanes.values()))
    serious = tuple(v for v in doubtful if v.name not in throttled and not _explained(r, v))
    return _Sorted(shown or confirmed, shown, doubtful, serious, throttled)


def _explained(r: Round, view: PlaneView) -> bool:
    """Is all that is wrong with it explained by something that is no outage?"""
    if view.name != "inbound":
        return gateway.drains(r, view)
    bad = [w for w in view.ways if w.down or w.suspect or w.share or w.down_targets]
    gone = set(_removed(r))
    return bool(bad) and all(
        w.muted or (gone and all(p.watched.probe in gone or p.accepted for p in w.probes)) for w in bad
    )


def _removed(r: Round) -> tuple[str, ...]:
    """Recipients that were removed. Where domains are looked at apart, the recipients of another one tell nothing."""
    if not r.apart:
        return r.whole.weighed.removed
    return tuple(dict.fromkeys(p for s in r.apart.values() for p in s.weighed.removed))


def _found(r: Round) -> tuple[str, ...]:
    """Rules that made a difference. Where domains are looked at apart, those of each: weighed together, the recipients
    of one would speak of another's."""
    seen = tuple(r.apart.values()) or (r.whole,)
    return tuple(dict.fromkeys(g for s in seen for g in s.weighed.grounds))


def _bounces(r: Round) -> bool:
    """Is a part of the recipients of a domain refused for good, while that domain is not confirmed down?"""
    return any(s.weighed.refused_partly and not r.of("inbound", d).confirmed for d, s in r.apart.items())


def _disputed(r: Round, view: PlaneView) -> bool:
    """Is one way of looking down and another one not? Where others say so too the plane is down by that, and is still
    disputed when what speaks for it does not fail at this moment, or when it has been down for long enough and was not
    confirmed, as the other way sees it well at this moment."""
    ways = [w for w in view.ways if not w.muted]
    if view.name not in MOVED or not any(w.down for w in ways):
        return False
    if view.status != "down":
        return view.status == "suspect"
    since, another = r.of(view.name).down_since, any(w.role is Role.LOOK and w.known and not w.down for w in ways)
    return not view.failing_now or (another and since is not None and r.now - since >= r.rules.confirm_for_s)


def _own(r: Round) -> tuple[ours.Own, ...]:
    """Faults of ours, and what turned out to be one when it was weighed."""
    removed = ours.removed_words(_removed(r))
    grounds = r.whole.weighed.grounds
    limits = [("", says("delivered-throttled"))] if "delivered-throttled" in grounds else []
    return (*r.own, *removed, *limits)


def _state(r: Round, planes: _Sorted, own: Sequence[ours.Own]) -> str:
    if planes.shown:
        return "down"
    if planes.down:
        return "unknown"
    blind = survey.blind(r.views, r.looked)
    unseen = [v for v in blind if v.name in MOVED]
    if (planes.doubtful or (r.views and r.interrupted)) and not (unseen and own and not planes.serious):
        return "suspect"
    if blind or not any(v.status == "ok" for v in r.views):
        return "unknown"
    if not r.fresh and left_at(r.lanes.values()):
        return "unknown"
    return "suspect" if _recalled(r) and failed_once(r.lanes.values()) else "healthy"


def _recalled(r: Round) -> float | None:
    """Since when an outage goes on in the middle of which this watch was started: one failing look is no slip then."""
    times = (m.recalled for m in r.memory.values() if m.recalled is not None)
    return min(times, default=None) if r.course.outage == "found" else None


def _classes(r: Round, planes: _Sorted, own: Sequence[ours.Own], state: str) -> tuple[str, ...]:
    rest = planes.down or planes.serious
    down = {v.name for v in planes.down}
    if down in ({"gateway"}, {"outbound"}) and gateway.own_queue(r, planes.down[0], _found(r)):
        return ("H",)
    if "gateway" in down and "inbound" not in down:  # doubtful direct delivery does not hide the gateway
        rest = (*(v for v in rest if v.name != "inbound"), *gateway.direct(r, planes.down, planes.serious))
    names = bool(planes.down) and any(v.name == "dns" and v.status == "partial" for v in planes.doubtful)
    partly = r.whole.weighed.refused_partly or any(s.weighed.refused_partly for s in r.apart.values())
    alone = not {*ALONE, UNTRIED}.isdisjoint(_found(r)) and not planes.down
    rest = tuple(v for v in rest if not survey.hearsay(v)) or rest
    classes = classes_of(rest, names_fail=names, refused_partly=partly or alone)
    doubted = partly or not ALONE.isdisjoint(_found(r))
    classes = tuple(dict.fromkeys((*classes, *classes_of(_beside(r, planes), refused_partly=doubted))))
    if "F" in classes and "B" not in classes and any(_deferred(r, d, s) for d, s in r.apart.items()):
        classes = tuple(x for c in classes for x in (("F", "B") if c == "F" else (c,)))
    if "gateway" in down and "G" not in classes and gateway.of_a_domain(r):
        classes = tuple(sorted((*classes, "G"), key=URGENCY.index))
    if own and not planes.shown:
        return ("H", *classes) if state == "unknown" else tuple(dict.fromkeys((*classes, "H")))
    return ("H",) if planes.throttled and not classes else classes


def _deferred(r: Round, domain: str, seen: Survey) -> bool:
    """Is this domain's mail put off, and not refused for good? That another one's is refused must not hide it."""
    view = seen.plane("inbound")
    down = view is not None and view.status == "down" and r.of("inbound", domain).confirmed
    return down and view is not None and not (view.rejecting or seen.weighed.refused_partly)


def _beside(r: Round, planes: _Sorted) -> tuple[PlaneView, ...]:
    """Inbound mail, where a part of it fails beside another plane that is down: that must not hide it. It does not hide
    the gateway's way either."""
    if not planes.shown or any(v.name in {*MOVED, "gateway"} for v in planes.down):
        return gateway.direct(r, planes.down, planes.serious)
    alone = not ALONE.isdisjoint(_found(r))
    parts = (v for v in planes.serious if v.name == "inbound" and (alone or v.status == "partial"))
    return tuple(v for v in parts if survey.fails_at_all(v, r.rules) and r.of(v.name).lately())


def _clear(r: Round, planes: _Sorted) -> bool:
    """Nothing is wrong, and what MX is moved for is seen to be well. With MX on the relay that alone matters."""
    if r.course.standing == "active":
        return back.clear(r.views, _known_seen)
    unseen = any(v.name in MOVED for v in survey.blind(r.views, r.looked))
    return not planes.serious and not planes.down and not unseen and any(v.status == "ok" for v in r.views)


def _moment(r: Round, planes: _Sorted, course: Course) -> Moment:
    down = {v.name for v in planes.down}
    said = {w.kind: w.who for w in r.words}
    broken = (w.who for w in r.words if w.kind == IS and w.outage_class in SWITCHES)
    return Moment(
        stage=course.stage,
        relay_ready=False if r.relay_unseen else None,
        maintenance=said.get(MAINTENANCE, ""),
        denied=said.get(IS_NOT, ""),
        declared=next(broken, ""),
        on_relay_s=r.now - course.active_since if course.active_since is not None else None,
        gateway_down="gateway" in down and "inbound" not in down and not gateway.direct(r, planes.down, planes.serious),
        fresh=r.fresh,
        flapping=_flapping(r, planes.shown),
    )


def _flapping(r: Round, down: Sequence[PlaneView]) -> bool:
    """Does what a proposal would rest on come and go? A steady outage is not excused by another plane that flaps."""
    moved = [v for v in down if v.name in MOVED]
    if moved:
        return all(r.of(v.name).flapping for v in moved)
    names = MOVED if r.course.standing == "active" else {v.name for v in r.views}
    return any(m.flapping for (p, d), m in r.memory.items() if not d and p in names)


# -- cases -----------------------------------------------------------------------------------------------------------


def _cases(r: Round, planes: _Sorted, classes: tuple[str, ...], state: str, partial: bool) -> tuple[Case, ...]:
    """One case for each domain that is looked at apart; one for all of them where none is."""
    if not r.apart and not r.spared:
        down = tuple(v.name for v in planes.down)
        return (_case(r, "", replace(r.whole, views=r.views), state, classes, down),)
    out = [_case_of(r, d, s, planes) for d, s in r.apart.items()]
    well = any(v.name in MOVED for v in r.views)
    spared = (Case(d, "healthy", unseen=d in r.unseen, well=well and d not in r.unseen) for d in r.spared)
    return (*out, *spared)


def _case_of(r: Round, domain: str, seen: Survey, planes: _Sorted) -> Case:
    confirmed = [v for v in seen.views if r.of(v.name, domain).confirmed and v.status != "unknown"]
    general = [v for v in planes.shown if v.name not in survey.APART]
    classes = classes_of([*confirmed, *general], refused_partly=seen.weighed.refused_partly)
    state = "down" if confirmed else "healthy"
    return _case(r, domain, seen, state, classes, tuple(v.name for v in confirmed))


def _case(r: Round, domain: str, seen: Survey, state: str, classes: tuple[str, ...], down: tuple[str, ...]) -> Case:
    views = seen.views
    fallen = [v for v in views if v.name in MOVED and v.name in down]
    live = [v for v in fallen if v.failing_now and fails_now(v)]
    moved = live or fallen  # what does not fail at this moment lends its minutes to nothing else
    moved = [v for v in moved if not survey.only_limits(v)] or moved  # nor do limits of ours
    down = tuple(n for n in down if n not in MOVED or n in {v.name for v in moved})
    memories = [r.of(v.name, domain) for v in moved]
    return Case(
        domain,
        state,
        classes,
        down,
        seen=any(v.seen for v in moved),
        failing_now=bool(live),
        lately=not memories or any(m.lately() for m in memories),
        failed_s=max((m.failed_s for m in memories), default=0.0),
        sure_share=max((m.sure_share() for m in memories), default=0.0),
        likely_share=max((m.likely_share() for m in memories), default=0.0),
        share=max((v.share for v in moved), default=0.0),
        refused=any(v.rejecting for v in moved),
        flapping=bool(memories) and all(m.flapping for m in memories),
        bounced=any(survey.bounces(v) for v in moved),
        delivered=seen.weighed.delivered and all(v.name != "dns" for v in moved),
        zone_down=any(v.name == ZONE and v.status == "down" and r.of(ZONE, domain).confirmed for v in views),
        limited=bool(moved) and all(survey.only_limits(v) for v in moved),
        mails_alone=bool(moved) and all(survey.only_mails(v) for v in moved),
        gateway_spared=gateway.spares(r, domain),
        unseen=bool(domain) and any(v.name in MOVED and (v.status == "unknown" or not _known_seen(v)) for v in views),
        well=back.well(views, r.rules, _known_seen, moved=r.course.standing == "active"),
    )


def _known_seen(view: PlaneView) -> bool:
    return view.name != "inbound" or sees_known(view.ways)


# -- the decision ----------------------------------------------------------------------------------------------------


def _decision(
    r: Round,
    planes: _Sorted,
    own: Sequence[ours.Own],
    state: str,
    classes: tuple[str, ...],
    course: Course,
    partial: bool,
    cases: tuple[Case, ...],
    moment: Moment,
    judgement: Judgement,
) -> Decision:
    bad = planes.down or planes.serious
    fallen = tuple(v.name for v in planes.down)
    since = min((s for v in bad if (s := r.of(v.name).since) is not None), default=None)
    since = _recalled(r) if since is None and state != "healthy" else since
    moved = [v for v in planes.shown if v.name in MOVED]
    first = min((s for v in moved if (s := r.of(v.name).since) is not None), default=since)
    sure, good, against = confidence_of(
        bad, len(r.vantages), r.controls, corroborated=bool(r.backing.texts), own=bool(own), partial=partial
    )
    ways = [w for v in (planes.down or planes.doubtful) for w in v.ways]
    evidence = [evidence_of(w) for w in ways if w.down or w.suspect or w.share]
    notes, by = (*(Ours(f"{v}: {t}" if v else t) for v, t in own), *r.notes), _decide_at(r, judgement, cases)
    quiet = judgement.action == "none" if state == "healthy" else state == "suspect" and not evidence
    once = failed_once(r.lanes.values()) if quiet else ()
    shown = evidence or once or (notes if state != "healthy" else ())
    good += [says(g) for g in _grounds(r, "proves", "speaks")]
    against += [says(g) for g in _grounds(r, "vetoes", "halves", "abstains", "doubts", "is H")]
    return Decision(
        state,
        classes,
        fallen,
        since,
        tuple((notes or left_at(r.lanes.values())) if state == "unknown" else shown),
        course.stage,
        sure if classes else 0,
        (*good, *r.backing.texts) if classes else (),
        tuple(against) if classes else (),
        judgement.action,
        ONCE if once and state == "healthy" else judgement.why,
        by,
        clock_of(classes, first, by) if planes.down and switch_helps(classes, fallen) else (),
        partial,
        moment.flapping,
        max((m.percent for (_, d), m in r.memory.items() if not d), default=0.0),
        notes,
        r.views,
        domains=_affected(planes, judgement),
        spared=tuple(sorted(c.domain for c in cases if c.domain and c.state != "down")),
        failing_now=any(c.failing_now for c in cases),
        failed_s=max((c.failed_s for c in cases), default=0.0),
        moves=_moves(r, planes, judgement, classes, fallen),
        refusals=tuple(dict.fromkeys(x.rule for x in judgement.refusals)),
        changes=tuple(changes_of(judgement, cases, r.rules, state=state, action=judgement.action, notes=r.notes)),
        words=tuple(w.say() for w in r.words),
        wants=_wants(r),
        cases=cases,
        moment=moment,
    )


def _wants(r: Round) -> tuple[str, ...]:
    """Probes of whole mails, where only these can tell what a refusal means. Not while MX is on the relay."""
    domains = {d for d, s in r.apart.items() if s.weighed.wants_mail}
    if r.course.standing not in {"none", "decided"} or not (domains or r.whole.weighed.wants_mail):
        return ()
    mails = [v.watched for v in r.lanes.values() if v.watched.way == TRIP and not v.watched.control]
    return tuple(w.probe for w in mails if not domains or not w.domains or domains & set(w.domains))


def _grounds(r: Round, *effects: str) -> list[str]:
    return [g for g in _found(r) if BY_ID[g].effect in effects]


def _decide_at(r: Round, judgement: Judgement, cases: Sequence[Case]) -> float | None:
    """Wall time at which it is decided if it goes on failing."""
    if judgement.action not in {"wait", "switch", "ask"}:
        return None
    times = [
        r.wall + need - c.failed_s
        for c in cases
        if c.state == "down"
        and not (c.limited or c.mails_alone)
        and (need := decide_after(c.classes, c.planes, r.rules)) is not None
    ]
    return min(times) if times else None


def _affected(planes: _Sorted, judgement: Judgement) -> tuple[str, ...]:
    if judgement.action == "switch" and judgement.domains != ("",):
        return judgement.domains
    named = {d for v in planes.down for d in v.domains}
    return tuple(sorted(named))


def _moves(r: Round, planes: _Sorted, judgement: Judgement, classes: tuple[str, ...], fallen: tuple[str, ...]) -> bool:
    """May a playbook be recommended that moves MX? Not for what is slow, only at the edge, or near some places only."""
    if judgement.action in {"switch", "wait"}:
        return True
    if judgement.action != "ask":
        return False
    if planes.down:
        unsure = any(x.rule in {"not-limited", "looked-at", "zone-readable"} for x in judgement.refusals)
        return switch_helps(classes, fallen) and not unsure and not _beside(r, planes)
    if r.whole.weighed.through or not ALONE.isdisjoint(_found(r)):
        return False
    inbound = [v for v in planes.serious if v.name == "inbound" and sees_known(v.ways)]
    if any(survey.cuts_off(v) for v in inbound):
        return True
    failing = [v for v in inbound if survey.fails_at_all(v, r.rules, ours=True) and r.of(v.name).lately()]
    return any(not survey.only_places(v) for v in failing)
