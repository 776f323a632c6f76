"""``relay.check``: would the backup relay take our mail now?"""

from __future__ import annotations

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, Refusal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid, Transient


class RelayCheckArgs(Args):
    """Which relay."""

    relay: str
    """Relay from bcp.yaml."""
    domains: list[str] = []
    """Domains it must take mail for. Empty: all configured."""


class RelayCheck(Action[RelayCheckArgs]):
    """Speaks SMTP with every address of the relay up to RCPT. Sends nothing."""

    kind = "relay.check"
    access = Access.READ
    Args = RelayCheckArgs
    provides = ("relay-accepts",)
    outputs = {"accepts": "boolean", "open_relay": "boolean", "queued": "number"}

    async def plan(self, args: RelayCheckArgs, services: Services, step: StepInfo) -> Proposal:
        """Ask now, and refuse when it would not."""
        try:
            outcome = await self.perform(args, services, step)
        except Transient as error:
            return Proposal(refusals=(Refusal("relay-not-ready", error.message, error.hint),))
        if outcome.outputs["open_relay"]:
            return Proposal(
                refusals=(
                    Refusal(
                        "relay-open",
                        f"{args.relay} takes mail for any domain: it is an open relay",
                        "Close it first.",
                        overridable=True,
                    ),
                ),
                outputs=outcome.outputs,
            )
        return Proposal(notes=(outcome.summary,), outputs=outcome.outputs, facts={"accepts": True})

    async def perform(self, args: RelayCheckArgs, services: Services, step: StepInfo) -> Outcome:
        """Ask every address for every domain."""
        relay = services.relays.get(args.relay)
        if relay is None:
            raise Invalid(f"there is no relay {args.relay!r}", hint=did_you_mean(args.relay, services.relays))
        opened, count = False, 0
        for domain in args.domains or services.domains:
            for found in await relay.probe(domain, ""):
                count += 1
                opened = opened or found.open_relay
                if not found.accepts:
                    raise Transient(
                        f"the relay {args.relay} at {found.address} does not take mail for {domain}: {found.message}",
                        hint="Repair the relay before moving MX to it.",
                    )
        queued = len(await relay.queue()) if relay.can_count else -1
        return Outcome(
            f"{args.relay} accepts at {count} address{'es' if count != 1 else ''}"
            + (f", {queued} queued" if queued >= 0 else ""),
            {"accepts": True, "open_relay": opened, "queued": queued},
            changed=False,
        )


PLUGIN = ActionPlugin(api=1, make=RelayCheck)
