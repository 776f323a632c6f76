"""``relay.drain``: let the relay deliver what it kept, and account for every message by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bcp.contracts.action import Access, Action, ActionPlugin, Finding, Happened, Outcome, Proposal, StepInfo
from bcp.contracts.drain import Drains, NoDrains, Shaped
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.relay import QueuedMail, Relay, taken_on_word, unheard_of
from bcp.contracts.relay_machine import DrainSettings
from bcp.contracts.services import Drained, NoBooks, RelayBooks, Services
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import InDoubt, Invalid, Permanent, Transient
from bcp.kernel.units import format_duration
from bcp.kit.mail_account import account

ARRIVALS = 50
"""How many of the first arrivals are kept: when the relay took its first mail is read from them."""


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
    drains = True
    Args = DrainArgs
    claims_itself = True
    provides = ("queue-drained",)
    final = "Delivered mail is where it belongs."
    outputs = {
        "seen": "number",
        "recipients": "number",
        "sent": "number",
        "bounced": "number",
        "unaccounted": "number",
        "left": "number",
        "arrivals": "list",
        "by_name": "list",
    }

    async def plan(self, args: DrainArgs, services: Services, step: StepInfo) -> Proposal:
        """How much is waiting."""
        relay = _relay(args, services)
        note, waiting = f"{args.relay} cannot say what it holds", 0
        if relay.can_count:
            try:
                mails = _ours(await relay.queue(), args, services)
                waiting, note = len(mails), f"{args.relay} holds {len(mails)} message(s) for us{_beside(relay)}"
                if (shape := _shape(relay)) is not None and mails:
                    note += f"; draining them: {_drains(services).forecast(mails, shape)}"
            except (Transient, InDoubt) as error:
                note = f"it is not known what {args.relay} holds: {error.message}"
        notes = tuple(n for n in (note, _books(services).says(args.relay), taken_on_word(relay)) if n)
        empty = dict.fromkeys(("recipients", "bounced", "unaccounted", "left"), 0)
        return Proposal(notes=notes, outputs={"seen": waiting, "sent": waiting, **empty, "arrivals": [], "by_name": []})

    async def perform(self, args: DrainArgs, services: Services, step: StepInfo) -> Outcome:
        """Drain, then account: by the agent's ledger where the relay has one, else by its queue and its log."""
        done = await self._drain(args, services)
        if isinstance(books := _books(services), NoBooks):
            return done
        first = min((*(done.outputs.get("arrivals") or ()), services.run.started or services.clock.now()))
        told = await books.drained(args.relay, sorted(_domains(args, services)), services.run.id, first)
        return done if told is None else _by_ledger(done, told)

    async def _drain(self, args: DrainArgs, services: Services) -> Outcome:
        """Ask, look, repeat, until nothing was left for the quiet time."""
        relay, clock = _relay(args, services), services.clock
        domains = args.domains or list(services.domains)
        if not relay.can_count:
            await relay.drain(domains)
            raise Permanent(
                f"{args.relay} was asked to deliver, and cannot say what it holds",
                hint="Set queue: of the relay in bcp.yaml, or look by hand.",
            )
        if isinstance(relay, Shaped) and relay.can_release and not isinstance(_drains(services), NoDrains):
            return await self._shaped(relay, relay, domains, args, services)
        watch = _Watch()
        deadline, empty_since = clock.monotonic() + args.timeout, None
        while True:
            queue = await self._look(relay, args, services, watch)
            now = clock.monotonic()
            empty_since = (now if empty_since is None else empty_since) if queue == [] else None
            if empty_since is not None and now - empty_since >= args.quiet:
                break
            if now >= deadline:
                raise _late(args, queue, watch)
            if queue:
                await self._ask(relay, domains, watch)
            await clock.sleep(args.ask_every)
        return await self._account(relay, watch.seen, watch.arrivals)

    async def _shaped(
        self, relay: Relay, shaped: Shaped, domains: list[str], args: DrainArgs, services: Services
    ) -> Outcome:
        """Mail by mail, no faster than Exchange takes it."""
        ours = frozenset(d.lower() for d in domains)
        gone = await _drains(services).drain(relay, shaped, ours, args.timeout, args.quiet)
        return await self._account(relay, gone.recipients, gone.arrivals)

    async def _look(self, relay: Relay, args: DrainArgs, services: Services, watch: _Watch) -> list[QueuedMail] | None:
        """What it holds for us now; ``None`` when it does not say, which is not *nothing*."""
        try:
            queue = _ours(await relay.queue(), args, services)
        except (Transient, InDoubt) as error:
            watch.trouble = error.message
            return None
        watch.note(queue, _domains(args, services))
        return queue

    async def _ask(self, relay: Relay, domains: list[str], watch: _Watch) -> None:
        """A relay that cannot be asked now is asked again: it delivers by itself meanwhile, and keeps what it has."""
        try:
            await relay.drain(domains)
        except (Transient, InDoubt) as error:
            watch.trouble = error.message

    async def _account(
        self, relay: Relay, seen: Mapping[str, Collection[str]], arrivals: Collection[float] = ()
    ) -> Outcome:
        found = account(seen, await relay.fates(list(seen)))
        outputs: dict[str, Any] = {
            "seen": found.messages,
            "recipients": len(found.entries),
            "sent": found.sent,
            "bounced": found.bounced,
            "unaccounted": found.unaccounted,
            "left": 0,
            "arrivals": sorted(arrivals)[:ARRIVALS],
            "by_name": found.by_name()[:1000],
        }
        if dead := sorted(unheard_of(relay)):  # beside what playbooks may read: for whoever closes the incident
            outputs["unheard"] = dead
        word = taken_on_word(relay)
        summary = found.summary() + _beside(relay) + (f"; {word}" if word else "")
        return Outcome(summary, outputs, changed=bool(seen))

    async def probe(self, args: DrainArgs, services: Services, step: StepInfo) -> Finding:
        """Asking again does no harm."""
        return Finding(Happened.NO)


def _beside(relay: Relay) -> str:
    """What is not known of hosts that did not answer, as the rest of a sentence."""
    return "".join(f"; {host} does not answer: what it holds is not known" for host in sorted(unheard_of(relay)))


def _shape(relay: Relay) -> DrainSettings | None:
    """How a relay is drained mail by mail; ``None``: all at once."""
    return relay.shape if isinstance(relay, Shaped) and relay.can_release else None


def _drains(services: Services) -> Drains:
    """Who drives drains. Services that were made before there were any have none."""
    found: Drains = getattr(services, "drains", None) or NoDrains()
    return found


def _books(services: Services) -> RelayBooks:
    """The ledger. Services that were made before there was one have none."""
    found: RelayBooks = getattr(services, "books", None) or NoBooks()
    return found


def _by_ledger(done: Outcome, told: Drained) -> Outcome:
    """The same drain, counted by the relay's agent: it saw every mail, and the looks at the queue did not."""
    counted: dict[str, Any] = {
        "recipients": told.accepted,
        "sent": told.sent,
        "bounced": told.bounced,
        "unaccounted": told.unaccounted,
        "left": told.left,
        "by_name": list(told.by_name),
        "ledger": True,  # it counted what passed between two looks, too
    }
    if dead := sorted({*done.outputs.get("unheard", ()), *told.unheard}):
        counted["unheard"] = dead
    summary = "; ".join((told.summary, *told.warnings))
    return replace(done, summary=summary, outputs={**done.outputs, **counted}, changed=bool(told.accepted))


def _relay(args: DrainArgs, services: Services) -> Relay:
    found = services.relays.get(args.relay)
    if found is None:
        raise Invalid(f"there is no relay {args.relay!r}", hint=did_you_mean(args.relay, services.relays))
    return found


@dataclass(slots=True)
class _Watch:
    """What was seen while draining."""

    seen: dict[str, dict[str, None]] = field(default_factory=dict)
    """Recipients of ours by queue id. ``postqueue`` lists only those that are left: what was seen once is kept."""
    trouble: str = ""
    arrivals: set[float] = field(default_factory=set)
    """When the relay took them, by its own record."""

    def note(self, queue: Sequence[QueuedMail], domains: set[str]) -> None:
        for mail in queue:
            ours = (r for r in mail.recipients if _domain(r) in domains)
            self.seen.setdefault(mail.queue_id, {}).update(dict.fromkeys(ours))
            if mail.arrived > 0:
                self.arrivals.add(mail.arrived)


def _late(args: DrainArgs, queue: Sequence[QueuedMail] | None, watch: _Watch) -> Transient:
    """The time is over."""
    if queue is None:
        return Transient(
            f"{args.relay} does not say what it holds: {watch.trouble}",
            hint="The relay keeps its mail. Look at it by hand; `bcp resume` asks again.",
        )
    if not queue:
        return Transient(
            f"the queue of {args.relay} is empty, but not yet for {format_duration(args.quiet)} (quiet:)",
            hint="`bcp resume` goes on watching; timeout: has to be longer than quiet:.",
        )
    left = ", ".join(f"{m.queue_id} for {', '.join(m.recipients)} ({m.reason})" for m in queue[:5])
    trouble = f"; the last request failed: {watch.trouble}" if watch.trouble else ""
    return Transient(
        f"{len(queue)} message(s) are still in the queue of {args.relay}: {left}{trouble}",
        hint="`bcp resume` goes on; the relay keeps them.",
    )


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _domains(args: DrainArgs, services: Services) -> set[str]:
    return {d.lower() for d in (args.domains or services.domains)}


def _ours(queue: Sequence[QueuedMail], args: DrainArgs, services: Services) -> list[QueuedMail]:
    domains = _domains(args, services)
    return [m for m in queue if any(_domain(r) in domains for r in m.recipients)]


PLUGIN = ActionPlugin(api=1, make=Drain)
