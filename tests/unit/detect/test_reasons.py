"""The sentences of a verdict: what would change it, said for what is the case, and for nothing else."""

from __future__ import annotations

import pytest

from bcp.contracts.probe import Role
from bcp.detect.cases import Case, Moment
from bcp.detect.decide import judge_now
from bcp.detect.planes import WayView
from bcp.detect.reasons import changes_of, evidence_of
from bcp.detect.rules import Rules

RULES = Rules()
B = Case(
    state="down", classes=("B",), planes=("inbound",), seen=True, failing_now=True, sure_share=1.0, likely_share=1.0
)


def changes(case, *, state, action, moment=None):
    judgement = judge_now("switch", [case], moment or Moment(), RULES)
    return changes_of(judgement, [case], RULES, state=state, action=action)


def test_what_is_in_doubt_is_confirmed_before_anything_else_is_asked() -> None:
    """Nobody is told at the first bad look which share of the looks would move MX."""
    found = changes(Case(state="suspect", classes=("B",)), state="suspect", action="watch")
    assert found == ["it is judged anew if it fails often enough, seen in two ways, to be confirmed"]


def test_before_it_is_confirmed_maintenance_is_said_too() -> None:
    found = changes(Case(state="suspect"), state="suspect", action="watch", moment=Moment(maintenance="Kim"))
    assert found[0] == "it is judged anew if the maintenance that was declared ends" and len(found) == 2


@pytest.mark.parametrize("letter", ["A", "C", "D"])
def test_an_outage_that_moves_no_mail_changes_when_mail_fails_too(letter) -> None:
    """It is confirmed: that it would have to be is no news."""
    case = Case(state="down", classes=(letter,), planes=("mailbox",), seen=True, failing_now=True)
    found = changes(case, state="down", action="tell")
    assert found[-1] == "it is judged anew if inbound mail, or the MX host's name, fails too"
    assert not [x for x in found if "confirmed" in x or "share" in x]


def test_what_is_clear_again_may_come_back_or_is_closed() -> None:
    found = changes(Case(), state="healthy", action="watch")
    assert found == [
        "2 looks in a row that fail make it suspect again",
        "when all has been clear for 30m the incident is closed",
    ]


def test_what_waits_for_its_time_is_told_how_long() -> None:
    found = changes(B, state="down", action="wait")
    assert found[0] == "after 2h more of failing, moving MX is proposed" and not any(
        "it goes on failing" in c for c in found
    )


def test_a_way_whose_newest_looks_are_well_is_not_said_to_fail() -> None:
    way = WayView("smtp", Role.LOOK, True, True, False, False, True, 0.9, 1, 2, 0.0, None)
    assert evidence_of(way) == "smtp: failed lately; the newest looks are well (1 of 2 targets)"
