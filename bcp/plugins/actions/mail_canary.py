"""``mail.canary``: send a test mail as an outside sender would, and see where it goes."""

from __future__ import annotations

from typing import Literal

from bcp.contracts.action import Access, Action, ActionPlugin, Finding, Happened, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.services import Services
from bcp.kernel.errors import Transient


class CanaryArgs(Args):
    """Where to, and what counts as success."""

    to: str = ""
    """Address. Empty: the canary address in bcp.yaml."""
    expect: Literal["accepted", "delivered"] = "accepted"
    """`accepted`: a published MX took it. `delivered`: it was also seen to arrive."""
    timeout: Duration = 60.0
    """For acceptance, and again for arrival."""


class Canary(Action[CanaryArgs]):
    """Looks the MX up through a resolver, delivers a uniquely tagged mail, and says which host took it."""

    kind = "mail.canary"
    access = Access.WRITE
    tries = True
    Args = CanaryArgs
    provides = ("mail-flows",)
    final = "A test mail cannot be taken back."
    outputs = {
        "tag": "string",
        "accepted_by": "string",
        "by_relay": "boolean",
        "arrived": "boolean",
        "latency_s": "number",
    }

    async def plan(self, args: CanaryArgs, services: Services, step: StepInfo) -> Proposal:
        """Proposes no change: a note of where the test mail goes."""
        return Proposal(
            notes=(f"{step.id}: sends one test mail to {args.to or 'the canary address'}",),
            outputs={"tag": "", "accepted_by": "", "by_relay": False, "arrived": False, "latency_s": 0},
        )

    async def perform(self, args: CanaryArgs, services: Services, step: StepInfo) -> Outcome:
        """Send, and wait for what is expected."""
        began = services.clock.now()
        found = await services.mailer.canary(args.to, _tag(step), timeout_s=args.timeout, expect=args.expect)
        if args.expect == "delivered" and found.arrived_at is None:
            raise Transient(
                f"{found.accepted_by} took the test mail and it did not arrive in {args.timeout:g} s",
                hint="Look for it in the queue of that host.",
            )
        latency = (found.arrived_at or found.accepted_at) - began
        where = f"{found.accepted_by}" + (" and it arrived" if found.arrived_at else "")
        by_relay = found.accepted_by in {h.host for r in services.relays.values() for h in r.mx}
        return Outcome(
            f"taken by {where}",
            {
                "tag": found.tag,
                "accepted_by": found.accepted_by,
                "by_relay": by_relay,
                "arrived": found.arrived_at is not None,
                "latency_s": round(latency, 3),
            },
        )

    async def probe(self, args: CanaryArgs, services: Services, step: StepInfo) -> Finding:
        """It has a unique tag: has that arrived?"""
        seen = await services.mailer.arrived(_tag(step))
        if seen:
            return Finding(
                Happened.YES,
                Outcome(
                    "the test mail arrived",
                    {"tag": _tag(step), "accepted_by": "", "by_relay": False, "arrived": True, "latency_s": 0},
                ),
            )
        # A second test mail does no harm and has a tag of its own: treating it as not sent is safe.
        return Finding(Happened.NO, detail="no test mail with this tag was seen")


def _tag(step: StepInfo) -> str:
    return "bcp-" + step.key.replace("/", "-").replace("#", "-")


PLUGIN = ActionPlugin(api=1, make=Canary)
