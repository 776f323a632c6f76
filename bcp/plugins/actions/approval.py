"""``approval``: stop until named people say yes to exactly this plan."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, Refusal, StepInfo
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.services import Services


class ApprovalArgs(Args):
    """Who may say yes, and how many must."""

    from_: list[str] = Field(alias="from")
    """`group:NAME`, `audience:NAME` or ids of contacts."""
    min: Annotated[int, Field(ge=1, le=10)] = 1
    """How many different people."""
    timeout: Duration = 600.0
    """No answer in this time closes the gate."""
    initiator_may_approve: bool = False
    """True: who started the run may also approve it. Only where one person is on duty."""


class Approval(Action[ApprovalArgs]):
    """Waits for approvals of the plan's checksum. No answer, a no, an expired or unclear answer: the run stops."""

    kind = "approval"
    access = Access.READ
    gate = True
    Args = ApprovalArgs
    outputs = {"approved_by": "list", "how": "string"}
    waits = True

    async def plan(self, args: ApprovalArgs, services: Services, step: StepInfo) -> Proposal:
        """Refuse a gate that could never open."""
        why = services.approvals.answerable(args.from_, args.min, exclude_initiator=not args.initiator_may_approve)
        refusals = (
            (Refusal("approval-unanswerable", f"{step.id}: {why}", "Add people to the group, or lower min."),)
            if why
            else ()
        )
        return Proposal(
            refusals=refusals,
            notes=(
                f"{step.id}: {args.min} of {', '.join(args.from_)} must approve this plan within "
                f"{args.timeout / 60:g} min",
            ),
            outputs={"approved_by": [], "how": ""},
        )

    async def perform(self, args: ApprovalArgs, services: Services, step: StepInfo) -> Outcome:
        """Wait."""
        verdict = await services.approvals.wait(
            step.id, args.from_, args.min, args.timeout, exclude_initiator=not args.initiator_may_approve
        )
        return Outcome(
            f"approved by {', '.join(verdict.approved_by)}" if verdict.approved_by else verdict.how,
            {"approved_by": list(verdict.approved_by), "how": verdict.how},
        )


PLUGIN = ActionPlugin(api=1, make=Approval)
