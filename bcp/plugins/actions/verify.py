"""``verify``: a statement that must be true before the run goes on."""

from __future__ import annotations

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services
from bcp.kernel.errors import Permanent


class VerifyArgs(Args):
    """What must hold."""

    that: bool
    """A condition, usually over the outputs of earlier steps: `"{{ steps.mx.outputs.everywhere }}"`."""
    otherwise: str = ""
    """What to say when it does not hold."""


class Verify(Action[VerifyArgs]):
    """Fails the step when the statement is false."""

    kind = "verify"
    access = Access.READ
    Args = VerifyArgs
    outputs = {"held": "boolean"}

    async def plan(self, args: VerifyArgs, services: Services, step: StepInfo) -> Proposal:
        """Nothing to plan: it can only be said when it is reached."""
        return Proposal(outputs={"held": True})

    async def perform(self, args: VerifyArgs, services: Services, step: StepInfo) -> Outcome:
        """Check."""
        if not args.that:
            raise Permanent(
                args.otherwise or f"{step.id}: the statement does not hold",
                hint="Look at the outputs of the steps before it.",
            )
        return Outcome("it holds", {"held": True}, changed=False)


PLUGIN = ActionPlugin(api=1, make=Verify)
