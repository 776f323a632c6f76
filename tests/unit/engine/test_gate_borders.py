"""The gate at each of its borders: which answer counts, what opens it, what closes it, and what it says then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.engine.gate import Answer, Gate, Standing, apart, hopeless, judge, shared

GATE = Gate("approve", "sum", 100.0, 700.0, frozenset({"ann", "bob", "kim"}), 1, "kim", True)
YES = Answer("ann", 200.0, True, "sum", "approve")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"step": ""}, ""),
        ({"checksum": "other"}, "it is for another plan"),
        ({"step": "gate2"}, "it is for another gate"),
        ({"at": 98.0}, ""),
        ({"at": 97.9}, "it was given before the gate was open"),
        ({"at": 302.0}, ""),
        ({"at": 302.1}, "it is dated in the future"),
        ({"by": "eve"}, "this person may not approve"),
        ({"by": "kim"}, "who started the run may not approve it"),
        ({"by": "bob"}, ""),
    ],
)
def test_an_answer_counts_when_everything_about_it_is_right(change, why) -> None:
    """One thing wrong, one reason."""
    answer = replace(YES, **change)
    found = judge(GATE, [answer], 300.0)
    if why:
        assert found == Standing((), rejected=((answer.by, why),))
    else:
        assert found == Standing((answer.by,), open=True)


@pytest.mark.parametrize(("at", "counts"), [(700.0, True), (700.1, False)])
def test_an_answer_counts_until_the_last_moment(at, counts) -> None:
    """Also when it is read later."""
    found = judge(GATE, [replace(YES, at=at)], 800.0)
    assert found.open is counts
    assert counts or found.rejected == (("ann", "it came too late"),)


def test_the_initiator_may_approve_where_the_playbook_says_so() -> None:
    """And a no of theirs always counts."""
    mine = replace(YES, by="kim")
    assert judge(replace(GATE, exclude_initiator=False), [mine], 300.0).open
    assert judge(GATE, [replace(mine, yes=False)], 300.0).rule == "rejected"
    assert GATE.starters() == {"kim"}
    assert replace(GATE, also_initiators=frozenset({"bob"})).starters() == {"kim", "bob"}


def test_a_no_closes_it_at_once() -> None:
    """What was said before it is told; what comes after it is not looked at."""
    two = replace(GATE, count=2)
    wrong, no = replace(YES, by="eve"), replace(YES, by="bob", yes=False)
    assert judge(two, [YES, wrong, no, YES], 300.0) == Standing(
        ("ann",), closed="rejected by bob", rejected=(("eve", "this person may not approve"),), rule="rejected"
    )


def test_a_yes_counts_once() -> None:
    """Who says it twice is one person."""
    two = replace(GATE, count=2)
    assert judge(two, [YES, YES], 300.0) == Standing(("ann",))
    assert judge(two, [YES, replace(YES, by="bob")], 300.0) == Standing(("ann", "bob"), open=True)
    assert not judge(replace(two, same={"ann": "ann", "bob": "ann"}), [YES, replace(YES, by="bob")], 300.0).open


def test_a_clock_that_was_set_back_closes_it_whatever_was_said() -> None:
    """Within what clocks differ by it is none."""
    wrong = replace(YES, checksum="other")
    early = replace(YES, at=99.0)
    found = judge(GATE, [early, wrong], 97.9)
    assert (found.approved_by, found.open, found.rule) == (("ann",), False, "clock-set-back")
    assert "set back" in found.closed and found.rejected == (("ann", "it is for another plan"),)
    assert judge(GATE, [early], 98.0).open


def test_silence_closes_it_at_the_deadline() -> None:
    """Enough answers that came in time open it even then."""
    wrong = replace(YES, checksum="other")
    assert judge(GATE, [wrong], 699.9) == Standing((), rejected=(("ann", "it is for another plan"),))
    two = replace(GATE, count=2)
    found = judge(two, [YES, wrong], 700.0)
    assert found == Standing(
        ("ann",),
        closed="no answer in time: 1 of 2 approvals",
        rejected=(("ann", "it is for another plan"),),
        rule="no-answer",
    )
    assert judge(GATE, [YES], 700.0).open


def test_persons_who_share_a_way_have_one_name_in_common() -> None:
    """The first of them, however they hang together; who shares nothing has none."""
    assert shared({"ann": ["1"], "bob": ["2"], "kim": []}) == {}
    assert shared({"kim": ["1", "2"], "ann": ["2"], "bob": ["3"]}) == {"ann": "ann", "kim": "ann"}
    chain = {"d": ["1"], "c": ["1", "2"], "b": ["2", "3"], "a": ["3"], "e": ["4"], "f": ["4"]}
    assert shared(chain) == {"a": "a", "b": "a", "c": "a", "d": "a", "e": "e", "f": "e"}
    assert shared({"b": ["2"], "a": ["1"], "c": ["1", "2"]}) == {"a": "a", "b": "a", "c": "a"}
    assert apart(["ann", "bob", "kim"], {"bob": "ann", "kim": "kim"}) == 2 and apart([], {}) == 0


PEOPLE = frozenset({"ann", "bob", "kim"})


@pytest.mark.parametrize(
    ("count", "starters", "exclude", "same", "why"),
    [
        (3, (), True, None, ""),
        (3, ("kim",), False, None, ""),
        (2, ("kim",), True, None, ""),
        (3, ("kim", "x"), True, None, "3 approval(s) are needed and 2 person(s) could give one"
         " (kim starts the run and may not approve it)"),
        (2, ("kim", "bob"), True, None, "2 approval(s) are needed and 1 person(s) could give one"
         " (bob, kim starts the run and may not approve it)"),
        (4, ("kim",), False, None, "4 approval(s) are needed and 3 person(s) could give one"),
        (3, (), False, {"ann": "ann", "bob": "ann"}, "3 approval(s) are needed and 2 person(s) could give one"
         " (ann, bob share a number or an address and count as one)"),
        (3, ("kim",), True, {"kim": "ann", "ann": "ann"}, "3 approval(s) are needed and 2 person(s) could give one"
         " (kim starts the run and may not approve it)"),
        (2, ("kim",), True, {"ann": "ann", "bob": "ann"}, "2 approval(s) are needed and 1 person(s) could give one"
         " (kim starts the run and may not approve it) (ann, bob share a number or an address and count as one)"),
    ],
)  # fmt: skip
def test_a_gate_that_can_never_open_says_why(count, starters, exclude, same, why) -> None:
    """At plan time."""
    assert hopeless(PEOPLE, count, starters, exclude_initiator=exclude, same=same) == why
