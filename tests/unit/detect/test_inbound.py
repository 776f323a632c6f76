"""The rules of evidence about inbound mail, one by one: with each of them, and without what it needs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import bcp.detect
from bcp.contracts.probe import Result, Role, Signal, Watched
from bcp.detect.detector import Detector
from bcp.detect.evidence import BACKS, BY_ID, EVIDENCE
from bcp.detect.rules import Rules

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
RULES = Rules(confirm_for_s=60.0, decide_b_s=600.0)
WATCHED = {
    "smtp": Watched("smtp", "smtp", "inbound", medium="smtp"),
    "smtp-2": Watched("smtp-2", "smtp", "inbound", medium="smtp"),
    "smtp-3": Watched("smtp-3", "smtp", "inbound", medium="smtp"),
    "smtp-4": Watched("smtp-4", "smtp", "inbound", medium="smtp"),
    "unknown": Watched("unknown", "smtp-unknown", "inbound", medium="smtp"),
    "trip": Watched("trip", "round-trip", "outbound", medium="smtp"),
    "people": Watched("people", "people", "inbound", Role.PEOPLE),
    "graph": Watched("graph", "graph-health", "declared", Role.DECLARED, "https"),
    "names": Watched("names", "dns", "dns", medium="dns"),
    "boxes": Watched("boxes", "graph-mailbox", "mailbox", medium="https"),
    "gate": Watched("gate", "smtp", "gateway", medium="smtp"),
    "owa": Watched("owa", "https", "edge", medium="https"),
    "imap": Watched("imap", "imap", "edge", medium="https"),
}
NO, LATER, OUR_LIMIT = (FAIL, "rejects"), (FAIL, "4xx-rcpt"), (FAIL, "throttled")
NOT_TAKEN = (UNKNOWN, "not-taken")


def last(rounds=30, places=("a",), networks=None, **looks):
    """The verdict after so many equal rounds. A look is a result, (result, kind), or one of these by place."""
    names = [n.replace("_", "-") for n in looks]
    detector = Detector(RULES, [WATCHED[n] for n in names], vantages=places, here=places[0], networks=networks)
    for n in range(rounds):
        for name, look in zip(names, looks.values(), strict=True):
            for place in places:
                one = look.get(place, OK) if isinstance(look, dict) else look
                one = one[n % len(one)] if isinstance(one, list) else one
                result, kind, *data = one if isinstance(one, tuple) else (one, "")
                w = WATCHED[name]
                more = data[0] if data else {}
                vantage = "" if place == places[0] else place
                detector.take(Signal(name, w.plane, result, 60.0 * n, kind, kind, False, more, vantage))
        found = detector.settle(60.0 * n, 60.0 * n)
    return found


def grounds(found):
    return next(v.grounds for v in found.views if v.name == "inbound")


def test_a_known_recipient_that_is_accepted_vetoes_what_happens_to_unknown_ones() -> None:
    """With mailboxes down it is A; with the gateway down it is G; with an open declaration it is nothing."""
    found = last(smtp=OK, unknown=LATER)
    assert (found.state, found.action, found.classes) == ("suspect", "watch", ()) and "accepted" in grounds(found)
    assert last(smtp=OK, unknown=LATER, boxes=FAIL).classes == ("A",)
    assert last(smtp=OK, unknown=LATER, gate=LATER).action == "direct"
    assert last(smtp=OK, unknown=LATER, graph=(FAIL, "degradation")).action == "watch"
    assert last(smtp=LATER, unknown=LATER).action == "switch"


def test_an_unknown_recipient_that_is_refused_says_nothing_of_known_ones() -> None:
    """Known 451, unknown 550: the complete set of probes must not hide it."""
    found = last(smtp=LATER, unknown=OK)
    assert found.action == "switch" and found.classes == ("B",) and "unknown-refused" in grounds(found)
    assert last(6, smtp=LATER, unknown=OK).state == "down"


def test_limits_of_our_probers_are_no_outage_while_mail_comes_through() -> None:
    """Without that mail a person decides; where it is not taken either, too."""
    three = ("a", "b", "c")
    found = last(smtp=OUR_LIMIT, unknown=OUR_LIMIT, trip=OK, places=three)
    assert found.state == "suspect" and found.classes == ("H",) and "delivered-throttled" in grounds(found)
    found = last(smtp=OUR_LIMIT, unknown=OUR_LIMIT, places=three)
    assert (found.state, found.classes, found.action) == ("down", ("B",), "ask") and "not-limited" in found.refusals
    assert last(smtp=OUR_LIMIT, places=("a",)).state == "unknown"


def test_a_mail_that_comes_through_halves_one_way_of_looking() -> None:
    """One way alone is asked about; two that always fail, too: mail came through. Now and then contradicts nothing."""
    found = last(smtp=LATER, trip=OK)
    assert (found.state, found.action) == ("suspect", "ask") and "delivered" in grounds(found)
    found = last(smtp=LATER, trip=OK, unknown=LATER)
    assert (found.state, found.action) == ("down", "ask") and "not-delivered" in found.refusals
    assert "delivered-contradicts" in grounds(found)
    assert last(smtp=LATER, trip=(FAIL, "4xx-data"), unknown=LATER).action == "switch"
    mostly = last(smtp=[LATER] * 6 + [OK], trip=OK, unknown=[LATER] * 6 + [OK], rounds=61)
    assert mostly.action == "switch" and "delivered" in grounds(mostly)
    assert last(smtp=LATER, trip=NOT_TAKEN).action == "switch"


@pytest.mark.parametrize(
    ("looks", "ground", "classes", "action"),
    [
        ({"smtp": NO, "smtp_2": NO}, "two-recipients", ("F",), "switch"),
        ({"smtp": NO, "trip": NOT_TAKEN}, "rejects-backed", ("F",), "switch"),
        ({"smtp": NO, "people": FAIL}, "rejects-alone", ("F",), "ask"),  # it may be anything that they complain of
        ({"smtp": NO, "unknown": (OK, "accepts-unknown")}, "rejects-alone", ("F",), "ask"),
        ({"smtp": NO, "unknown": (DEGRADED, "accepts-unknown")}, "rejects-backed", ("F",), "switch"),
        ({"smtp": NO, "graph": (FAIL, "degradation")}, "rejects-alone", ("F",), "ask"),
        ({"smtp": NO, "graph": (FAIL, "degradation", {"planes": "inbound"})}, "rejects-backed", ("F",), "switch"),
        ({"smtp": NO, "graph": (FAIL, "degradation", {"planes": "mailbox"})}, "rejects-alone", ("F",), "ask"),
        ({"smtp": NO, "smtp_2": OK}, "rejects-contradicted", ("H",), "fix-own"),
        ({"smtp": NO, "smtp_2": OK, "people": FAIL}, "rejects-contradicted", ("B", "H"), "ask"),
        ({"smtp": NO, "smtp_2": NO, "trip": OK}, "rejects-contradicted", ("H",), "fix-own"),
        ({"smtp": NO, "trip": OK}, "rejects-contradicted", ("H",), "fix-own"),
        ({"smtp": NO, "trip": (FAIL, "lost")}, "rejects-contradicted", ("C",), "tell"),
        ({"smtp": NO, "trip": NOT_TAKEN, "names": (FAIL, "servfail")}, "rejects-alone", ("E",), "ask"),
    ],
)
def test_one_mailbox_is_not_the_service(looks, ground, classes, action) -> None:
    """A refusal is false when two recipients are refused, or something else says so, and nothing contradicts it."""
    found = last(**looks)
    assert ground in grounds(found), grounds(found)
    if "names" not in looks:
        assert (found.classes, found.action) == (classes, action)
    assert found.action == "switch" or "F" not in found.classes or found.state == "suspect"


def test_a_third_of_refusals_is_f_and_asked_about() -> None:
    """Mail is being lost, although most is not."""
    detector = Detector(RULES, [WATCHED["smtp"]])
    for n in range(30):
        kind = "rejects" if n % 3 == 0 else ""
        detector.take(Signal("smtp", "inbound", FAIL if kind else OK, 60.0 * n, kind, ""))
        found = detector.settle(60.0 * n, 60.0 * n)
    assert (found.state, found.classes, found.action, found.moves) == ("suspect", ("F",), "ask", True)


def test_what_one_place_sees_is_outweighed_by_one_that_sees_it_well() -> None:
    """Two of three; of one network it is not even that; four of five are believed."""
    bad = {"a": OK, "b": (FAIL, "timeout"), "c": (FAIL, "timeout")}
    found = last(smtp=bad, places=("a", "b", "c"))
    assert found.state == "suspect" and not found.moves and found.action in {"watch", "ask"}
    assert last(smtp=bad, places=("a", "b", "c"), networks={"b": "x", "c": "x"}).state == "suspect"
    four = dict.fromkeys("bcde", (FAIL, "timeout"))
    assert last(60, smtp=four, places=tuple("abcde")).action == "switch"
    both = {"a": LATER, "b": LATER, "c": LATER}
    assert last(smtp=both, places=("a", "b", "c"), networks={"a": "x", "b": "x", "c": "x"}).action == "switch"


def test_a_limit_of_our_application_is_ours_from_everywhere() -> None:
    """Graph answers 429 at all places: nobody is told that mailboxes are down."""
    found = last(smtp=OK, boxes=(FAIL, "throttled"), places=("a", "b", "c"))
    assert (found.classes, found.action) == (("H",), "fix-own") and found.state == "unknown"
    assert last(smtp=OK, boxes=(UNKNOWN, "429"), places=("a", "b", "c")).classes == ("H",)


def test_what_cannot_be_seen_is_neither_well_nor_down() -> None:
    """And people do not change that."""
    assert last(smtp=UNKNOWN, boxes=OK).state == "unknown"
    found = last(smtp=(UNKNOWN, "overran"), people=FAIL, boxes=OK)
    assert found.state != "down" and found.action not in {"switch", "wait"}


def test_a_declaration_counts_for_the_planes_that_it_names() -> None:
    """One of two ways at the edge; an advisory backs nothing."""
    both = {"owa": FAIL, "imap": OK, "smtp": OK}
    assert last(**both, graph=(FAIL, "degradation", {"planes": "edge"})).classes == ("E",)
    assert last(**both, graph=(FAIL, "degradation", {"planes": "mailbox"})).state == "suspect"
    assert last(**both, graph=(FAIL, "advisory")).state == "suspect"


def test_slow_moves_nothing_and_names_no_playbook_that_does() -> None:
    """However long."""
    found = last(60, smtp=(DEGRADED, "slow"), trip=(DEGRADED, "slow"))
    assert found.action == "watch" and not found.moves and found.state == "suspect"


def test_our_own_zone_is_an_outage_and_ours() -> None:
    """Moving MX needs that very zone."""
    found = last(smtp=OK, names=(FAIL, "own-zone"))
    assert (found.state, found.classes, found.action) == ("down", ("H",), "fix-own")


def test_every_rule_that_the_code_names_is_in_the_table_and_the_other_way_round() -> None:
    """A table that nobody applies would be a lie."""
    code = "\n".join(p.read_text() for p in Path(bcp.detect.__file__).parent.glob("*.py") if p.name != "evidence.py")
    applied = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', code))
    inbound = {e.id for e in EVIDENCE if e.of in {"B", "F"}} - {"unresolved", "own-reply", "throttled-alone"}
    assert inbound <= applied
    assert len(BY_ID) == len(EVIDENCE)
    assert "mailbox" in BACKS and "inbound" not in BACKS["mailbox"]


def test_more_recipients_must_be_refused_than_are_taken() -> None:
    """Two of three are F, two of four were removed."""
    assert last(smtp=NO, smtp_2=NO, smtp_3=OK).classes == ("F",)
    assert last(smtp=NO, smtp_2=NO, smtp_3=NO).action == "switch"
    found = last(smtp=NO, smtp_2=NO, smtp_3=OK, smtp_4=OK)
    assert found.action not in {"switch", "wait"} and "F" not in found.classes


def test_whole_mails_that_are_not_taken_are_asked_about_while_recipients_are_accepted() -> None:
    """And one that is taken disproves at once what was before."""
    found = last(smtp=OK, trip=NOT_TAKEN)
    assert (found.state, found.action, found.classes) == ("suspect", "ask", ("B",)) and "not-taken" in grounds(found)
    assert last(4, smtp=OK, trip=NOT_TAKEN).action == "watch"
    detector = Detector(RULES, [WATCHED["smtp"], WATCHED["trip"]])
    for n in range(40):
        taken = n >= 30
        detector.take(Signal("smtp", "inbound", OK, 60.0 * n))
        detector.take(Signal("trip", "outbound", OK if taken else UNKNOWN, 60.0 * n, "" if taken else "not-taken"))
        found = detector.settle(60.0 * n, 60.0 * n)
        if taken:
            assert found.state == "healthy" and not found.classes


def test_a_mail_that_is_not_taken_because_of_the_name_is_no_second_outage() -> None:
    """E is E."""
    found = last(8, smtp=(UNKNOWN, "unresolved"), trip=NOT_TAKEN, names=(FAIL, "servfail"))
    assert found.classes == ("E",) and found.planes == ("dns",)


def test_mails_are_rare_and_say_nothing_of_this_moment_while_recipients_are_accepted() -> None:
    """Recovered between two test mails: no switch in the round of the recovery."""
    rare = Watched("trip", "round-trip", "outbound", medium="smtp", every_s=300.0)
    detector = Detector(RULES, [WATCHED["smtp"], rare])
    for n in range(60):
        bad = n < 54
        detector.take(Signal("smtp", "inbound", FAIL if bad else OK, 60.0 * n, "4xx-rcpt" if bad else ""))
        if n % 5 == 0:
            detector.take(Signal("trip", "outbound", UNKNOWN, 60.0 * n, "not-taken"))
        found = detector.settle(60.0 * n, 60.0 * n)
        assert (found.action == "switch") == (10 <= n < 54)


def test_domains_that_are_looked_at_apart_are_judged_apart() -> None:
    """The plan moves the one that fails; the other is named as spared."""
    one = Watched("one", "smtp", "inbound", medium="smtp", domains=("one.example",))
    two = Watched("two", "smtp", "inbound", medium="smtp", domains=("two.example",))
    detector = Detector(RULES, [one, two])
    for n in range(15):
        detector.take(Signal("one", "inbound", FAIL, 60.0 * n, "4xx-rcpt"))
        detector.take(Signal("two", "inbound", OK, 60.0 * n))
        found = detector.settle(60.0 * n, 60.0 * n)
    assert (found.state, found.action, found.domains, found.spared) == (
        "down",
        "switch",
        ("one.example",),
        ("two.example",),
    )
    assert {c.domain: c.state for c in found.cases} == {"one.example": "down", "two.example": "healthy"}


ONE, TWO = ("one.example",), ("two.example",)


def by_domain(rounds=30, trip_of=(), **looks):
    """The verdict where ``smtp`` looks at one domain, ``smtp-2`` at another; the round trip at those that it names."""
    watched = [replace(WATCHED["smtp"], domains=ONE), replace(WATCHED["smtp-2"], domains=TWO)]
    watched.append(replace(WATCHED["trip"], domains=trip_of))
    detector = Detector(RULES, watched, vantages=("a",), here="a")
    for n in range(rounds):
        for w in watched:
            look = looks.get(w.probe.replace("-", "_"), OK)
            result, kind = look if isinstance(look, tuple) else (look, "")
            detector.take(Signal(w.probe, w.plane, result, 60.0 * n, kind, kind))
        found = detector.settle(60.0 * n, 60.0 * n)
    return found


def test_a_mail_that_names_no_domain_does_not_excuse_one_of_several() -> None:
    """It may have gone to those that are well. One that names the domain does; so does one where all fail alike."""
    found = by_domain(smtp=LATER)
    assert (found.action, found.domains, found.spared) == ("switch", ONE, TWO)
    assert by_domain(smtp=LATER, trip_of=TWO).action == "switch"
    assert by_domain(smtp=LATER, trip_of=ONE).action == "ask"
    assert by_domain(smtp=LATER, smtp_2=LATER).action == "ask"
    assert by_domain(smtp=LATER, smtp_2=LATER, trip=NOT_TAKEN).action == "switch"


def test_recipients_that_are_refused_beside_one_that_is_accepted_are_asked_about() -> None:
    """Two of three were removed, or a part of the directory is false: a person can tell, no rule can."""
    found = last(smtp=NO, smtp_2=NO, smtp_3=OK)
    assert (found.state, found.action, found.outage_class) == ("suspect", "ask", "F") and "rejects-some" in grounds(
        found
    )
    assert last(smtp=NO, smtp_2=NO, smtp_3=NO).action == "switch"
    assert last(smtp=NO, smtp_2=NO, smtp_3=LATER).action == "switch"


def in_turn(*phases, rules=RULES):
    """The verdict of looks that change: each phase is (rounds, looks)."""
    names = list(phases[0][1])
    detector = Detector(rules, [WATCHED[n.replace("_", "-")] for n in names], vantages=("a",), here="a")
    n = 0
    for rounds, looks in phases:
        for _ in range(rounds):
            for name in names:
                look = looks[name]
                result, kind = look if isinstance(look, tuple) else (look, "")
                w = WATCHED[name.replace("_", "-")]
                detector.take(Signal(w.probe, w.plane, result, 60.0 * n, kind, kind))
            found = detector.settle(60.0 * n, 60.0 * n)
            n += 1
    return found


def test_what_fails_long_after_a_removed_recipient_does_not_prove_its_refusal_false() -> None:
    """A recipient was deleted; an hour later the others get 451: class B by its own clock, and never F."""
    removed = {"smtp": NO, "smtp_2": OK, "trip": OK}
    later = {"smtp": NO, "smtp_2": LATER, "trip": NOT_TAKEN}
    found = in_turn((60, removed), (7, later))
    assert "F" not in found.classes and found.action == "ask" and "rejects-contradicted" in grounds(found)
    assert in_turn((60, removed), (120, later)).action == "switch"
    assert "F" in in_turn((10, {"smtp": OK, "smtp_2": OK, "trip": OK}), (20, later)).classes
    without = [{k: v for k, v in x.items() if k != "trip"} for x in (removed, later)]
    assert "F" not in in_turn((60, without[0]), (7, without[1])).classes


def test_replies_that_may_speak_of_us_are_asked_about_until_whole_mails_are_not_taken() -> None:
    """A 5xx that is no refusal of a recipient: a greeting, a block list. Or the service: then no mail is taken."""
    found = last(smtp=(FAIL, "5xx"))
    assert (found.state, found.action) == ("down", "ask") and "not-limited" in found.refusals
    assert last(smtp=(FAIL, "5xx"), trip=NOT_TAKEN).action == "switch"
    assert last(smtp=LATER).action == "switch"


def test_known_recipients_that_are_not_seen_are_not_well() -> None:
    """While MX is on the relay, whole mails go there, and what happens to unknown ones says nothing of known ones."""
    blind = (UNKNOWN, "overran")
    assert last(smtp=OK, unknown=OK, trip=OK).cases[0].well
    assert last(unknown=OK, trip=OK).cases[0].well
    seen = {"smtp": LATER, "unknown": LATER, "trip": NOT_TAKEN}
    assert not in_turn((5, seen), (60, {"smtp": blind, "unknown": OK, "trip": OK})).cases[0].well
    assert in_turn((5, seen), (60, {"smtp": OK, "unknown": OK, "trip": OK})).cases[0].well


def test_where_mail_comes_through_a_part_that_fails_names_no_playbook_that_moves_mx() -> None:
    """One of two targets fails: a person is asked, and not pushed."""
    assert not last(smtp=LATER, smtp_2=OK, trip=OK).moves
    assert last(smtp=LATER, smtp_2=OK).moves


@pytest.mark.parametrize(
    ("answers", "action"), [(OK, "switch"), ((FAIL, "refused"), "ask"), ((UNKNOWN, "overran"), "ask")]
)
def test_mail_is_not_moved_to_a_relay_that_no_place_reaches(answers, action) -> None:
    """The MX host does not resolve, which is seen over DNS; the control over SMTP, which is the relay, is dead."""
    controls = [Watched("relay", "smtp", "inbound", medium="smtp", control=True)]
    controls.append(Watched("web", "https", "edge", medium="https", control=True))
    detector = Detector(replace(RULES, decide_e_s=600.0), [WATCHED["names"], *controls], vantages=("a",), here="a")
    for n in range(40):
        for probe, look in (("names", (FAIL, "servfail")), ("relay", answers), ("web", OK)):
            result, kind = look if isinstance(look, tuple) else (look, "")
            detector.take(Signal(probe, "dns", result, 60.0 * n, kind, kind))
        found = detector.settle(60.0 * n, 60.0 * n)
    assert (found.outage_class, found.action) == ("E", action)


@pytest.mark.parametrize(
    ("kind", "relay", "said"),
    [
        ("4xx-rcpt", "timeout", ("down", "B", "ask", "relay-ready")),
        ("4xx-rcpt", "", ("down", "B", "ask", "relay-ready")),
        ("4xx-rcpt", "4xx-greeting", ("unknown", "H", "fix-own", "")),
        ("timeout", "timeout", ("unknown", "H", "fix-own", "")),
    ],
)
def test_a_dead_relay_hides_no_answer_of_the_service(kind, relay, said) -> None:
    """What vouches for our way over SMTP is the relay. Where the service itself answers, the way is there."""
    controls = [Watched("relay", "smtp", "inbound", medium="smtp", control=True)]
    controls.append(Watched("web", "https", "edge", medium="https", control=True))
    places = ("a", "b", "c")
    detector = Detector(RULES, [WATCHED["smtp"], *controls], vantages=places, here="a")
    for n in range(40):
        for place in places:
            for probe, look in (("smtp", (FAIL, kind)), ("relay", (FAIL, relay)), ("web", (OK, ""))):
                at = "" if place == "a" else place
                detector.take(Signal(probe, "inbound", look[0], 60.0 * n, look[1], look[1], vantage=at))
        found = detector.settle(60.0 * n, 60.0 * n)
    assert (found.state, found.outage_class, found.action) == said[:3]
    assert said[3] in (*found.refusals, "")


def test_false_rejects_that_turn_into_deferrals_wait_as_deferrals_do() -> None:
    """F has no decision time, and B has: who is put off loses nothing yet."""
    rejected, later = {"smtp": NO, "smtp_2": NO, "trip": NOT_TAKEN}, {"smtp": LATER, "smtp_2": LATER, "trip": NOT_TAKEN}
    before = in_turn((5, {"smtp": OK, "smtp_2": OK, "trip": OK}), (5, rejected))
    assert (before.outage_class, before.action) == ("F", "switch")
    slow = replace(RULES, decide_b_s=7200.0)
    assert in_turn((5, rejected), (7, later), rules=slow).classes == ("B",)
    after = in_turn((5, rejected), (20, later), rules=slow)
    assert (after.outage_class, after.action) == ("B", "wait")


def after_refusals(now, *, places=("a",), late=0):
    """Two recipients refused for good, well again for as long as it takes, and then ``now`` until it is down."""
    detector = Detector(RULES, [WATCHED["smtp"], WATCHED["smtp-2"]], vantages=places, here=places[0])
    seen, n = [], 0

    def round_of(look):
        nonlocal n
        for name in ("smtp", "smtp-2"):
            for i, place in enumerate(places):
                result, kind = OK if look is OK or (look is now and i == 2 and len(seen) < late) else FAIL, ""
                if result is FAIL:
                    kind = look[1]
                vantage = "" if i == 0 else place
                detector.take(Signal(name, "inbound", result, 60.0 * n, kind, kind, vantage=vantage))
        found = detector.settle(60.0 * n, 60.0 * n)
        n += 1
        return found

    for _ in range(3):
        found = round_of(NO)
    assert found.classes == ("F",) and found.state == "down"
    while round_of(OK).state != "healthy":
        assert n < 20
    while True:
        seen.append(round_of(now))
        if seen[-1].state == "down" or n > 60:
            return seen[-1]


@pytest.mark.parametrize("now", [(FAIL, "timeout"), (FAIL, "refused"), LATER])
def test_an_outage_that_is_over_lends_its_refusals_to_no_other(now) -> None:
    """Minutes after false rejects servers fall silent: senders wait, nothing bounces, so it is B and there is time."""
    found = after_refusals(now)
    assert (found.state, found.classes) == ("down", ("B",)), found.reasons_for
    assert found.action in {"wait", "ask"}  # it comes and goes: a person may be asked, nothing is moved by itself
    assert after_refusals(NO).classes == ("F",)


def test_nor_does_a_place_that_has_not_counted_to_the_end_yet() -> None:
    """Two of three places are sure; the third began to see it a look later, and remembers the refusals too."""
    found = after_refusals((FAIL, "timeout"), places=("a", "b", "c"), late=1)
    assert (found.state, found.classes) == ("down", ("B",)), found.reasons_for


def test_refusals_among_other_failures_of_one_outage_are_of_it() -> None:
    """Silence most of the time, and every third look refused for good: mail is being lost, F."""
    found = last(rounds=12, smtp=[(FAIL, "timeout"), (FAIL, "timeout"), NO], smtp_2=[(FAIL, "timeout"), NO, NO])
    assert found.classes == ("F",) and found.state == "down"
