"""One more bad sign makes no verdict better: what is not seen is not well, and what others say takes no doubt away."""

from __future__ import annotations

import pytest
from test_every_rule import FAIL, LATER, NO, NOT_TAKEN, OK, THREE, UNKNOWN, said

BROKEN = (UNKNOWN, "broken-probe")
PEOPLE = (FAIL, "people")


def test_a_mail_that_is_not_taken_makes_nothing_well() -> None:
    """No look says anything of inbound mail; that a test mail is not taken says no more of it than that."""
    states = [said(n, smtp=BROKEN, trip=lambda n: OK if n < 12 else NOT_TAKEN).state for n in (11, 13, 14)]
    assert states == ["unknown", "unknown", "suspect"]


@pytest.mark.parametrize("people", [OK, PEOPLE], ids=["nobody", "people"])
def test_what_people_say_takes_no_question_away(people) -> None:
    """One recipient is put off, another is taken, test mails are not: a person is asked, whoever complains."""
    assert said(smtp=LATER, smtp_2=OK, trip=NOT_TAKEN, people=people).action == "ask"


@pytest.mark.parametrize(
    ("people", "trip", "classes"),
    [(PEOPLE, NOT_TAKEN, ("F",)), (OK, NOT_TAKEN, ("B", "H")), (PEOPLE, OK, ("B", "H"))],
    ids=["all three", "nobody says so", "mail comes through"],
)
def test_a_half_of_the_directory_is_lost(people, trip, classes) -> None:
    """Two of four recipients are refused for good, and the mail to a third one: with people it is F, of a part."""
    found = said(30, THREE, smtp=NO, smtp_2=NO, smtp_3=OK, smtp_4=OK, trip=trip, people=people, unknown=OK)
    assert found.classes == classes and found.action != "switch"
    assert found.action == "ask" or trip == OK


def test_recipients_that_were_removed_while_mail_came_through_stay_removed() -> None:
    """What the mail meets later, and what people say then, is another thing."""
    gone = lambda n: NO if n >= 3 else OK  # noqa: E731
    trip = lambda n: OK if n < 20 else NOT_TAKEN  # noqa: E731
    found = said(30, THREE, smtp=gone, smtp_2=gone, smtp_3=OK, smtp_4=OK, trip=trip, people=PEOPLE, unknown=OK)
    assert "F" not in found.classes and found.action == "ask"
