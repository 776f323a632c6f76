"""``relay.drain``: let the relay deliver what it kept, and account for every message by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.contracts.action import Access, Action, ActionPlugin, Finding, Happened, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.relay import Relay
from bcp.contracts.services import Services
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid, Permanent, Transient


class DrainArgs(Args):
    """Which relay, and how patient."""

    relay: str
    """Relay from bcp.yaml."""
    domains: list[str] = []
    """Domains to deliver for. Empty: all configured."""
    timeout: Duration = 3600.0
    """How long to wait until nothing is left."""
    ask_every: Duration = 2.0
    """How often to look at the queue and to ask for delivery again."""
    quiet: Duration = 0.0
    """Keep watching the queue for this long after it was found empty: late senders still use the old MX."""


class Drain(Action[DrainArgs]):
    """Asks the relay to deliver until its queue for our domains is empty. Asking again does no harm."""

    kind = "relay.drain"
    access = Access.WRITE
    Args = DrainArgs
    claims_itself = True
    provides = ("queue-drained",)
    final = "Delivered mail is where it belongs."
    outputs = {
        "seen": "number",
        "sent": "number",
        "bounced": "number",
        "unaccounted": "number",
        "left": "number",
        "by_name": "list",
    }

    async def plan(self, args: DrainArgs, services: Services, step: StepInfo) -> Proposal:
        """How much is waiting."""
        relay = _relay(args, services)
        waiting = len(_ours(await relay.queue(), args, services)) if relay.can_count else -1
        return Proposal(
            notes=(
                f"{args.relay} holds {waiting} message(s) for us"
                if waiting >= 0
                else f"{args.relay} cannot say what it holds",
            ),
            outputs={
                "seen": max(0, waiting),
                "sent": max(0, waiting),
                "bounced": 0,
                "unaccounted": 0,
                "left": 0,
                "by_name": [],
            },
        )

    async def perform(self, args: DrainArgs, services: Services, step: StepInfo) -> Outcome:
        """Ask, look, repeat."""
        relay, clock = _relay(args, services), services.clock
        domains = args.domains or list(services.domains)
        if not relay.can_count:
            await relay.drain(domains)
            raise Permanent(
                f"{args.relay} was asked to deliver, and cannot say what it holds",
                hint="Set queue: of the relay in bcp.yaml, or look by hand.",
            )
        seen: dict[str, tuple[str, ...]] = {}
        deadline, empty_since = clock.monotonic() + args.timeout, None
        while True:
            queue = _ours(await relay.queue(), args, services)
            seen.update((m.queue_id, m.recipients) for m in queue)
            now = clock.monotonic()
            empty_since = (empty_since if empty_since is not None else now) if not queue else None
            if empty_since is not None and now - empty_since >= args.quiet:
                break
            if now >= deadline:
                left = ", ".join(f"{m.queue_id} for {', '.join(m.recipients)} ({m.reason})" for m in queue[:5])
                raise Transient(
                    f"{len(queue)} message(s) are still in the queue of {args.relay}: {left}",
                    hint="`bcp resume` goes on; the relay keeps them.",
                )
            if queue:
                await relay.drain(domains)
            await clock.sleep(args.ask_every)
        return await self._account(relay, seen)

    async def _account(self, relay: Relay, seen: Mapping[str, tuple[str, ...]]) -> Outcome:
        fates = {f.queue_id: f for f in await relay.fates(list(seen))}
        sent = sum(1 for q in seen if q in fates and fates[q].status == "sent")
        bounced = [fates[q] for q in seen if q in fates and fates[q].status in {"bounced", "expired"}]
        unknown = [q for q in seen if q not in fates]
        by_name = [f"{f.queue_id} to {f.recipient}: {f.status} {f.detail}".strip() for f in bounced] + [
            f"{q} to {', '.join(seen[q])}: gone from the queue" for q in unknown
        ]
        summary = f"{len(seen)} drained: {sent} delivered, {len(bounced)} bounced, {len(unknown)} gone without a record"
        outputs: dict[str, Any] = {
            "seen": len(seen),
            "sent": sent,
            "bounced": len(bounced),
            "unaccounted": len(unknown),
            "left": 0,
            "by_name": by_name[:1000],
        }
        return Outcome(summary, outputs, changed=bool(seen))

    async def probe(self, args: DrainArgs, services: Services, step: StepInfo) -> Finding:
        """Asking again does no harm."""
        return Finding(Happened.NO)


def _relay(args: DrainArgs, services: Services) -> Relay:
    found = services.relays.get(args.relay)
    if found is None:
        raise Invalid(f"there is no relay {args.relay!r}", hint=did_you_mean(args.relay, services.relays))
    return found


def _ours(queue: list[Any], args: DrainArgs, services: Services) -> list[Any]:
    domains = {d.lower() for d in (args.domains or services.domains)}
    return [m for m in queue if any(r.rpartition("@")[2].lower() in domains for r in m.recipients)]


PLUGIN = ActionPlugin(api=1, make=Drain)
