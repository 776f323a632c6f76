"""What goes the same way shares its fate: our mails and our looks, a part of inbound mail beside another outage, what
others say beside what we see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.probe import Result, Role, Signal, Watched
from bcp.detect import own, survey
from bcp.detect.cases import Moment
from bcp.detect.decide import Setting, propose
from bcp.detect.detector import Detector
from bcp.detect.mails import Mails
from bcp.detect.planes import PlaneView, WayView
from bcp.detect.rules import Rules

OK, FAIL, UNKNOWN = Result.OK, Result.FAIL, Result.UNKNOWN
RULES = Rules(confirm_for_s=60.0, decide_b_s=600.0)
LATER, NOT_TAKEN = (FAIL, "4xx-rcpt"), (UNKNOWN, "not-taken")
PROBES = {
    "smtp": Watched("smtp", "smtp", "inbound", medium="smtp"),
    "smtp_2": Watched("smtp_2", "smtp", "inbound", medium="smtp"),
    "trip": Watched("trip", "round-trip", "outbound", medium="smtp"),
    "boxes": Watched("boxes", "graph-mailbox", "mailbox", medium="https"),
    "gate": Watched("gate", "smtp", "gateway", medium="smtp"),
    "people": Watched("people", "people", "inbound", Role.PEOPLE),
    "control": Watched("control", "dns", "edge", medium="dns", control=True),
}


def said(rounds=30, events=None, **looks):
    """The verdict after so many rounds; a look is (result, kind), or a function of the round."""
    detector = Detector(RULES, [PROBES[n] for n in looks], vantages=("a",), here="a")
    for n in range(rounds):
        for name, look in looks.items():
            one = look(n) if callable(look) else look
            result, kind = one if isinstance(one, tuple) else (one, "")
            w = PROBES[name]
            detector.take(Signal(name, w.plane, result, 60.0 * n, kind, kind, w.control))
        found = detector.settle(60.0 * n, 60.0 * n)
    return found


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        ("own-sender", True),
        ("own-greeting", True),
        ("throttled", True),
        ("own-recipient", False),
        ("own-mailbox", False),
        ("timeout", False),
    ],
)
def test_which_fault_of_ours_meets_whatever_we_send(kind, ours) -> None:
    """A mailbox that is full says nothing of a mail to another one."""
    assert own.of_the_sender(kind) is ours


def test_all_looks_must_be_refused_for_what_we_are() -> None:
    """One that says nothing for another reason may hide anything: a person is asked. One that sees is believed."""
    mine = (UNKNOWN, "own-sender")
    assert said(smtp=mine, smtp_2=mine, trip=NOT_TAKEN, boxes=OK).action == "fix-own"
    assert said(smtp=mine, smtp_2=(UNKNOWN, "overran"), trip=NOT_TAKEN, boxes=OK).action == "ask"
    assert said(smtp=mine, smtp_2=LATER, trip=NOT_TAKEN, boxes=OK).classes[0] == "B"
    seen = said(smtp=lambda n: OK if n < 26 else mine, trip=NOT_TAKEN, boxes=OK)  # it was seen well a moment ago
    assert "B" in seen.classes


def test_mails_alone_are_asked_about_only_while_nobody_sees_known_recipients() -> None:
    """Where they are accepted, it is that only one way of looking sees it."""
    assert said(smtp=(UNKNOWN, "overran"), trip=NOT_TAKEN, boxes=OK).action == "ask"
    taken = said(smtp=OK, trip=NOT_TAKEN, boxes=OK)
    assert taken.why == "one way of looking sees it fail and another does not" and "looked-at" not in taken.refusals
    back = said(40, smtp=lambda n: (UNKNOWN, "overran") if n < 30 else LATER, trip=NOT_TAKEN)
    assert back.action == "wait"  # what was not seen made no failing minutes
    assert said(smtp=(UNKNOWN, "overran"), trip=NOT_TAKEN).decide_at is None


def test_who_finds_no_names_finds_no_way_for_a_mail() -> None:
    """Control names do not resolve at this place."""
    assert said(smtp=(UNKNOWN, "unresolved"), trip=NOT_TAKEN, boxes=OK, control=(FAIL, "timeout")).action == "fix-own"


def third(n):
    return LATER if n % 3 == 0 else OK


def test_a_part_of_inbound_mail_beside_broken_mailboxes_is_named_and_asked_about() -> None:
    """After what is confirmed; and no playbook that moves MX is named for it. It does not hide the gateway's way."""
    found = said(61, smtp=third, boxes=(FAIL, "5xx"))
    assert (found.classes, found.action, found.moves) == (("A", "B"), "ask", False)
    assert said(61, smtp=third, boxes=OK).moves
    gate = said(61, smtp=third, gate=LATER)
    assert (gate.classes, gate.action) == (("G",), "direct")
    assert said(61, smtp=OK, boxes=(FAIL, "5xx")).action == "tell"


@pytest.mark.parametrize(
    ("moment", "action"), [(Moment(), "ask"), (Moment(maintenance="Kim"), "watch"), (Moment(denied="Kim"), "watch")]
)
def test_nobody_is_asked_about_a_part_in_maintenance(moment, action) -> None:
    """Nor when on call says that it is none."""
    from bcp.detect.cases import Case

    asked = propose(
        Setting("down", ("A", "B"), False, True, beside=True),
        [Case("", "down", ("A", "B"), ("mailbox",))],
        moment,
        RULES,
    )
    assert asked.action == action


def test_what_others_say_of_inbound_does_not_hide_that_mail_to_the_outside_is_lost() -> None:
    """Our looks see the way in well."""
    assert said(smtp=OK, people=(FAIL, "people"), trip=(FAIL, "lost")).classes == ("C",)
    assert said(smtp=OK, people=(FAIL, "people")).classes == ("B",)
    blank = WayView("smtp", Role.LOOK, False, False, False, False, False, 0.0, 0, 0, None, None)
    assert not survey.hearsay(PlaneView("inbound", "suspect", (blank,)))
    assert survey.hearsay(PlaneView("inbound", "suspect", (replace(blank, known=True),)))


def test_in_the_minutes_after_the_end_it_waits_for_it_to_be_clear() -> None:
    """It was whole, and nothing of it fails at this moment: that is the reason, and not that only a part fails."""
    assert [said(30 + k, smtp=lambda n: LATER if n < 30 else OK).action for k in range(1, 9)] == ["wait"] * 8


def test_a_mail_that_came_out_later_takes_back_that_mails_are_lost() -> None:
    """One that was refused at the door, too; an old one that is lost is no answer to one that was asked for."""
    trip, mails = PROBES["trip"], Mails()
    mails.add(trip)

    def take(kind, result, now, seconds=0.0):
        mails.take("a", Signal("trip", "outbound", result, now, kind, numbers={"seconds": seconds}), trip, now)

    take("lost", FAIL, 1000.0, 600.0)
    assert mails.around(1000.0).lost_at == 400.0
    take("delivered", OK, 1010.0, 700.0)  # an older one
    assert mails.around(1010.0).lost_at == 400.0
    take("delivered", OK, 1020.0, 5.0)
    assert mails.around(1020.0).lost_at is None
    take("lost", FAIL, 2000.0, 600.0)
    take("not-taken", UNKNOWN, 2010.0)
    assert mails.around(2010.0).lost_at is None
    mails.ask(3000.0, wanted=True)
    take("lost", FAIL, 3060.0, 600.0)
    assert mails.asked_at == 3000.0
    take("lost", FAIL, 3060.0, 10.0)
    assert mails.asked_at is None
