"""Whole test mails: which came through, when one was tried, and who is not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.probe import Part, Result, Role, Signal, Watched
from bcp.detect.detector import Detector
from bcp.detect.mails import LOST_AFTER_S, Mails
from bcp.detect.rules import Rules

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
TRIP = Watched("trip", "round-trip", "outbound", medium="smtp", every_s=300.0)
OF_A = Watched("of-a", "round-trip", "outbound", medium="smtp", every_s=300.0, domains=("a.test",))
BOXES = Watched("boxes", "graph-mailbox", "mailbox")


def mail(result, kind="", watched=TRIP, **more):
    return Signal(watched.probe, watched.plane, result, 0.0, kind, **more)


def mails(*given, watched=(TRIP,)):
    """After these looks: (time, signal)."""
    out = Mails()
    for w in watched:
        out.add(w)
    for now, signal in given:
        out.take("a", signal, next(w for w in watched if w.probe == signal.probe), now)
    return out


@pytest.mark.parametrize(
    ("signal", "sent"),
    [
        (mail(OK, "delivered"), 1000.0),
        (mail(OK, "delivered", numbers={"seconds": 40.0}), 960.0),
        (mail(OK, "delivered", data={"seconds": "50"}), 950.0),
        (mail(DEGRADED, "slow", numbers={"seconds": 200.0}), 800.0),
        (mail(FAIL, "lost"), 1000.0 - LOST_AFTER_S),
        (mail(FAIL, "lost", numbers={"seconds": 90.0}), 910.0),
        (mail(UNKNOWN, "taken"), 1000.0),
    ],
)
def test_a_mail_that_was_taken_speaks_of_when_it_was_sent(signal, sent) -> None:
    """For one and a half intervals of its probe."""
    around = mails((1000.0, signal)).around(1449.0)
    assert (around.delivered_at, around.last_delivered, around.tried_at, around.mails) == (sent, sent, sent, True)
    late = mails((1000.0, signal)).around(1451.0)
    assert late.delivered_at is None and late.last_delivered == sent


def test_the_newest_mail_speaks_and_what_was_lost_is_old() -> None:
    """One that was taken a minute ago is not undone by one that was sent ten minutes ago and never came out."""
    around = mails((1000.0, mail(UNKNOWN, "taken")), (1030.0, mail(FAIL, "lost"))).around(1030.0)
    assert (around.delivered_at, around.tried_at) == (1000.0, 1000.0)
    around = mails((1000.0, mail(OK)), (1060.0, mail(UNKNOWN, "not-taken"))).around(1060.0)
    assert (around.delivered_at, around.last_delivered, around.tried_at) == (None, 1000.0, 1060.0)


@pytest.mark.parametrize(("kind", "tried"), [("not-taken", 1060.0), ("rejects", 1060.0), ("4xx-data", 1060.0)])
def test_who_is_refused_was_tried(kind, tried) -> None:
    assert mails((1060.0, mail(UNKNOWN, kind))).around(1060.0).tried_at == tried
    assert mails((1060.0, mail(UNKNOWN, "mailbox-outside"))).around(1060.0).tried_at is None


def test_what_is_not_taken_from_a_place_that_is_cut_off_says_nothing() -> None:
    """Neither that it was tried, nor against the mail before; one that comes through is believed."""
    seen = mails((1000.0, mail(OK)))
    seen.take("a", mail(UNKNOWN, "not-taken"), TRIP, 1060.0, cut_off=True)
    assert (seen.around(1060.0).delivered_at, seen.around(1060.0).tried_at) == (1000.0, 1000.0)
    seen.take("a", mail(OK), TRIP, 1120.0, cut_off=True)
    assert seen.around(1120.0).delivered_at == 1120.0


def test_mails_of_one_domain_say_nothing_of_another() -> None:
    """And those that name none only while all fare alike."""
    both = mails((900.0, mail(OK)), (1000.0, mail(OK, watched=OF_A)), watched=(TRIP, OF_A))
    assert both.around(1000.0, "a.test", alike=False).delivered_at == 1000.0
    assert both.around(1000.0, "b.test").delivered_at == 900.0
    other = both.around(1000.0, "b.test", alike=False)
    assert (other.delivered_at, other.tried_at, other.last_delivered, other.mails) == (None, None, None, False)


def test_an_answer_that_is_awaited() -> None:
    """From when it was asked for first, until any answer."""
    seen = mails()
    seen.ask(60.0, wanted=True)
    seen.ask(120.0, wanted=True)
    assert seen.around(120.0).asked_at == 60.0
    seen.take("a", mail(UNKNOWN, "not-taken"), TRIP, 130.0)
    assert seen.around(130.0).asked_at is None
    seen.ask(130.0, wanted=True)
    seen.ask(190.0, wanted=False)
    assert seen.asked_at is None


def test_mailboxes_that_are_not_there() -> None:
    """Until they are again; other probes send no mails."""
    seen = mails(watched=(BOXES,))
    gone, there = Part(UNKNOWN, "own-mailbox", "", "A@x.test"), Part(OK, "", "", "a@x.test")
    seen.take("a", Signal("boxes", "mailbox", OK, 0.0, parts=(gone, Part(OK, "", "", "b@x.test"))), BOXES, 0.0)
    assert seen.around(0.0).gone == {"a@x.test"} and not seen.around(0.0).mails
    seen.take("a", Signal("boxes", "mailbox", OK, 0.0, parts=(there,)), BOXES, 60.0)
    assert seen.around(60.0).gone == frozenset()


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (mail(FAIL, "lost"), 1000.0),
        (mail(OK, "delivered", numbers={"seconds": 5.0}), None),
        (mail(FAIL, "rejects"), None),
    ],
)
def test_what_became_of_an_older_mail_is_no_answer_to_one_that_was_asked_for(answer, asked) -> None:
    """That an old one is lost is known late; the new one is still under way."""
    found = mails()
    found.ask(1000.0, wanted=True)
    found.take("a", answer, TRIP, 1060.0)
    assert found.around(1060.0).asked_at == asked


def test_a_mail_that_names_another_domain_never_came_through_for_this_one() -> None:
    """Also where all fare alike by now, and however long ago. One that names none speaks of both then."""
    of_b = Watched("of-b", "round-trip", "outbound", medium="smtp", every_s=300.0, domains=("b.test",))
    given = (1000.0, mail(OK, "delivered", OF_A)), (2000.0, mail(OK, "delivered", of_b))
    found = mails(*given, watched=(OF_A, of_b))
    assert found.around(9000.0, "a.test").last_delivered == 1000.0
    assert found.around(9000.0, "b.test").last_delivered == 2000.0
    assert found.around(9000.0).last_delivered == 2000.0
    both = mails(*given, (3000.0, mail(OK, "delivered")), watched=(OF_A, of_b, TRIP))
    assert both.around(9000.0, "a.test").last_delivered == 3000.0
    assert both.around(9000.0, "a.test", alike=False).last_delivered is None


OF_B = Watched("of-b", "round-trip", "outbound", medium="smtp", every_s=300.0, domains=("b.test",))
LOST_A = (1000.0, mail(FAIL, "lost", OF_A, numbers={"seconds": 100.0}))


@pytest.mark.parametrize(
    ("after", "of_a", "of_b"),
    [
        ((), 900.0, None),
        (((1100.0, mail(OK, "delivered", OF_B)),), 900.0, None),  # what b gets says nothing of a
        (((1100.0, mail(UNKNOWN, "not-taken", OF_B)),), 900.0, None),
        (((1100.0, mail(OK, "delivered", OF_A)),), None, None),
        (((1100.0, mail(UNKNOWN, "not-taken", OF_A)),), None, None),
        (((1100.0, mail(FAIL, "lost", OF_B)),), 900.0, 500.0),
        (((1100.0, mail(FAIL, "lost", OF_A)),), 900.0, None),  # sent before the other one
    ],
)
def test_what_a_domain_loses_is_of_that_domain(after, of_a, of_b) -> None:
    """Lost is what has no newer mail of its own domain that had another fate."""
    found = mails(LOST_A, *after, watched=(OF_A, OF_B))
    assert (found.around(1100.0, "a.test").lost_at, found.around(1100.0, "b.test").lost_at) == (of_a, of_b)
    assert found.around(1100.0, "a.test", alike=False).lost_at == of_a  # its own mails speak of it however others fare


def test_a_lost_mail_that_names_no_domain_speaks_where_all_fare_alike() -> None:
    """One that comes out later takes it back; one that came out before does not."""
    lost = (1000.0, mail(FAIL, "lost", numbers={"seconds": 100.0}))
    found = mails(lost, watched=(TRIP, OF_A))
    assert found.around(1000.0, "a.test").lost_at == found.around(1000.0).lost_at == 900.0
    assert found.around(1000.0, "a.test", alike=False).lost_at is None
    assert mails(lost, (1010.0, mail(UNKNOWN, "not-taken"))).around(1010.0).lost_at is None
    early = (1010.0, mail(OK, "slow", numbers={"seconds": 111.0}))
    assert mails(lost, early).around(1010.0).lost_at == 900.0
    late = (1010.0, mail(OK, "delivered", numbers={"seconds": 110.0}))
    assert mails(lost, late).around(1010.0).lost_at is None and mails(late, lost).around(1010.0).lost_at is None


@pytest.mark.parametrize("zones", [(), ("a.test",), ("a.test", "b.test")])
def test_a_look_at_our_own_zones_takes_nothing_from_a_mail(zones) -> None:
    """Both monitoring recipients are cleared away and whole mails come through: that our zones are looked at by name
    makes no domain's inbound mail one that is looked at apart."""
    names = [Watched(f"zone-{z[0]}", "own-mx", "dns", medium="dns", domains=(z,)) for z in zones]
    known = [Watched(f"known-{n}", "smtp", "inbound", medium="smtp") for n in (1, 2)]
    detector = Detector(Rules(confirm_for_s=60.0), [*known, TRIP, *names])
    for n in range(12):
        for w in (*known, *names):
            bad = w in known and n >= 4
            detector.take(Signal(w.probe, w.plane, FAIL if bad else OK, 60.0 * n, "rejects" if bad else ""))
        detector.take(mail(OK, "delivered"))
        found = detector.settle(60.0 * n, 60.0 * n)
        assert found.action != "switch"
    assert (found.classes, found.action) == (("H",), "fix-own")


def test_bad_news_from_others_does_not_make_a_question_a_watch() -> None:
    """Whole mails are refused after DATA, recipients are taken at RCPT. A declaration makes that down; at no moment do
    all looks fail, so that it is never confirmed. A person is asked all the same."""
    health = Watched("health", "graph-health", "declared", Role.DECLARED, "https")
    every = replace(TRIP, every_s=60.0)
    detector = Detector(Rules(confirm_for_s=60.0), [Watched("known", "smtp", "inbound", medium="smtp"), every, health])
    actions = []
    for n in range(30):
        detector.take(Signal("known", "inbound", OK, 60.0 * n, "accepted"))
        detector.take(Signal("health", "declared", FAIL, 60.0 * n, "degradation"))
        detector.take(mail(UNKNOWN, "not-taken") if n >= 4 else mail(OK, "delivered"))
        actions.append(detector.settle(60.0 * n, 60.0 * n).action)
    assert "ask" not in actions[:8] and set(actions[10:]) == {"ask"}
