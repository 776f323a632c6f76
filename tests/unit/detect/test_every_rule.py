"""Every rule of the judgement, taken away or changed by a little, turns a truth false.

A truth is an outage as it is lived through and what must be said of it. It holds with the rules as they are. For each
rule of evidence (``EVIDENCE``), each condition of a deed (``CONDITIONS``, ``BACK``), each plane that backs another
(``BACKS``) and each number (``Rules``) there is one that does not hold without it: a table that nobody needs is a lie,
and a rule that nobody would miss is not tested.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import pytest

from bcp.contracts.probe import Part, Result, Role, Signal, Watched
from bcp.detect import counter, decide, inbound, looks, mails, planes, refusals
from bcp.detect.cases import Case, Moment
from bcp.detect.decide import BACK, CONDITIONS, judge_now
from bcp.detect.detector import Detector
from bcp.detect.evidence import BACKS, EVIDENCE
from bcp.detect.rules import Rules

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
RULES = Rules(confirm_for_s=60.0, decide_b_s=600.0)
WATCHED = {
    w.probe: w
    for w in (
        Watched("smtp", "smtp", "inbound", medium="smtp"),
        Watched("smtp_2", "smtp", "inbound", medium="smtp"),
        Watched("smtp_3", "smtp", "inbound", medium="smtp"),
        Watched("smtp_4", "smtp", "inbound", medium="smtp"),
        Watched("smtp_5", "smtp", "inbound", medium="smtp"),
        Watched("unknown", "smtp-unknown", "inbound", medium="smtp"),
        Watched("trip", "round-trip", "outbound", medium="smtp"),
        Watched("people", "people", "inbound", Role.PEOPLE),
        Watched("graph", "graph-health", "declared", Role.DECLARED, "https"),
        Watched("names", "dns", "dns", medium="dns"),
        Watched("boxes", "graph-mailbox", "mailbox", medium="https"),
        Watched("gate", "smtp", "gateway", medium="smtp"),
        Watched("owa", "https", "edge", medium="https"),
        Watched("imap", "imap", "edge", medium="https"),
        Watched("mapi", "mapi", "edge", medium="https"),
        Watched("control", "smtp", "edge", medium="smtp", control=True),
    )
}
NO, LATER, OUR_LIMIT, OUT = (FAIL, "rejects"), (FAIL, "4xx-rcpt"), (FAIL, "throttled"), (FAIL, "timeout")
SOME = (DEGRADED, "rejects-some")
NOT_TAKEN = (UNKNOWN, "not-taken")
INCIDENT = (FAIL, "degradation")
SILENT = None
THREE = ("a", "b", "c")


def said(rounds=30, places=("a",), networks=None, rules=RULES, domains=None, clock=None, events=None, **looks):
    """The verdict after so many rounds. A look is a result, (result, kind[, data[, evidence]]), one of these by place
    in a dict, a list of them by turns, a function of the round, or nothing; ``events`` are by round."""
    watched = [replace(WATCHED[n], domains=(domains or {}).get(n, ())) for n in looks]
    detector = Detector(rules, watched, vantages=places, here=places[0], networks=networks)
    for n in range(rounds):
        now = 60.0 * n
        for w, look in zip(watched, looks.values(), strict=True):
            for place in places:
                one = look(n) if callable(look) else look
                one = one.get(place, OK) if isinstance(one, dict) else one
                one = one[n % len(one)] if isinstance(one, list) else one
                if one is SILENT:
                    continue
                result, kind, *more = one if isinstance(one, tuple) else (one, "")
                data, text = more[0] if more else {}, more[1] if len(more) > 1 else kind
                at = now + (clock or {}).get(place, 0.0)
                vantage = "" if place == places[0] else place
                detector.take(Signal(w.probe, w.plane, result, at, kind, text, w.control, data, vantage))
        for event in (events or {}).get(n, ()):
            detector.event(event, now)
        found = detector.settle(now, now)
    return found


# -- rules of evidence -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Without:
    """A rule that is taken away: what stands in the place of ``what``, and the truth that needs it."""

    what: str
    instead: object
    truth: Callable[[], bool]


def weighed_without(**changes):
    """The evidence of inbound mail, without one of its results."""
    real = inbound.weigh
    return lambda *a, **k: replace(real(*a, **k), **changes)


def proof_instead(rule, other):
    """A refusal that is proven by ``rule`` is proven by another one, or by none."""
    real = refusals._proof
    return lambda *a: other if (found := real(*a)) == rule else found


def waits_at_the_relay(n):
    """A mail of each round: not taken, and since round 9 taken by the relay, of which nothing comes out."""
    return NOT_TAKEN if n < 20 else (FAIL, "lost")


def ended_rejects():
    """Valid recipients were refused for good for twenty minutes, and are taken again for two."""
    refused = {f"smtp{n}": lambda n: NO if n < 20 else OK for n in ("", "_2")}
    return said(22, **refused, trip=lambda n: NOT_TAKEN if n < 20 else OK)


def half_of_both(places=("a",)):
    """Half of the looks at direct delivery fail, in two ways, and all of the gateway's."""
    return said(41, places, smtp=[OK, LATER], unknown=[OK, LATER], gate=LATER)


def both_over():
    """Direct delivery and the gateway's way failed together for twenty rounds, and are well for seven; a mail too."""
    now_well = {n: lambda n: LATER if n < 20 else OK for n in ("smtp", "gate")}
    return said(27, **now_well, unknown=OK, trip=lambda n: NOT_TAKEN if n < 20 else OK)


def no_lane(way):
    """Nothing is derived of a look."""
    real = looks._beside
    return lambda lane, which, *a, **k: iter(()) if which == way else real(lane, which, *a, **k)


def unmuted(rule):
    """An unknown recipient counts although that rule mutes it."""
    real = inbound._unknown

    def instead(way, known, grounds):
        found = real(way, known, grounds)
        return replace(found, muted="") if found.muted == rule else found

    return instead


def nobody_accepted(way, *rest):
    """No recipient counts as accepted."""
    return REFUSALS(replace(way, probes=tuple(replace(p, accepted=False) for p in way.probes)), *rest)


def two_begin(rounds):
    """Two recipients are refused from round 12 on; mails are sent, the last one in round 9, and none is since."""
    late = {n: lambda n: NO if n >= 12 else OK for n in ("smtp", "smtp_2")}
    return said(rounds, **late, trip=lambda n: OK if n < 10 else SILENT)


def without_mailbox(there=False, rounds=30, more=()):
    """The only recipient is refused; Graph looks for its mailbox."""
    smtp = Watched("smtp", "smtp", "inbound", medium="smtp", shares=("recipient:a@x.test",))
    boxes = Watched("boxes", "graph-mailbox", "mailbox", medium="https")
    detector = Detector(RULES, [smtp, boxes, *(w for w, _ in more)])
    part = Part(OK, "", "", "a@x.test") if there else Part(UNKNOWN, "own-mailbox", "404", "A@x.test")
    for n in range(rounds):
        detector.take(Signal("smtp", "inbound", FAIL, 60.0 * n, "rejects"))
        seen = (Part(OK, "", "", "b@x.test"), part)
        detector.take(Signal("boxes", "mailbox", OK, 60.0 * n, parts=seen))
        for watched, (result, kind) in more:
            detector.take(Signal(watched.probe, watched.plane, result, 60.0 * n, kind))
        found = detector.settle(60.0 * n, 60.0 * n)
    return found


REFUSALS = refusals.refusals
LEAK = counter.leak
VOTES = planes.votes
VIEW_PLANE = planes.view_plane
PROBES_OF = mails.Mails.probes_of

WITHOUT = {
    "accepted": Without(
        "bcp.detect.inbound._unknown",
        unmuted("accepted"),
        lambda: said(smtp=OK, unknown=LATER, graph=INCIDENT).classes == (),
    ),
    "delivered-throttled": Without(
        "bcp.detect.inbound._throttled",
        lambda way, around, grounds: way,
        lambda: said(smtp=OUR_LIMIT, unknown=OUR_LIMIT, trip=OK, places=THREE).classes == ("H",),
    ),
    "delivered": Without(
        "bcp.detect.survey.weigh", weighed_without(halved=False), lambda: said(smtp=LATER, trip=OK).state == "suspect"
    ),
    "delivered-contradicts": Without(
        "bcp.detect.survey.weigh",
        weighed_without(delivered=False),
        lambda: said(smtp=LATER, trip=OK, unknown=LATER).action == "ask",
    ),
    "unknown-refused": Without(
        "bcp.detect.inbound._unknown",
        unmuted("unknown-refused"),
        lambda: said(smtp=LATER, unknown=OK).action == "switch",
    ),
    "delivered-elsewhere": Without(
        "bcp.detect.mails.Mails.probes_of",
        lambda self, domain="", alike=True: PROBES_OF(self, domain),
        lambda: (
            said(smtp=LATER, smtp_2=OK, trip=OK, domains={"smtp": ("a.test",), "smtp_2": ("b.test",)}).action
            == "switch"
        ),
    ),
    "outvoted": Without(
        "bcp.detect.planes.outvoted",
        lambda failing, well: False,
        lambda: said(smtp={"b": OUT, "c": OUT}, places=THREE).state == "suspect",
    ),
    "family-alone": Without(
        "bcp.detect.planes._cuts",
        lambda stream: False,
        lambda: said(smtp=(DEGRADED, "ipv4-dead"), trip=OK, places=THREE).action == "ask",
    ),
    "most-defer": Without(
        "bcp.detect.planes._cuts",
        lambda stream: False,
        lambda: "put mail off" in said(smtp=(DEGRADED, "most-defer"), trip=OK, places=THREE).why,
    ),
    "rejects-at-some": Without(
        "bcp.detect.planes._cuts",
        lambda stream: False,
        lambda: said(smtp=SOME, trip=OK, places=THREE).classes == ("F",),
    ),
    "others-well": Without(
        "bcp.detect.planes._most",
        lambda bad, known, rules: bad / known >= rules.target_share,
        lambda: said(smtp=LATER, smtp_2=OK).state == "suspect",
    ),
    "degraded": Without(
        "bcp.detect.counter.leak",
        lambda value, result, threshold: value if result is DEGRADED else LEAK(value, result, threshold),
        lambda: said(smtp=[LATER, (DEGRADED, "slow")]).state == "suspect",
    ),
    "two-recipients": Without(
        "bcp.detect.refusals._proof",
        proof_instead("two-recipients", "rejects-alone"),
        lambda: said(smtp=NO, smtp_2=NO).action == "switch",
    ),
    "rejects-some": Without(
        "bcp.detect.inbound.refusals", nobody_accepted, lambda: said(smtp=NO, smtp_2=NO, smtp_3=OK).action == "ask"
    ),
    "rejects-backed": Without(
        "bcp.detect.refusals._proof",
        proof_instead("rejects-backed", "rejects-alone"),
        lambda: said(smtp=NO, trip=NOT_TAKEN).action == "switch",
    ),
    "rejects-alternate": Without(
        "bcp.detect.refusals._proof",
        proof_instead("rejects-alternate", "rejects-contradicted"),
        lambda: said(smtp=[NO, NO, NO, OK]).classes == ("F",),
    ),
    "rejects-contradicted": Without(
        "bcp.detect.refusals._proof",
        proof_instead("rejects-contradicted", "rejects-alone"),
        lambda: said(smtp=NO, smtp_2=OK).classes == ("H",),
    ),
    "rejects-alone": Without(
        "bcp.detect.refusals._proof",
        proof_instead("rejects-alone", "rejects-backed"),
        lambda: said(smtp=NO).action == "ask",
    ),
    "rejects-untried": Without(
        "bcp.detect.refusals._proof",
        proof_instead("rejects-untried", "two-recipients"),
        lambda: two_begin(15).action == "watch" and two_begin(17).action == "switch",
    ),
    "rejects-now": Without(
        "bcp.detect.refusals._proven_now",
        lambda *a: True,
        lambda: said(21, smtp=NO, trip=lambda n: NOT_TAKEN if n < 18 else SILENT).action == "wait",
    ),
    "rejects-lost": Without(
        "bcp.detect.refusals._proof",
        proof_instead("rejects-lost", "rejects-contradicted"),
        lambda: said(smtp=NO, smtp_2=NO, trip=(FAIL, "lost")).action == "ask",
    ),
    "rejects-over": Without(
        "bcp.detect.refusals._is_over",
        lambda *a: False,
        lambda: ended_rejects().classes == ("F",) and ended_rejects().action == "watch",
    ),
    "rejects-gone": Without(
        "bcp.detect.refusals._proof",
        proof_instead("rejects-gone", "rejects-alone"),
        lambda: without_mailbox().classes == ("H",),
    ),
    "own-reply": Without(
        "bcp.detect.looks.refine",
        lambda kind, evidence: kind,
        lambda: (
            "F"
            not in said(
                smtp=(FAIL, "rejects", {}, "rcpt: 552 5.2.2 mailbox full"),
                smtp_2=(FAIL, "rejects", {}, "rcpt: 552 5.2.2 mailbox full"),
            ).classes
        ),
    ),
    "one-network": Without(
        "bcp.detect.planes.votes",
        lambda where, answers, networks: VOTES(where, answers, {}),
        lambda: (
            said(60, tuple("abcde"), dict.fromkeys("bcde", "x"), smtp=dict.fromkeys("bcde", OUT)).state == "suspect"
        ),
    ),
    "limit": Without(
        "bcp.detect.survey.is_limit",
        lambda kind: False,
        lambda: said(smtp=OK, boxes=OUR_LIMIT, places=THREE).classes == ("H",),
    ),
    "throttled-alone": Without(
        "bcp.detect.detector.Detector._only_one",
        lambda self, watched: False,
        lambda: said(smtp=OUR_LIMIT).classes == ("H",),
    ),
    "backs": Without("bcp.detect.survey.BACKS", {}, lambda: said(smtp=LATER, owa=OUT, imap=OK).classes == ("B", "E")),
    "front-door": Without(
        "bcp.detect.survey.SAME",
        {},
        lambda: said(smtp=OK, boxes=OUT, owa=OUT, imap=OK, graph=INCIDENT).classes == ("A",),
    ),
    "blind": Without(
        "bcp.detect.survey.blind", lambda views, looked: [], lambda: said(smtp=UNKNOWN, boxes=OK).state == "unknown"
    ),
    "controls": Without(
        "bcp.detect.detector.sick_media", lambda controls: set(), lambda: said(smtp=OUT, control=OUT).state == "unknown"
    ),
    "stale": Without(
        "bcp.detect.counter.Stream.fresh",
        lambda self, now, patience: True,
        lambda: said(smtp=lambda n: OK if n < 10 else SILENT, boxes=OK).state == "unknown",
    ),
    "unresolved": Without(
        "bcp.detect.looks._beside",
        no_lane(looks.RESOLVE),
        lambda: said(smtp=(UNKNOWN, "unresolved")).classes == ("E",),
    ),
    "zone": Without(
        "bcp.detect.looks._beside",
        no_lane(looks.ZONE),
        lambda: said(smtp=OK, names=(FAIL, "own-zone")).state == "down",
    ),
    "not-taken": Without(
        "bcp.detect.looks._beside", no_lane(looks.MAIL), lambda: said(smtp=OK, trip=NOT_TAKEN).classes == ("B",)
    ),
    "relayed": Without(
        "bcp.detect.mails.Mails.by_relay",
        lambda *a: None,
        lambda: said(40, names=(FAIL, "servfail"), trip=waits_at_the_relay, events={9: ["active"]}).classes == ("E",),
    ),
    "own-mail": Without(
        "bcp.detect.inbound._ours",
        lambda way, *a: way,
        lambda: said(smtp=(UNKNOWN, "own-greeting"), trip=NOT_TAKEN, boxes=OK).classes == ("H",),
    ),
    "mails-alone": Without(
        "bcp.detect.conclude.survey.only_mails",
        lambda view: False,
        lambda: said(smtp=(UNKNOWN, "overran"), trip=NOT_TAKEN, boxes=OK).action == "ask",
    ),
    "declared-plane": Without(
        "bcp.detect.survey.Backing.of",
        lambda self, plane: bool(self.texts),
        lambda: said(owa=OUT, imap=OK, graph=(*INCIDENT, {"planes": "mailbox"})).state == "suspect",
    ),
    "known-unseen": Without(
        "bcp.detect.conclude._known_seen",
        lambda view: True,
        lambda: (
            not said(
                60,
                smtp=lambda n: LATER if n < 5 else (UNKNOWN, "overran"),
                unknown=lambda n: LATER if n < 5 else OK,
                trip=lambda n: NOT_TAKEN if n < 5 else OK,
            )
            .cases[0]
            .well
        ),
    ),
    "advisory": Without(
        "bcp.detect.detector.NO_INCIDENT",
        frozenset(),
        lambda: said(owa=OUT, imap=OK, graph=(FAIL, "advisory")).state == "suspect",
    ),
    "people": Without(
        "bcp.detect.survey.view_plane",
        lambda name, ways, **k: VIEW_PLANE(name, [w for w in ways if w.role is not Role.PEOPLE], **k),
        lambda: said(people=OUT, boxes=OK).state == "down",
    ),
    "gateway": Without(
        "bcp.detect.conclude.Moment",
        lambda **k: Moment(**{**k, "gateway_down": False}),
        lambda: said(smtp=OK, names=(FAIL, "servfail"), gate=LATER).action == "direct",
    ),
    "gateway-too": Without("bcp.detect.gateway.fails_too", lambda *a: False, lambda: half_of_both().action == "ask"),
    "gateway-alike": Without(
        "bcp.detect.gateway.alike",
        lambda *a: False,
        lambda: said(12, smtp=lambda n: NO if n >= 9 else OK, gate=lambda n: NO if n >= 9 else OK).action == "ask",
    ),
    "gateway-unseen": Without(
        "bcp.detect.gateway.unseen",
        lambda r: False,
        lambda: said(smtp=(UNKNOWN, "overran"), gate=LATER).action == "ask",
    ),
    "gateway-over": Without("bcp.detect.gateway.drains", lambda *a: False, lambda: "G" not in both_over().classes),
}


def test_every_rule_of_evidence_has_a_truth() -> None:
    """And no truth is of a rule that is gone."""
    assert set(WITHOUT) == {e.id for e in EVIDENCE}


@pytest.mark.parametrize("rule", WITHOUT)
def test_without_a_rule_of_evidence_a_truth_is_false(rule, monkeypatch) -> None:
    """It is true with the rule."""
    case = WITHOUT[rule]
    assert case.truth()
    monkeypatch.setattr(case.what, case.instead)
    assert not case.truth()


# -- what backs what ---------------------------------------------------------------------------------------------------

BACKED = {
    "dns": {"inbound", "edge", "mailbox", "auth"},
    "auth": {"mailbox", "edge"},
    "edge": {"auth", "mailbox", "dns", "inbound"},
    "inbound": {"dns", "outbound", "edge"},
    "mailbox": {"auth"},
    "outbound": set(),
    "gateway": set(),
}
"""Of each plane that is down: the planes of which one way of looking is then believed against another one."""


def backed_by(down):
    """Planes that are down beside that one when one of two ways sees each of them fail."""
    ways = [Watched(f"{p} {n}", f"{p}-{n}", p, medium=p) for p in BACKED for n in (1, 2)]
    found = set()
    for other in set(BACKED) - {down}:
        detector = Detector(RULES, [w for w in ways if w.plane in {down, other}])
        for n in range(10):
            for w in ways:
                bad = w.plane == down or w.probe.endswith("1")
                detector.take(Signal(w.probe, w.plane, FAIL if bad else OK, 60.0 * n, "timeout" if bad else ""))
            seen = detector.settle(60.0 * n, 60.0 * n)
        found |= {v.name for v in seen.views if v.name == other and v.status == "down"}
    return found


@pytest.mark.parametrize("plane", BACKED)
def test_a_plane_that_is_down_backs_what_it_can_cause_and_nothing_else(plane) -> None:
    """Broken mailboxes say nothing of the way in."""
    assert backed_by(plane) == BACKED[plane] - ({"edge"} if plane == "mailbox" else set())
    assert set(BACKS) == {*BACKED, "zone"} and not BACKS["zone"]


# -- conditions --------------------------------------------------------------------------------------------------------

FALLEN = Case("", "down", ("B",), ("inbound",), seen=True, failing_now=True, failed_s=7200.0, sure_share=0.6)
NOW = Moment("confirmed", relay_ready=True)
WELL, BACK_NOW = Case("", "healthy", well=True), Moment("recovering", on_relay_s=3600.0)
BROKEN: dict[str, dict[str, tuple[str, dict, dict]]] = {
    "switch": {
        "not-maintenance": ("watch", {}, {"maintenance": "Kim"}),
        "not-denied": ("watch", {}, {"denied": "Kim"}),
        "down": ("watch", {"state": "suspect"}, {}),
        "helps": ("tell", {"classes": ("A",)}, {}),
        "seen": ("ask", {"seen": False}, {}),
        "not-into-gateway": ("direct", {}, {"gateway_down": True}),
        "zone-readable": ("ask", {"zone_down": True}, {}),
        "not-limited": ("ask", {"limited": True}, {}),
        "looked-at": ("ask", {"mails_alone": True}, {}),
        "not-delivered": ("ask", {"delivered": True}, {}),
        "steady": ("ask", {"flapping": True}, {}),
        "share": ("ask", {"sure_share": 0.59}, {}),
        "fresh": ("watch", {}, {"fresh": False}),
        "failing-now": ("wait", {"failing_now": False}, {}),
        "kept": ("ask", {"bounced": True, "failed_s": 7199.0}, {}),
        "long-enough": ("wait", {"failed_s": 7199.0}, {}),
        "relay-ready": ("ask", {}, {"relay_ready": False}),
    },
    "failback": {
        "recovering": ("hold", {}, {"stage": "active"}),
        "not-declared": ("hold", {}, {"declared": "Kim"}),
        "not-maintenance": ("hold", {}, {"maintenance": "Kim"}),
        "seen-well": ("hold", {"well": False}, {}),
        "fresh": ("hold", {}, {"fresh": False}),
        "steady": ("hold", {}, {"flapping": True}),
        "dwell": ("hold", {}, {"on_relay_s": 3599.0}),
    },
}
"""Of each deed and condition, in the order in which they are judged: what is proposed where it alone does not hold; and
what of the case and of the moment makes it so."""
GROUND = {"switch": (FALLEN, NOW), "failback": (WELL, BACK_NOW)}


def condition_truths(deed):
    """What is false of this deed: by condition, and by pairs of which the first one speaks."""
    case, moment = GROUND[deed]
    wrong = [] if judge_now(deed, [case], moment, Rules()).action == deed else ["all hold"]
    before = None
    for rule, (action, of_case, of_moment) in BROKEN[deed].items():
        found = judge_now(deed, [replace(case, **of_case)], replace(moment, **of_moment), Rules())
        if (found.action, found.domains) != (action, ()) or rule not in {r.rule for r in found.refusals}:
            wrong.append(rule)
        if before is not None:
            both = (
                replace(case, **BROKEN[deed][before][1] | of_case),
                replace(moment, **BROKEN[deed][before][2], **of_moment),
            )
            if judge_now(deed, [both[0]], both[1], Rules()).refusals[0].rule != before:
                wrong.append(f"{before} speaks before {rule}")
        before = rule
    return wrong


CHANGES = {
    "gone": lambda table, i: (*table[:i], *table[i + 1 :]),
    "always holds": lambda table, i: (*table[:i], replace(table[i], holds=lambda c, m, r: True), *table[i + 1 :]),
    "never holds": lambda table, i: (*table[:i], replace(table[i], holds=lambda c, m, r: False), *table[i + 1 :]),
    "proposes something else": lambda table, i: (
        *table[:i],
        replace(table[i], otherwise="watch" if table[i].otherwise != "watch" else "wait"),
        *table[i + 1 :],
    ),
    "after the next": lambda table, i: (*table[:i], *table[i + 1 : i + 2], table[i], *table[i + 2 :]),
}


def test_the_conditions_are_as_they_should_be() -> None:
    """Each is known here, in its order, and every truth holds."""
    assert [c.id for c in CONDITIONS] == list(BROKEN["switch"]) and [c.id for c in BACK] == list(BROKEN["failback"])
    assert condition_truths("switch") == [] == condition_truths("failback")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("deed", "rule"), [(d, r) for d, rules in BROKEN.items() for r in rules])
def test_a_condition_that_is_changed_makes_a_truth_false(deed, rule, change, monkeypatch) -> None:
    """Taken away, made void, made hopeless, with another proposal, in another place."""
    table = decide.DEEDS[deed]
    i = list(BROKEN[deed]).index(rule)
    if change == "after the next" and i == len(table) - 1:
        return
    monkeypatch.setitem(decide.DEEDS, deed, CHANGES[change](table, i))
    assert condition_truths(deed)


# -- numbers -----------------------------------------------------------------------------------------------------------


def judged(rules, deed="switch", of_moment=None, **of_case):
    """What is proposed of a case that is at the border of every number."""
    case, moment = GROUND[deed]
    return judge_now(deed, [replace(case, **of_case)], replace(moment, **(of_moment or {})), rules).action


def flaps(rules):
    """Does it begin to flap at 20 % and end at 5 %, as it should, over a long history?"""
    detector, before = Detector(rules, [WATCHED["smtp"]]), False
    chance, bad = random.Random(7), False
    for n in range(1200):
        bad = bad != (chance.random() < (0.3 if n % 100 < 30 else 0.03))
        detector.take(Signal("smtp", "inbound", FAIL if bad else OK, 60.0 * n, "timeout" if bad else ""))
        found = detector.settle(60.0 * n, 60.0 * n)
        before = found.flap >= 20.0 or (before and found.flap > 5.0)
        if found.flapping != before:
            return False
    return True


def skewed(rules, by):
    """Is a clock that differs by so many seconds told of?"""
    found = said(3, THREE, clock={"b": by}, smtp=OK, rules=rules)
    return any("clock differs" in n for n in found.notes)


def fallen(rules, rounds=5, **looks):
    """Is it down after so many rounds?"""
    return said(rounds, rules=rules, **(looks or {"smtp": LATER})).state == "down"


def silent(rules, rounds):
    """The state when nothing was said since the tenth round."""
    return said(rounds, rules=rules, smtp=lambda n: OK if n < 10 else SILENT).state


def stage(rules, rounds):
    """The stage when it failed for five rounds, and never since."""
    return said(rounds, rules=rules, smtp=lambda n: LATER if n < 5 else OK).stage


FIVE = ("smtp", "smtp_2", "smtp_3", "smtp_4", "smtp_5")
NUMBERS = {
    "interval_s": ((30.0, 120.0), lambda r: r.confirm_s() == 240.0),
    "threshold": ((4, 6), lambda r: fallen(r) and not fallen(r, 4)),
    "reject_threshold": ((2, 4), lambda r: fallen(r, 3, smtp=NO, smtp_2=NO) and not fallen(r, 2, smtp=NO, smtp_2=NO)),
    "suspect": (
        (1, 3),
        lambda r: said(2, rules=r, smtp=LATER).state == "suspect" != said(1, rules=r, smtp=LATER).state,
    ),
    "need": (
        (1, 3),
        lambda r: fallen(r, owa=OUT, imap=OUT, mapi=OK) and not fallen(r, owa=OUT, imap=OK, mapi=OK),
    ),
    "confirm_for_s": ((60.0,), fallen),
    "keep_firing_for_s": ((1740.0, 1860.0), lambda r: stage(r, 40) == "closed" and stage(r, 39) == "confirmed"),
    "flap_high": ((15.0, 25.0), flaps),
    "flap_low": ((1.0, 10.0), flaps),
    "partial_share": (
        (0.15, 0.25),
        lambda r: (
            said(60, rules=r, smtp=lambda n: LATER if n > 20 and n % 5 == 0 else OK).partial
            and not said(60, rules=r, smtp=lambda n: LATER if n > 20 and n % 7 == 0 else OK).partial
        ),
    ),
    "switch_share": ((0.59, 0.61), lambda r: judged(r) == "switch" and judged(r, sure_share=0.595) == "ask"),
    "target_share": (
        (0.4, 0.7),
        lambda r: (
            fallen(r, **{n: LATER if n in FIVE[:3] else OK for n in FIVE})
            and not fallen(r, **{n: LATER if n in FIVE[:2] else OK for n in FIVE})
        ),
    ),
    "stale_after": ((4, 6), lambda r: silent(r, 16) == "healthy" and silent(r, 17) == "unknown"),
    "skew_s": ((200.0, 400.0), lambda r: skewed(r, 301.0) and not skewed(r, 299.0)),
    "decide_b_s": ((7199.0, 7201.0), lambda r: judged(r) == "switch" and judged(r, failed_s=7199.5) == "wait"),
    "decide_e_s": (
        (1799.0, 1801.0),
        lambda r: (
            judged(r, classes=("E",), planes=("dns",), failed_s=1800.0) == "switch"
            and judged(r, classes=("E",), planes=("dns",), failed_s=1799.5) == "wait"
        ),
    ),
    "decide_f_s": ((1.0,), lambda r: judged(r, classes=("F",), failed_s=0.0) == "switch"),
    "dwell_s": (
        (3599.0, 3601.0),
        lambda r: judged(r, "failback") == "failback" and judged(r, "failback", {"on_relay_s": 3599.5}) == "hold",
    ),
}
"""Of each number: others, and a truth of the one that it is."""


@pytest.mark.parametrize("number", NUMBERS)
def test_another_number_makes_a_truth_false(number) -> None:
    """A little more, or a little less."""
    others, truth = NUMBERS[number]
    assert truth(Rules())
    for other in others:
        assert not truth(replace(Rules(), **{number: other})), other


def test_every_number_has_a_truth() -> None:
    """None is only a default."""
    assert set(NUMBERS) == {f.name for f in fields(Rules)}


# -- what share of the senders can deliver -----------------------------------------------------------------------------

CUT = (DEGRADED, "ipv4-dead")


def test_ipv4_dead_is_asked_about_and_ipv6_dead_is_watched() -> None:
    """Most senders still use IPv4, and whoever has nothing else cannot deliver; nobody is cut off the other way."""
    found = said(smtp=CUT, unknown=OK, trip=OK, places=THREE)
    assert (found.state, found.classes, found.action) == ("suspect", ("B",), "ask")
    assert "IPv4" in found.why and found.moves and any("IPv4" in r for r in found.reasons_for)
    assert said(smtp=(DEGRADED, "timeout"), unknown=OK, trip=OK, places=THREE).action == "watch"
    assert said(rounds=300, smtp=CUT, people=(FAIL, "people"), places=THREE).action == "ask"


@pytest.mark.parametrize(
    ("by_place", "action"),
    [
        ({"a": CUT}, "watch"),
        ({"a": CUT, "b": CUT}, "ask"),  # most networks: whether it is their path or the service, a person decides
        ({"a": CUT, "b": CUT, "c": OUT}, "ask"),  # a place without IPv6 sees nothing else
        ({"a": CUT, "b": CUT, "c": CUT}, "ask"),
    ],
)
def test_ipv4_dead_near_some_places_is_their_path(by_place, action) -> None:
    """As with anything else, places vote."""
    assert said(smtp=by_place, places=THREE).action in {action, "none"}


def test_ipv4_dead_at_two_places_is_asked_about_where_their_networks_are_two() -> None:
    """Two places of one provider are one network of two: that is no majority. A switch it never is."""
    two = {"a": CUT, "b": CUT}
    assert said(smtp=two, trip=OK, places=THREE).action == "ask"
    assert said(smtp=two, trip=OK, places=THREE, networks={"a": "one", "b": "one"}).action == "watch"
    assert said(rounds=200, smtp=two, trip=OK, places=THREE).action == "ask"


def test_who_is_refused_for_good_at_some_addresses_is_falsely_refused() -> None:
    """Senders end there: a part of the mail bounces. One place's addresses, or two minutes of it, are nothing."""
    found = said(rounds=200, smtp=SOME, unknown=OK, trip=OK, places=THREE)
    assert (found.state, found.classes, found.action) == ("suspect", ("F",), "ask")
    assert found.moves and found.why.startswith("a recipient is refused for good at some addresses")
    assert said(smtp={"a": SOME}, unknown=OK, places=THREE).action in {"none", "watch"}
    assert said(rounds=60, smtp=lambda n: SOME if n < 2 else OK, places=THREE).action == "none"


# -- what was before the refusals --------------------------------------------------------------------------------------


def test_mail_that_came_through_before_the_refusals_says_nothing_of_them() -> None:
    """We were limited for an hour, and mail came through; then all are refused for good."""

    def until(look, then):
        return lambda n: look if n < 60 else then

    looks = {"smtp": until(OUR_LIMIT, NO), "smtp_2": until(OUR_LIMIT, NO), "trip": until(OK, NOT_TAKEN)}
    found = said(rounds=68, places=THREE, **looks)
    assert found.classes == ("F",) and found.action == "switch"
    looks["trip"] = OK  # both recipients were cleared away, mail flows on
    assert said(rounds=68, places=THREE, **looks).action != "switch"


def test_ipv4_dead_for_a_moment_is_nothing() -> None:
    """It has to last, and is over when it is over."""
    assert said(smtp=lambda n: CUT if n == 29 else OK, places=THREE).action in {"none", "watch"}
    assert said(rounds=60, smtp=lambda n: CUT if n < 30 else OK, places=THREE).action in {"none", "watch"}


# -- what lends nothing to anything else -------------------------------------------------------------------------------


def test_a_recipient_that_is_removed_in_the_end_does_not_keep_an_outage_failing() -> None:
    """Deferred for long, then only refused for good, and nothing else speaks of it: that is another thing."""
    found = said(rounds=32, smtp=lambda n: LATER if n < 30 else NO, unknown=lambda n: LATER if n < 30 else OK)
    assert found.action != "switch" and not found.failing_now
    assert said(rounds=30, smtp=LATER, unknown=LATER).failing_now


def test_limits_of_ours_lend_no_share_to_names_that_fail_now_and_then() -> None:
    """All are throttled, and half of the looks cannot resolve the name: neither moves MX."""
    chance = [(UNKNOWN, "unresolved"), OUR_LIMIT]
    looks = {"smtp": chance, "names": [(FAIL, "servfail"), OK]}
    assert all(said(rounds=n, places=THREE, **looks).action != "switch" for n in range(40, 60))


def test_no_way_back_in_the_very_round_in_which_it_fails_again() -> None:
    """No counter says so yet."""
    moved = {0: ["active"]}
    rules = replace(RULES, keep_firing_for_s=600.0, dwell_s=600.0)
    well = said(rounds=40, rules=rules, events=moved, smtp=OK, unknown=OK)
    assert well.action == "failback"
    again = said(rounds=40, rules=rules, events=moved, smtp=lambda n: OUT if n == 39 else OK, unknown=OK)
    assert again.action == "hold" and "seen-well" in again.refusals


def test_few_whole_failures_among_slow_looks_are_no_part_that_fails() -> None:
    """One in twenty: nobody is asked about MX for that. One in four is."""
    slow = (DEGRADED, "slow")
    assert said(rounds=60, smtp=[OUT, *[slow] * 19]).action == "watch"
    assert said(rounds=60, smtp=[OUT, slow, slow, slow]).action == "ask"
