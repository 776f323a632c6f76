"""The approval step: whom it asks, how many, for how long, and what it hands on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import StepInfo
from bcp.contracts.services import Verdict
from bcp.plugins.actions.approval import Approval, ApprovalArgs

STEP = StepInfo("ask", "run/ask#0")


class Approvals:
    """Says whether a gate can open, and that it did; keeps what it was asked."""

    def __init__(self, why="") -> None:
        self.why, self.asked = why, []

    def answerable(self, approvers, count, *, exclude_initiator):
        self.asked.append((approvers, count, exclude_initiator))
        return self.why

    async def wait(self, step, approvers, count, timeout_s, *, exclude_initiator, bound="", about=""):
        self.asked.append((step, approvers, count, timeout_s, exclude_initiator))
        return Verdict(("ann", "bob"), 5.0, "answered")


def args(**more):
    return ApprovalArgs(**{"from": ["group:oncall", "boss"], "min": 2, "timeout": "90s", **more})


@pytest.mark.parametrize(("may", "excluded"), [(False, True), (True, False)])
def test_a_plan_says_who_must_approve_and_refuses_what_nobody_could(may, excluded) -> None:
    """Nothing is known of the answers yet."""
    found = Approvals()
    given = args(initiator_may_approve=may)
    plan = asyncio.run(Approval().plan(given, SimpleNamespace(approvals=found), STEP))
    assert found.asked == [(["group:oncall", "boss"], 2, excluded)] and plan.refusals == ()
    assert plan.notes == ("ask: 2 of group:oncall, boss must approve this plan within 1.5 min",)
    assert plan.outputs == {"approved_by": [], "how": ""}
    hopeless = asyncio.run(Approval().plan(given, SimpleNamespace(approvals=Approvals("nobody is there")), STEP))
    (refusal,) = hopeless.refusals
    assert (refusal.rule, refusal.message) == ("approval-unanswerable", "ask: nobody is there")
    assert "group" in refusal.hint and not refusal.overridable


@pytest.mark.parametrize(("may", "excluded"), [(False, True), (True, False)])
def test_it_waits_for_exactly_these_and_hands_on_who_said_yes(may, excluded) -> None:
    found = Approvals()
    given = args(initiator_may_approve=may)
    outcome = asyncio.run(Approval().perform(given, SimpleNamespace(approvals=found), STEP))
    assert found.asked == [("ask", ["group:oncall", "boss"], 2, 90.0, excluded)]
    assert outcome.summary == "approved by ann, bob"
    assert outcome.outputs == {"approved_by": ["ann", "bob"], "how": "answered"}
    assert Approval.access == "read" and Approval.waits
