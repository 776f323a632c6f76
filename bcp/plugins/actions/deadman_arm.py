"""``deadman.arm``: leave a message with the vendor that goes out by itself, unless this step runs again in time."""

from __future__ import annotations

from typing import Any

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, Refusal, StepInfo
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.services import Order, Services
from bcp.kernel.clock import clock_text, moment_text
from bcp.kernel.errors import Invalid
from bcp.kernel.text import plural
from bcp.kernel.units import format_duration

SOONEST_S, LATEST_S = 300.0, 35 * 86_400.0
"""Twilio takes 5 minutes to 35 days (twilio.com/docs/api/errors/35115)."""


class DeadmanArmArgs(Args):
    """What goes out, to whom, and when."""

    audience: str
    """Who is told: usually the people who speak for us."""
    template: str
    """Message by name; its `sms` form is used."""
    channels: list[str]
    """Channels that can leave a message with their vendor."""
    after: Duration
    """It goes out this long after the step ran last. Longer than the step's `every:`."""
    variables: dict[str, Any] = {}
    """Further values for the message."""


class DeadmanArm(Action[DeadmanArmArgs]):
    """A dead man's switch at the vendor: in the hold phase, with `every:`, each round leaves a new message and takes
    the last one back. When this machine dies, it goes out and says that the promised update did not come."""

    kind = "deadman.arm"
    access = Access.WRITE
    Args = DeadmanArmArgs
    claims_itself = True
    outputs = {"left": "number", "taken_back": "number", "at": "string"}
    final = "It is taken back by the next round, or by deadman.disarm."

    async def plan(self, args: DeadmanArmArgs, services: Services, step: StepInfo) -> Proposal:
        """Refuse what the vendor would not take."""
        refusals = []
        if not SOONEST_S <= args.after <= LATEST_S:
            refusals.append(
                Refusal(
                    "deadman.after",
                    f"{step.id}: after {format_duration(args.after)} is not 5m to 35d",
                    "Give after: 45m, for example.",
                )
            )
        if why := services.courier.can_arm(_order(args)):
            refusals.append(Refusal("deadman.channel", f"{step.id}: {why}", "Use a Messaging Service."))
        people = sum(f.messages for f in await services.courier.forecast(_order(args)))
        after = format_duration(args.after)
        waits = plural(people, "message waits", "messages wait")
        note = f"{step.id}: {waits} at the vendor, to go out {after} after the last round"
        return Proposal(
            refusals=tuple(refusals),
            notes=(note,),
            facts={"people": people},
            outputs={"left": people, "taken_back": 0, "at": ""},
        )

    async def perform(self, args: DeadmanArmArgs, services: Services, step: StepInfo) -> Outcome:
        """Leave the new one, then take the old one back."""
        if not SOONEST_S <= args.after <= LATEST_S:
            raise Invalid(f"after: {format_duration(args.after)} is not 5m to 35d")
        now = services.clock.now()
        at = now + args.after
        left, back = await services.courier.arm(_order(args), step.key, at, services.run.id)
        return Outcome(
            f"{left} left for {moment_text(at, now, services.run.zone)}, {back} taken back",
            {"left": left, "taken_back": back, "at": clock_text(at)},
        )


def _order(args: DeadmanArmArgs) -> Order:
    return Order(args.audience, args.template, tuple(args.channels), args.variables)


PLUGIN = ActionPlugin(api=1, make=DeadmanArm)
