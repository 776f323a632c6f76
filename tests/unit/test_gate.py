"""Approval gates fail closed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.engine.approvals import JournalApprovals
from bcp.engine.gate import Answer, Gate, judge
from bcp.kernel.errors import GateClosed
from bcp.testing.clock import FakeClock

GATE = Gate("approve", "sum", 100.0, 700.0, frozenset({"alice", "bob", "me"}), 1, "me", True)
answers = st.lists(
    st.builds(
        Answer,
        st.sampled_from(["alice", "bob", "me", "eve"]),
        st.floats(0, 1000),
        st.booleans(),
        st.sampled_from(["sum", "other"]),
        st.sampled_from(["", "approve", "gate2"]),
    ),
    max_size=6,
)


@given(answers, st.floats(0, 1000), st.integers(1, 3))
def test_a_gate_opens_only_by_enough_right_answers(given_answers, now, count) -> None:
    """Whatever comes in, an open gate has enough people who were asked, in time, for this plan,
    and not the initiator."""
    gate = Gate(**{**{f: getattr(GATE, f) for f in GATE.__slots__}, "count": count})
    standing = judge(gate, given_answers, now)
    if standing.open:
        good = {
            a.by
            for a in given_answers
            if a.yes
            and a.checksum == "sum"
            and a.by in {"alice", "bob"}
            and a.step in {"", "approve"}
            and 98 <= a.at <= min(700, now + 2)
        }
        assert len(good) >= count
        assert set(standing.approved_by) <= good
        assert not standing.closed
    if now >= 700 and not standing.open:
        assert standing.closed


def test_a_no_from_somebody_who_was_not_asked_does_not_stop_it() -> None:
    """Otherwise anybody could stop a failover."""
    standing = judge(GATE, [Answer("eve", 200, False, "sum"), Answer("alice", 201, True, "sum")], 210)
    assert standing.open and standing.rejected[0][0] == "eve"


def test_a_clock_set_back_closes_the_gate() -> None:
    """Else an expired gate could be opened later."""
    assert "set back" in judge(GATE, [], 50).closed


class _Journal:
    def __init__(self) -> None:
        self.kinds: list[str] = []

    async def record(self, kind, **data) -> None:
        self.kinds.append(kind)


def _wait(clock, answers_, *, initiator="me", count=1, approvers=frozenset({"alice", "bob"})):
    approvals = JournalApprovals(
        _Journal(),
        clock,
        lambda refs: approvers,
        initiator=initiator,
        checksum="sum",
        standing=dict,
        listener=lambda p: None,
    )
    approvals.answers = answers_
    return approvals, asyncio.run(_bounded(approvals.wait("approve", ["x"], count, 600, exclude_initiator=True)))


async def _bounded(work):
    async with asyncio.timeout(120):
        return await work


def test_silence_closes_after_the_time() -> None:
    """No answer is no."""
    clock = FakeClock(1000.0)
    with pytest.raises(GateClosed, match="no answer in time"):
        _wait(clock, [])
    assert clock.steady >= 599


def test_a_wall_clock_that_stands_still_does_not_keep_it_open() -> None:
    """Somebody who holds the clock back gains nothing."""

    class Stuck(FakeClock):
        async def sleep(self, seconds: float) -> None:
            self.steady += seconds
            await asyncio.sleep(0)

    with pytest.raises(GateClosed, match="clock was changed"):
        _wait(Stuck(1000.0), [])


def test_a_gate_that_nobody_can_open_closes_at_once() -> None:
    """The initiator alone is not enough."""
    with pytest.raises(GateClosed, match="nobody could open"):
        _wait(FakeClock(), [], initiator="alice", approvers=frozenset({"alice"}))


def test_an_answer_for_another_plan_is_recorded_and_ignored() -> None:
    """Approval for one plan never opens another."""
    clock = FakeClock(1000.0)
    with pytest.raises(GateClosed):
        _wait(clock, [Answer("alice", 1001.0, True, "another")])
