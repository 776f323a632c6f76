"""``relay.check``: would the backup relay take our mail now?"""

from __future__ import annotations

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, Refusal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.relay import passed_over, taken_on_word
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
        opened, count, dead = False, 0, dict[str, None]()
        for domain in args.domains or services.domains:
            probes = await relay.probe(domain, "")
            for found in probes:
                opened = opened or found.open_relay
                if not found.accepts and not passed_over(found, probes):
                    raise Transient(
                        f"the relay {args.relay} at {found.address} does not take mail for {domain}: {found.message}",
                        hint="Repair the relay before moving MX to it.",
                    )
                count += found.accepts
                dead |= {} if found.accepts else {found.host.rstrip("."): None}
        queued = len(await relay.queue()) if relay.can_count else -1
        return Outcome(
            f"{args.relay} accepts at {count} address{'es' if count != 1 else ''}"
            + (f", {queued} queued" if queued >= 0 else "")
            + "".join(f"; {host} does not answer, the other hosts take its mail" for host in dead)
            + (f"; {word}" if (word := taken_on_word(relay)) else ""),
            {"accepts": True, "open_relay": opened, "queued": queued},
            changed=False,
        )


PLUGIN = ActionPlugin(api=1, make=RelayCheck)
