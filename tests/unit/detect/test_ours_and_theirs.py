"""What is ours beside what is theirs: a connector of ours, a recipient of another domain."""

from __future__ import annotations

import pytest
from test_every_rule import FAIL, NO, NOT_TAKEN, OK, UNKNOWN, WATCHED, said

from bcp.contracts.probe import Watched

QUEUE = Watched("queue", "queue", "gateway")
OURS, DIRTY = (UNKNOWN, "own-certificate"), (FAIL, "4xx-rcpt")


@pytest.fixture(autouse=True)
def _queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WATCHED, "queue", QUEUE)


def test_a_queue_that_our_own_certificate_explains_is_ours() -> None:
    """Mail waits at the gateway since Exchange does not know our certificate: renewing it helps, and nothing else."""
    found = said(queue=(FAIL, "queue"), gate=OURS, smtp=OK)
    assert (found.state, found.classes, found.action) == ("down", ("H",), "fix-own")


@pytest.mark.parametrize("gate", [DIRTY, (UNKNOWN, "timeout"), (UNKNOWN, "429"), (UNKNOWN, "own-recipient")])
def test_without_such_a_word_it_is_the_gateways_way(gate) -> None:
    """A look that fails itself, or says nothing of us, explains nothing; nor does its mailbox that is full: the
    queue's mail goes to others."""
    found = said(queue=(FAIL, "queue"), gate=gate, smtp=OK)
    assert found.classes[0] == "G" and found.action == "direct"


def test_a_certificate_of_ours_elsewhere_does_not_explain_the_gateway() -> None:
    """The probe of direct delivery has one of its own."""
    found = said(queue=(FAIL, "queue"), gate=DIRTY, smtp=OURS, smtp_2=OK)
    assert found.classes[0] == "G"


def test_with_mail_on_the_relay_the_way_through_it_is_told_first() -> None:
    """Whoever is at fault, what is on the relay does not get through, and direct delivery works."""
    found = said(queue=(FAIL, "queue"), gate=OURS, smtp=OK, events={1: ("decided", "active")})
    assert found.classes[0] == "G" and found.action == "direct"


@pytest.mark.parametrize(
    ("smtp", "trip", "classes"),
    [
        ((UNKNOWN, "own-sender"), NOT_TAKEN, ("H",)),  # all that is ours is refused: the queue as well
        ((UNKNOWN, "own-recipient"), NOT_TAKEN, ("B",)),  # of the mailbox of our looks the queue knows nothing
        (OK, OK, ("C",)),
        (OK, None, ("C",)),  # the queue alone speaks of the way out, and nothing of us is refused
    ],
)
def test_a_queue_to_the_outside_grows_for_what_we_are(monkeypatch, smtp, trip, classes) -> None:
    """Our sender is on a list: our applications' mail waits, and people need not be told that theirs does."""
    monkeypatch.setitem(WATCHED, "queue", Watched("queue", "queue", "outbound"))
    found = said(queue=(FAIL, "queue"), smtp=smtp, trip=trip)
    assert set(classes) == set(found.classes), found.classes
    assert (found.action == "fix-own") is (classes == ("H",))


def test_a_certificate_of_ours_does_not_hide_what_else_is_down() -> None:
    """The gateway's queue is our own doing; that mailboxes cannot be opened is not."""
    found = said(queue=(FAIL, "queue"), gate=OURS, smtp=OK, boxes=(FAIL, "5xx"))
    assert "A" in found.classes and found.action != "fix-own"


def test_a_part_that_bounces_in_the_same_domain_is_not_that_of_another() -> None:
    """It is confirmed down itself, fails by turns, and its newest look is well: it waits for the next one."""
    domains = {"smtp": ("one.test",), "smtp_2": ("one.test",), "smtp_3": ("two.test",)}

    def turns(n):
        return OK if n % 8 == 7 else NO if n % 4 == 1 else DIRTY

    found = said(40, smtp=turns, smtp_2=turns, smtp_3=OK, domains=domains)
    assert found.state == "down" and found.action == "wait" and found.why == "at this moment it does not fail"


def two_domains(rounds=40, *, other=OK, mail=NOT_TAKEN):
    """Of one domain two of three recipients are refused for good; the other one has a recipient and mails too."""
    domains = dict.fromkeys(("smtp", "smtp_2", "smtp_3", "trip"), ("one.test",)) | {"smtp_4": ("two.test",)}
    return said(rounds, smtp=NO, smtp_2=NO, smtp_3=OK, trip=mail, smtp_4=other, domains=domains)


def test_recipients_of_another_domain_do_not_make_refused_ones_removed() -> None:
    """They are well there, and nothing comes through here: false rejects of a part, and no mailbox that was removed."""
    found = two_domains()
    assert "F" in found.classes and "H" not in found.classes and found.action == "ask"
    assert "H" in two_domains(mail=OK).classes  # here mail comes through: these were removed


def test_a_part_that_bounces_is_not_hidden_by_a_domain_that_waits() -> None:
    """The other one is deferred, and has time; this one has none."""
    early, late = two_domains(9, other=DIRTY), two_domains(40, other=DIRTY)
    assert early.state == "down" and early.action == "ask" and early.why.startswith("of another domain")
    assert late.action == "switch" and late.domains == ("two.test",)
    assert "F" in early.classes and "F" in late.classes


def test_mails_that_another_domain_loses_do_not_hold_back_false_rejects_here() -> None:
    """Whom to believe is a question where mails that are taken do not come out: of the same domain."""

    def refused(lost_by):
        domains = {"smtp": ("one.test",), "smtp_2": ("one.test",), "smtp_3": ("two.test",), "trip": (lost_by,)}
        return said(smtp=NO, smtp_2=NO, smtp_3=OK, trip=(FAIL, "lost"), domains=domains)

    here, there = refused("one.test"), refused("two.test")
    assert here.action == "ask" and not here.domains
    assert there.action == "switch" and there.domains == ("one.test",) and there.classes[0] == "F"


RESOLVER = Watched("res", "dns", "dns", medium="dns", control=True)


def test_who_finds_no_names_finds_no_way_for_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our resolver is dead: that a test mail is not taken speaks of us. With a resolver it speaks of the service."""
    monkeypatch.setitem(WATCHED, "res", RESOLVER)
    assert "B" in said(smtp=OK, trip=NOT_TAKEN, res=OK).classes
    assert "B" not in said(smtp=OK, trip=NOT_TAKEN, res=(FAIL, "timeout")).classes


def test_people_are_heard_where_our_own_network_is_dead() -> None:
    """They do not come over it. What our looks say there is unknown."""
    dead = (FAIL, "timeout")
    assert said(people=(FAIL, "people"), control=dead).state == "down"
    assert said(smtp=dead, control=dead).state == "unknown"


OF_TWO = Watched("trip_2", "round-trip", "outbound", medium="smtp")


@pytest.mark.parametrize("begins", [0, 20])
def test_false_rejects_of_one_domain_stand_when_another_one_is_deferred(monkeypatch, begins) -> None:
    """The other one's mails came through until then; these say nothing of this one's. Both classes are told."""
    monkeypatch.setitem(WATCHED, "trip_2", OF_TWO)
    domains = dict.fromkeys(("smtp", "smtp_2", "trip"), ("one.test",)) | dict.fromkeys(
        ("smtp_4", "trip_2"), ("two.test",)
    )
    found = said(
        27,
        smtp=NO,
        smtp_2=NO,
        trip=NOT_TAKEN,
        smtp_4=lambda n: DIRTY if n >= begins else OK,
        trip_2=lambda n: NOT_TAKEN if n >= begins else (OK, "delivered"),
        domains=domains,
    )
    assert found.classes == ("F", "B") and found.action == "switch"
    assert "one.test" in found.domains and ("two.test" in found.domains) is (begins == 0)


def test_false_rejects_of_the_morning_do_not_explain_a_mailbox_that_was_removed_at_noon() -> None:
    """It is given back, and its counter drains: who was removed in between was removed."""
    gone = {n: lambda n: NO if n < 20 or 60 <= n < 80 else OK for n in ("smtp", "smtp_2")}
    trip = {"trip": lambda n: NOT_TAKEN if n < 20 else OK}
    assert said(22, **gone, **trip).classes == ("F",)
    assert said(82, **gone, **trip).classes == ("H",)


def test_one_place_with_a_fault_of_ours_does_not_explain_what_the_others_see() -> None:
    """Two places see the gateway's way fail themselves; the certificate of the third is over."""
    found = said(queue=(FAIL, "queue"), gate={"a": OURS, "b": DIRTY, "c": DIRTY}, smtp=OK, places=("a", "b", "c"))
    assert found.classes[0] == "G" and found.action == "direct"
