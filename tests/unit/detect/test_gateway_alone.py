"""The gateway's way alone fails only where direct delivery works: nobody is sent there while it does not."""

import pytest
from test_every_rule import FAIL, LATER, NO, NOT_TAKEN, OK, SILENT, THREE, UNKNOWN, both_over, half_of_both, said

from bcp.detect.aloud import aloud

NO_ROUTE = (UNKNOWN, "no-route")


def test_half_of_direct_delivery_is_nothing_to_deliver_to() -> None:
    """It is not the gateway's way alone: a person is asked, and no playbook that moves MX is named."""
    found = half_of_both()
    assert found.classes[0] == "B" and found.action == "ask" and not found.moves
    assert "not-into-gateway" not in found.refusals


@pytest.mark.parametrize(
    "smtp", [[OK, OK, LATER], {"a": (FAIL, "timeout"), "b": (FAIL, "timeout")}], ids=["a third", "a broken path"]
)
def test_a_part_of_direct_delivery_does_not_hide_the_gateway(smtp) -> None:
    """Most of it works; or a path is broken near two places, and the third sees it well; or one recipient is taken."""
    assert said(61, THREE, smtp=smtp, gate=LATER).action == "direct"
    assert "G" in said(30, smtp=LATER, smtp_2=OK, gate=LATER, trip=OK).classes


def test_what_ends_together_was_one_outage() -> None:
    """Counters of the gateway drain more slowly. Where it goes on failing, it is the gateway's way from then on."""
    assert "G" not in both_over().classes
    goes_on = said(26, smtp=lambda n: LATER if n < 20 else OK, gate=LATER, trip=lambda n: NOT_TAKEN if n < 20 else OK)
    assert (goes_on.classes, goes_on.action) == (("G",), "direct")


@pytest.mark.parametrize(("smtp", "action"), [(OK, "direct"), ({"b": NO_ROUTE, "c": NO_ROUTE}, "hold")])
def test_on_the_relay_one_place_of_three_is_too_few_to_deliver_directly(smtp, action) -> None:
    """To deliver directly is the way back, and that is seen by as many as an outage."""
    found = said(30, THREE, events={2: ["active"]}, smtp=smtp, gate=LATER)
    assert (found.classes, found.action) == (("G",), action)


def test_where_nobody_sees_direct_delivery_it_is_asked_and_not_said() -> None:
    """Where nothing is set to look at it, the way through the relay is all that is known."""
    found = said(smtp=(UNKNOWN, "overran"), gate=LATER)
    assert (found.classes, found.action, found.moves) == (("G",), "ask", False) and "nobody sees" in found.why
    assert "nobody sees whether the direct way works" in aloud(found).broken
    assert said(gate=LATER, boxes=OK).action == "direct"


def test_mails_that_are_not_taken_do_not_show_that_direct_delivery_works() -> None:
    """One place cannot find the MX host: no known recipient is tried, and nobody sees whether one would be taken."""
    found = said(8, smtp=(UNKNOWN, "unresolved"), names=OK, gate=NO, trip=NOT_TAKEN)
    assert "G" in found.classes and (found.action, found.moves) == ("ask", False)


def test_what_is_refused_for_good_does_not_wait() -> None:
    """A 5xx after DATA, or without a code: it may be of us alone, and if not it bounces. After its time it is moved."""
    looks = {"smtp": (FAIL, "5xx"), "trip": NOT_TAKEN}
    early, late = said(8, **looks), said(30, **looks)
    assert (early.classes, early.action, early.moves) == (("B",), "ask", True) and early.refusals[0] == "kept"
    assert late.action == "switch" and said(8, smtp=LATER, trip=NOT_TAKEN).action == "wait"


def test_a_test_mail_that_is_not_taken_shows_no_direct_delivery() -> None:
    """No look at a known recipient says anything, and the gateway puts mail off: that may be inbound mail as such."""
    trip = lambda n: SILENT if n % 5 else OK if n < 15 else NOT_TAKEN  # noqa: E731
    found = said(24, smtp=(UNKNOWN, "broken-probe"), trip=trip, gate=lambda n: OK if n < 15 else LATER)
    assert (found.classes, found.action) == (("G",), "ask") and "nobody sees" in found.why
    early = said(19, smtp=(UNKNOWN, "broken-probe"), trip=trip, gate=lambda n: OK if n < 15 else LATER)
    assert early.state == "suspect" and "nobody sees whether the direct way works" in aloud(early).broken


@pytest.mark.parametrize(
    ("look", "classes"), [({"smtp_2": LATER}, ("B", "G")), ({"names": (FAIL, "nxdomain")}, ("E", "G"))], ids=["B", "E"]
)
def test_the_gateway_of_one_domain_holds_no_other_one_back(look, classes) -> None:
    """The way through the relay fails for one domain, which is well directly; another one's direct delivery fails."""
    domains = {"gate": ("a.test",), "smtp": ("a.test",), "smtp_2": ("b.test",), "names": ("b.test",)}
    found = said(45, domains=domains, gate=LATER, smtp=OK, **look)
    assert (found.classes, found.action, found.domains) == (classes, "switch", ("b.test",))
    text = aloud(found).broken
    assert text.startswith("For b.test, ") and "for a.test, mail does not get through the relay" in text
    assert "This is so for" not in text


def test_a_gateway_that_names_no_domain_is_everybody_s() -> None:
    """MX of the other one would move into it."""
    domains = {"smtp": ("a.test",), "names": ("b.test",), "smtp_2": ("b.test",)}
    assert said(45, domains=domains, gate=LATER, smtp=OK, smtp_2=OK, names=(FAIL, "nxdomain")).action == "direct"
