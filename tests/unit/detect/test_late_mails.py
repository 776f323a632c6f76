"""A test mail that was not taken while nobody saw why is no news of what is seen later."""

from __future__ import annotations

import pytest
from test_every_rule import FAIL, NO, NOT_TAKEN, OK, SILENT, UNKNOWN, said

from bcp.contracts.probe import Signal, Watched
from bcp.detect.mails import Mails
from bcp.detect.worlds import make, play

BLIND = ("own-sender", "own-greeting", "own-connector", "greylisted", "overran", "no-route", "unresolved")
SEES_AGAIN = 50


def removed_meanwhile(rounds, kind, trip=NOT_TAKEN, before=OK, smtp=NO):
    """For 45 rounds looks and mails of ours are not taken, whoever is at fault; somebody removed the mailbox meanwhile.
    A mail goes out each five rounds, the last one two rounds before our looks are answered again."""

    def look(n):
        return before if n < 5 else (UNKNOWN, kind) if n < SEES_AGAIN else smtp

    def mail(n):
        return SILENT if n % 5 != 3 else trip if n < SEES_AGAIN else OK

    return said(rounds, smtp=look, trip=mail, control=OK)


@pytest.mark.parametrize("kind", BLIND)
@pytest.mark.parametrize("before", [OK, NO])
@pytest.mark.parametrize("rounds", [51, 52, 53])
def test_a_mail_from_when_nobody_saw_does_not_back_a_refusal(kind, before, rounds) -> None:
    """It was not taken for what hid the looks too. One recipient that is refused proves nothing by itself."""
    found = removed_meanwhile(rounds, kind, before=before)
    assert found.action != "switch" and "rejects-backed" not in grounds(found)


def grounds(found):
    return {g for v in found.views for g in v.grounds}


@pytest.mark.parametrize("kind", ["own-sender", "no-route"])
def test_a_mail_that_is_not_taken_while_looks_see_backs_it(kind) -> None:
    """The next one, of which the looks say what it met."""
    smtp = [(UNKNOWN, kind)] * 20

    def look(n):
        return smtp[n] if n < len(smtp) else NO

    found = said(24, smtp=look, trip=lambda n: NOT_TAKEN if n % 5 == 3 else SILENT, control=OK)
    assert found.action == "switch" and "F" in found.classes and "rejects-backed" in grounds(found)


def test_what_tells_itself_why_it_was_refused_is_no_mail_of_the_blind() -> None:
    """A mail whose recipient is refused for good, or that is put off after DATA, got past what refuses our looks."""
    for kind, letter in (("rejects", "F"), ("4xx-data", "B")):
        found = removed_meanwhile(51, "own-sender", trip=(FAIL, kind))
        assert letter in found.classes


TRIP = Watched("trip", "round-trip", "outbound", medium="smtp", every_s=300.0)


def taken_in(*given):
    """After these: (place, kind, blind)."""
    out = Mails()
    out.add(TRIP)
    for n, (place, kind, blind) in enumerate(given):
        result = OK if kind == "delivered" else UNKNOWN
        out.take(place, Signal("trip", "outbound", result, 0.0, kind), TRIP, 60.0 * n, blind=blind)
    return out.around(60.0 * len(given))


@pytest.mark.parametrize(
    ("given", "blind"),
    [
        ((("a", "not-taken", True),), True),
        ((("a", "not-taken", False),), False),
        ((("a", "not-taken", False), ("a", "not-taken", True)), True),  # the newest of a place speaks
        ((("a", "not-taken", True), ("b", "not-taken", False)), False),  # of another place it is seen
        ((("a", "not-taken", True), ("a", "delivered", False)), False),
        ((("a", "delivered", True),), False),
        ((), False),
    ],
)
def test_of_which_mails_nobody_saw_why(given, blind) -> None:
    assert taken_in(*given).mails_blind is blind


def test_a_blind_mail_was_not_tried() -> None:
    """One that is asked for is still waited for, and what came through before still speaks."""
    around = taken_in(("a", "delivered", False), ("a", "not-taken", True))
    assert (around.delivered_at, around.tried_at) == (0.0, 0.0)


def test_the_world_in_which_it_was_found() -> None:
    """Our sender is taken again, and a removed recipient is refused in the same round."""
    course = play(make(3005390))
    assert not course.harms and not course.misses


@pytest.mark.parametrize("other", [OK, (FAIL, "4xx-rcpt")])
def test_a_recipient_that_is_seen_from_that_place_makes_no_mail_blind(other) -> None:
    """One look says nothing, another one does: what becomes of the mail is news."""
    found = said(30, smtp=(UNKNOWN, "no-route"), smtp_2=other, trip=NOT_TAKEN, control=OK)
    assert found.state != "healthy" and "mails-alone" not in grounds(found)
