"""``deadman.disarm``: take back every message of this run that still waits at a vendor."""

from __future__ import annotations

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services


class DeadmanDisarmArgs(Args):
    """Nothing to say: everything that this run left is taken back."""


class DeadmanDisarm(Action[DeadmanDisarmArgs]):
    """Belongs into `always:` of a playbook that arms. Taking back twice does no harm."""

    kind = "deadman.disarm"
    access = Access.WRITE
    Args = DeadmanDisarmArgs
    claims_itself = True
    outputs = {"taken_back": "number"}
    final = "It only takes back."

    async def plan(self, args: DeadmanDisarmArgs, services: Services, step: StepInfo) -> Proposal:
        """Proposes no change: a note that waiting messages are taken back."""
        return Proposal(notes=(f"{step.id}: what waits at a vendor is taken back",), outputs={"taken_back": 0})

    async def perform(self, args: DeadmanDisarmArgs, services: Services, step: StepInfo) -> Outcome:
        """Take this run's waiting messages back from the vendor."""
        back = await services.courier.disarm(services.run.id)
        return Outcome(f"{back} taken back", {"taken_back": back}, changed=bool(back))


PLUGIN = ActionPlugin(api=1, make=DeadmanDisarm)
