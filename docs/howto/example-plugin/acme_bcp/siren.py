"""``acme.siren``: sounds the siren, by a program that the operator allows."""

from __future__ import annotations

from bcp.contracts.action import Access, Action, ActionPlugin, Change, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services


class SirenArgs(Args):
    """How long."""

    seconds: int = 3
    """How long it sounds."""


class Siren(Action[SirenArgs]):
    """Sounds the siren once."""

    kind = "acme.siren"
    access = Access.WRITE
    Args = SirenArgs
    outputs = {"seconds": "number"}
    final = "a sound cannot be taken back"

    async def plan(self, args: SirenArgs, services: Services, step: StepInfo) -> Proposal:
        """What would happen."""
        change = Change("siren", "quiet", f"sounds for {args.seconds} s", self.final)
        return Proposal((change,), outputs={"seconds": args.seconds})

    async def perform(self, args: SirenArgs, services: Services, step: StepInfo) -> Outcome:
        """The clock is a service too: a drill does not wait."""
        await services.clock.sleep(float(args.seconds))
        return Outcome(f"sounded for {args.seconds} s", {"seconds": args.seconds})


PLUGIN = ActionPlugin(api=1, make=Siren)
