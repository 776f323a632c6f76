"""Two persons are two people with two ways of their own, and whoever had a hand in the start is none of them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.engine.approvals import DryApprovals, JournalApprovals
from bcp.engine.gate import Answer, Gate, apart, hopeless, judge, shared
from bcp.testing.clock import FakeClock

PEOPLE = frozenset({"alice", "bob", "carol"})


def gate(count: int = 2, *, same: dict[str, str] | None = None, also: frozenset[str] = frozenset()) -> Gate:
    return Gate("approve", "sum", 100.0, 700.0, PEOPLE, count, "token:ci", True, also, same or {})


def yes(by: str, at: float = 200.0) -> Answer:
    return Answer(by, at, True, "sum", "approve")


def test_two_who_share_a_phone_are_one() -> None:
    """A shared phone cannot pass a gate of two."""
    same = shared({"alice": ["+1"], "bob": ["+1"], "carol": ["+2"]})
    assert same == {"alice": "alice", "bob": "alice"}
    assert not judge(gate(same=same), [yes("alice"), yes("bob")], 300).open
    assert judge(gate(same=same), [yes("alice"), yes("carol")], 300).open


def test_sharing_goes_on_from_one_to_the_next() -> None:
    """A with B, B with C: three names, one person."""
    same = shared({"a": ["1"], "b": ["1", "2"], "c": ["2"], "d": ["3"], "e": []})
    assert set(same) == {"a", "b", "c"} and len(set(same.values())) == 1
    assert apart({"a", "b", "c", "d", "e"}, same) == 3


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("123456"), max_size=3)))
def test_persons_apart_have_no_way_in_common(ways) -> None:
    """Whoever is counted as two shares nothing."""
    same = shared(ways)
    for one in ways:
        for other in ways:
            if one < other and set(ways[one]) & set(ways[other]):
                assert apart({one, other}, same) == 1


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_who_planned_and_who_started_may_not_approve(who: str) -> None:
    """A plan by one, started by the other: neither of them opens the gate."""
    made_and_started = Gate("approve", "sum", 100.0, 700.0, PEOPLE, 1, "alice", True, frozenset({"bob"}))
    assert not judge(made_and_started, [yes(who)], 300).open
    assert judge(made_and_started, [yes("carol")], 300).open


def test_a_starter_may_say_no() -> None:
    """Stopping is always allowed."""
    standing = judge(gate(1, also=frozenset({"bob"})), [Answer("bob", 200, False, "sum", "approve")], 300)
    assert standing.closed == "rejected by bob" and standing.rule == "rejected"


@pytest.mark.parametrize(("now", "rule"), [(700.0, "no-answer"), (90.0, "clock-set-back")])
def test_a_closed_gate_says_why_by_a_code(now: float, rule: str) -> None:
    """Nothing decides by its words."""
    assert judge(gate(), [], now).rule == rule


def test_a_gate_that_could_never_open_says_so() -> None:
    """At plan time: too few people, one who starts, or two who are one."""
    assert hopeless(PEOPLE, 3, {"x"}, exclude_initiator=True) == ""
    assert "may not approve" in hopeless(PEOPLE, 3, {"alice"}, exclude_initiator=True)
    assert hopeless(PEOPLE, 3, {"alice"}, exclude_initiator=False) == ""
    why = hopeless(frozenset({"alice", "bob"}), 2, (), exclude_initiator=True, same={"alice": "alice", "bob": "alice"})
    assert "share a number" in why and "1 person(s)" in why


def test_a_plan_refuses_a_gate_of_two_with_one_phone() -> None:
    """The dry approvals, which a plan is made with."""
    dry = DryApprovals(lambda refs: frozenset({"alice", "bob"}), "ci", lambda people: {p: ["+1"] for p in people})
    assert dry.answerable(["group:oncall"], 2, exclude_initiator=True)
    assert not dry.answerable(["group:oncall"], 1, exclude_initiator=True)


class Journal:
    def __init__(self) -> None:
        self.rows: list[tuple[str, dict]] = []

    async def record(self, kind: str, **data) -> None:
        self.rows.append((kind, data))


def approvals(**given) -> JournalApprovals:
    return JournalApprovals(
        Journal(),
        FakeClock(1000.0),
        lambda refs: PEOPLE,
        initiator="ci",
        checksum="plan",
        standing=given.pop("standing", dict),
        listener=lambda p: None,
        **given,
    )


def wait(a: JournalApprovals, **given):
    async def work():
        async with asyncio.timeout(120):
            return await a.wait(
                "approve", ["group:oncall"], given.pop("count", 1), 600, exclude_initiator=True, **given
            )

    return asyncio.run(work())


def test_answers_from_before_a_restart_count() -> None:
    """The first of two approvals lives in the journal, not in the process that heard it."""
    a = approvals()
    a.opened["approve"] = {"opened": 900.0, "deadline": 1500.0}
    a.remember([{"by": p, "at": 950.0, "yes": True, "checksum": "plan", "step": "approve"} for p in ("alice", "bob")])
    assert set(wait(a, count=2).approved_by) == {"alice", "bob"}


def test_a_yes_to_the_plan_is_none_to_an_undo() -> None:
    """A gate of its own consequence takes only answers to exactly that;
    what was given in advance does not count either."""
    a = approvals(standing=lambda: {"alice": "standing", "bob": "standing"})
    a.remember(
        [
            {"by": "alice", "at": 1000.0, "yes": True, "checksum": "plan", "step": "approve"},
            {"by": "bob", "at": 1000.0, "yes": True, "checksum": "undo-sum", "step": "approve"},
        ]
    )
    assert wait(a, bound="undo-sum", about="mail goes back").approved_by == ("bob",)
    opened = next(d for k, d in a.journal.rows if k == "gate_opened")
    assert opened["checksum"] == "undo-sum" and opened["about"] == "mail goes back"


def test_an_answer_at_another_gate_is_not_even_looked_at() -> None:
    """Each gate has its own answers."""
    a = approvals()
    a.remember(
        [
            {"by": "alice", "at": 1000.0, "yes": True, "checksum": "plan", "step": "other"},
            {"by": "bob", "at": 1000.0, "yes": True, "checksum": "plan", "step": "approve"},
        ]
    )
    assert wait(a).approved_by == ("bob",)
    assert not [k for k, _ in a.journal.rows if k == "answer_refused"]
