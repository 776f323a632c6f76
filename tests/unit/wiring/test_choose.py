"""Which playbook an outage calls for: enumerated over classes, actions and the operator's own choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.detect.cases import Case
from bcp.detect.planes import PlaneView
from bcp.detect.verdict import SWITCHES, Decision
from bcp.wiring.catalogue import shipped_candidates
from bcp.wiring.choose import Candidate, chosen, for_class, recommended, way_back

LETTERS = "ABCDEFGH"
BOOKS = {
    "away": Candidate(frozenset("BEF"), True, "home"),
    "away-f": Candidate(frozenset("F"), True, "home-f"),
    "home": Candidate(frozenset(), True),
    "home-f": Candidate(frozenset(), True),
    "tell": Candidate(frozenset(LETTERS), False),
    "tell-a": Candidate(frozenset("A"), False),
}


def decision(action: str, *classes: str) -> Decision:
    """A verdict that proposes this for these classes."""
    return Decision("down", classes, action=action, moves=action == "ask")


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("action", ["switch", "wait", "ask", "none", "hold"])
def test_mx_is_moved_only_in_classes_that_a_switch_helps(letter: str, action: str) -> None:
    """A playbook that moves MX is named for B, E and F alone, and only when a switch is on the table."""
    found = recommended(decision(action, letter), BOOKS)
    moves = action in {"switch", "wait", "ask"} and letter in SWITCHES
    assert BOOKS[found].moves_mx is moves
    assert letter in BOOKS[found].covers


def test_the_most_special_playbook_is_taken() -> None:
    """Fewest classes first, then by name, so that the choice does not hang on the order of files."""
    assert for_class("F", moves_mx=True, candidates=BOOKS) == "away-f"
    assert for_class("B", moves_mx=True, candidates=BOOKS) == "away"
    assert for_class("A", moves_mx=False, candidates=BOOKS) == "tell-a"
    same = {"b": Candidate(frozenset("A"), False), "a": Candidate(frozenset("A"), False)}
    assert for_class("A", moves_mx=False, candidates=same) == "a"


def test_the_operators_choice_wins_where_it_fits() -> None:
    """Not where it does not cover the class, moves MX when nothing is to be moved, or does not exist."""
    wanted = {"F": "away", "A": "tell", "B": "away-f", "D": "away", "G": "none"}
    assert for_class("F", moves_mx=True, candidates=BOOKS, wanted=wanted) == "away"
    assert for_class("A", moves_mx=False, candidates=BOOKS, wanted=wanted) == "tell"
    assert for_class("B", moves_mx=True, candidates=BOOKS, wanted=wanted) == "away"
    assert for_class("F", moves_mx=False, candidates=BOOKS, wanted=wanted) == "tell"
    assert for_class("D", moves_mx=False, candidates=BOOKS, wanted=wanted) == "tell"
    assert for_class("G", moves_mx=False, candidates=BOOKS, wanted=wanted) == "tell"


def test_the_first_class_with_a_playbook_decides() -> None:
    """Classes come the most urgent first."""
    some = {n: c for n, c in BOOKS.items() if n in {"tell-a"}}
    assert recommended(decision("switch", "F", "A"), some) == "tell-a"
    assert recommended(decision("switch", "F"), some) == ""
    assert recommended(decision("none"), BOOKS) == ""


@pytest.mark.parametrize(
    ("domains", "action", "book"),
    [
        (("b.test",), "switch", "away"),  # deferred: the other one's rejects are no reason of this
        (("f.test",), "switch", "away-f"),
        (("b.test", "f.test"), "switch", "away-f"),  # the more urgent of both
        ((), "switch", "away-f"),
        (("b.test",), "ask", "away-f"),  # a person is asked about all that there is
        (("other.test",), "switch", "away-f"),  # nothing is known of it apart
    ],
)
def test_a_switch_is_that_of_the_domains_that_move(domains, action, book) -> None:
    """Of two domains one is deferred and one refuses valid recipients."""
    cases = (Case("b.test", "down", ("B",)), Case("f.test", "down", ("F",)))
    found = replace(decision(action, "F", "B"), domains=domains, cases=cases)
    assert recommended(found, BOOKS) == book


def test_the_way_back_is_the_recovery_of_the_playbook_that_moves_mx() -> None:
    """By ``recovery:``, never by a word in a name."""
    assert recommended(decision("failback", "F"), BOOKS) == "home-f"
    assert recommended(decision("failback", "B"), BOOKS) == "home"
    assert recommended(decision("failback"), BOOKS) == "home"
    assert way_back((), {"x-failback": Candidate(frozenset(), True)}) == ""
    assert way_back(("B",), {"away": Candidate(frozenset("B"), True, "gone")}) == ""


def test_the_choice_of_every_class_can_be_shown() -> None:
    """For each class with and without a switch; the same that a verdict gets."""
    shown = chosen(BOOKS)
    assert list(shown) == list(LETTERS)
    for letter, (moved, kept) in shown.items():
        assert moved == (recommended(decision("switch", letter), BOOKS) if letter in SWITCHES else "")
        assert kept == recommended(decision("none", letter), BOOKS)


def test_shipped_playbooks_leave_no_class_without_a_choice() -> None:
    """But H, our own fault: that is repaired, not announced. The way back from what moves MX is shipped too."""
    books = shipped_candidates()
    shown = chosen(books)
    assert all(kept for c, (_, kept) in shown.items() if c not in SWITCHES | {"H"})
    assert shown["H"] == ("", "")
    assert all(moved for c, (moved, _) in shown.items() if c in SWITCHES)
    assert recommended(decision("failback", "B"), books) == "exchange-failback"


@pytest.mark.parametrize(
    ("plane", "status", "covers", "named"),
    [
        ("dns", "partial", "ADE", ""),
        ("dns", "down", "ADE", ""),
        ("dns", "ok", "ADE", "book"),
        ("edge", "partial", "ADE", "book"),
        ("dns", "partial", "E", "book"),  # made for names
        ("dns", "partial", "ABCDEF", "book"),  # made for anything
    ],
)
def test_who_bounces_is_not_told_that_mail_is_safe(plane, status, covers, named) -> None:
    """The MX host's name comes and goes: a playbook of mailboxes and the web says that mail accumulates."""
    views = (PlaneView(plane, status, ()),)
    found = Decision("suspect", ("E",), action="ask", views=views)
    assert recommended(found, {"book": Candidate(frozenset(covers), False)}) == named
