"""``wait``: do nothing for a while, durably."""

from __future__ import annotations

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.services import Services
from bcp.kernel.units import format_duration


class WaitArgs(Args):
    """How long."""

    for_: Duration
    """Time to wait, counted from when the step first began, also over a restart."""
    model_config = {**Args.model_config, "alias_generator": lambda name: name.rstrip("_")}


class Wait(Action[WaitArgs]):
    """Waits. A restart does not begin the time again."""

    kind = "wait"
    access = Access.READ
    Args = WaitArgs
    waits = True
    outputs = {"waited_s": "number"}

    async def plan(self, args: WaitArgs, services: Services, step: StepInfo) -> Proposal:
        """Proposes no change: a note of how long it waits."""
        return Proposal(notes=(f"{step.id}: waits {format_duration(args.for_)}",), outputs={"waited_s": args.for_})

    async def perform(self, args: WaitArgs, services: Services, step: StepInfo) -> Outcome:
        """Wait; after a restart only for the rest of the time."""
        begun = step.claimed_at or services.clock.now()
        left = args.for_ - max(0.0, services.clock.now() - begun)
        if left > 0:
            await services.clock.sleep(left)
        return Outcome(f"waited {format_duration(args.for_)}", {"waited_s": args.for_}, changed=False)


PLUGIN = ActionPlugin(api=1, make=Wait)
