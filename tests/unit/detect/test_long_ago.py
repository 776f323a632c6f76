"""What was seen long ago, before nobody saw it, is over with the first good look; one look and people are no outage."""

from __future__ import annotations

import pytest
from test_every_rule import DEGRADED, FAIL, NO, NOT_TAKEN, OK, UNKNOWN, said

LOST, LATER = (FAIL, "lost"), (FAIL, "4xx-greeting")


def outbound_then_inbound(rounds, hidden, back=(OK, "delivered")):
    """The way out fails for an hour; then nothing is taken for ``hidden`` rounds; then all is well."""
    until = 60 + hidden

    def trip(n):
        return LOST if n < 60 else NOT_TAKEN if n < until else back

    return said(rounds, smtp=lambda n: OK if n < 60 else LATER if n < until else OK, trip=trip)


def test_the_way_out_of_three_hours_ago_is_not_told_when_mail_comes_through() -> None:
    """Mail is taken and comes out: whoever reads that it does not, is told something false."""
    found = outbound_then_inbound(60 + 180 + 12, 180)
    assert "C" not in found.classes and found.action != "tell"


def test_one_that_was_hidden_for_a_few_minutes_drains_as_ever() -> None:
    """And one that still fails after the long time goes on."""
    assert "outbound" in outbound_then_inbound(60 + 10 + 2, 10).planes
    assert "C" in outbound_then_inbound(60 + 180 + 12, 180, LOST).classes


@pytest.mark.parametrize("back", [OK, DEGRADED])
@pytest.mark.parametrize(("blind", "over"), [(31, True), (20, False)])
def test_it_is_so_of_every_plane_that_moves_nothing(back, blind, over) -> None:
    """Mailboxes that were dead before our application was limited for half an hour, say."""

    def boxes(n):
        return (FAIL, "5xx") if n < 20 else (UNKNOWN, "429") if n < 20 + blind else back

    assert ("A" not in said(20 + blind + 1, boxes=boxes).classes) is over


def test_what_mx_is_moved_for_drains_round_by_round() -> None:
    """One good look is no proof there."""

    def smtp(n):
        return LATER if n < 20 else (UNKNOWN, "no-route") if n < 60 else OK

    assert said(61, smtp=smtp, smtp_2=smtp).state == "down"


def test_one_look_and_people_do_not_name_a_playbook_that_moves_mx() -> None:
    """They have complained for a while, of whatever; then one look is refused."""
    looks = {"people": (FAIL, "people"), "smtp": lambda n: OK if n < 30 else NO}
    first, named = said(31, **looks), said(33, **looks)
    assert first.action in {"watch", "ask"} and not first.moves
    assert named.action == "ask" and "F" in named.classes  # a person looks whether it exists
