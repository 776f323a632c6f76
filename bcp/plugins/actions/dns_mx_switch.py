"""``dns.mx.switch``: point the MX of domains at the relay, or back, as one atomic swap each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.action import (
    Access,
    Action,
    ActionPlugin,
    Change,
    Finding,
    Happened,
    Outcome,
    Proposal,
    Refusal,
    StepInfo,
)
from bcp.contracts.dns import Capabilities, Guard, MxSet, Reading, Swap, SwapOrder, SwapState
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.services import Services
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import InDoubt, Invalid, PartlyDone, Permanent, Transient
from bcp.kernel.units import format_duration
from bcp.mx.away import not_planned, out_of_reach, unread, without
from bcp.mx.by_hand import requested, still_to_come
from bcp.mx.converge import Seen, converge, only_said, served_already, told_by_servers
from bcp.mx.facts import Way
from bcp.mx.joined import held, names, replaced, said
from bcp.mx.many import as_before, doubted, elsewhere, least_seconds, summary, swap_all, told
from bcp.mx.outcome import MIXED, PASSING, SETTLE_HINT, set_by_hand
from bcp.mx.read import gather, read_all
from bcp.mx.rules import judge, readable
from bcp.mx.signed_after import bogus_after, signed_in
from bcp.mx.target import Known, Wish, fitting, relay_hosts, target

DONE = frozenset({SwapState.APPLIED, SwapState.ALREADY})


class SwitchArgs(Args):
    """What to point where."""

    domains: list[str]
    """Domains from bcp.yaml, the most important first."""
    to: str = "relay"
    """`relay`: the backup relay. `before`: what the run we come back from found. `primary`: the peacetime MX in
    bcp.yaml."""
    relay: str = ""
    """Which relay, when there are several."""
    mode: Literal["switch", "standing"] = "switch"
    """`switch` publishes the relay alone. `standing` keeps the primary and adds the relay behind it, for peacetime."""
    ttl: Annotated[int, Field(ge=1, le=86400)] | None = None
    """Seconds. Left out: 300 on the relay, the recorded one on the way back."""
    converge: Duration = 30.0
    """How long to wait until every authoritative address serves it."""


@dataclass(slots=True)
class _Plan:
    """Before and after of each domain, as the plan has them."""

    before: dict[str, MxSet] = field(default_factory=dict)
    after: dict[str, MxSet] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    """Domains whose MX comes from a wildcard, and its owner: they get a record of their own."""

    def orders(self, domains: Sequence[str]) -> list[SwapOrder]:
        """What is left to do."""
        return [
            SwapOrder(d, self.before[d], self.after[d], wildcard=self.created.get(d, ""))
            for d in domains
            if d in self.before and not self.before[d].equal(self.after[d])
        ]


class Switch(Action[SwitchArgs]):
    """Compare-and-swap of each domain's whole MX RRset, read back at every authoritative address. Never leaves a
    domain without MX."""

    kind = "dns.mx.switch"
    access = Access.WRITE
    Args = SwitchArgs
    undoable = True
    moves_mx = True
    provides = ("mx-on-primary", "mx-on-relay")
    outputs = {
        "before": "object",
        "after": "object",
        "created": "object",
        "states": "object",
        "left": "object",
        "changes": "object",
        "everywhere": "boolean",
        "lagging": "list",
        "unverified": "list",
        "servers": "number",
        "signed": "list",
        "bogus": "list",
        "old_ttl_s": "number",
        "safe_at": "number",
    }

    def claims_facts(self, args: SwitchArgs) -> tuple[str, ...]:
        """Which way it points."""
        return ("mx-on-primary",) if args.to in {"before", "primary"} else ("mx-on-relay",)

    def least_s(self, args: SwitchArgs, services: Services) -> float:
        """What the rate limits of the hosts leave."""
        return least_seconds(args.domains, services)

    async def plan(self, args: SwitchArgs, services: Services, step: StepInfo) -> Proposal:
        """Read everything, prove that we may, and show before and after."""
        everything = await read_all(args.domains, services)
        away = out_of_reach(everything, {d: services.domains[d].dns for d in args.domains})
        gone = {r.domain for found in away.values() for r in found}
        readings = [r for r in everything if r.domain not in gone]
        plan, refusals, notes = _Plan(), list[Refusal](), without(away)
        for reading in readings:
            no = readable(reading) or _wanted(args, reading, services, plan)
            if no is not None:
                refusals.append(no)
            elif plan.before[reading.domain].equal(plan.after[reading.domain]):
                notes.append(f"{reading.domain} points there already: {reading.mx}")
        orders = plan.orders([d for d in args.domains if d in plan.after])
        by_name = {r.domain: r for r in readings}
        asked = requested(orders, services)
        facts = await gather(orders, by_name, services, _way(args))
        judged = judge(facts)
        return Proposal(
            tuple(_change(o, services) for o in orders),
            (*refusals, *judged.refusals, *asked.refusals),
            (),
            (*notes, *judged.notes, *asked.notes),
            {"mx": {r.domain: r.mx.to_data() if r.mx else None for r in readings}},
            {**_outputs(plan, orders, [], Seen(), 0.0), "signed": signed_in(facts)},
        )

    async def perform(self, args: SwitchArgs, services: Services, step: StepInfo) -> Outcome:
        """Swap, then look everywhere."""
        plan = await _planned(args, services, step)
        orders = plan.orders(args.domains)
        swaps = await swap_all(orders, services, step, getattr(services, "halt", None))  # fakes may never halt
        swaps += not_planned(args.domains, plan.before)
        if step.attempt:
            swaps = [doubted(s, plan.before.get(s.domain)) for s in swaps]
        switched_at = services.clock.now()
        outputs = _outputs(plan, orders, swaps, Seen(), switched_at, everywhere=False)
        _raise_unless_moved(swaps, outputs, {d: services.domains[d].dns for d in args.domains})
        moved = {s.domain: plan.after[s.domain] for s in swaps if s.state in DONE}
        seen = await converge(moved if swaps else plan.after, args.converge, services)
        outputs = _outputs(plan, orders, swaps, seen, switched_at)
        if swaps and (doubt := only_said(seen, services)):
            raise InDoubt(doubt, hint=SETTLE_HINT, outputs=outputs)
        text = summary(swaps, moved if swaps else plan.after, seen)
        was_signed = [d for d in (step.extra.get("outputs") or {}).get("signed", ()) if d in moved]
        if bogus := await bogus_after([] if services.dry else was_signed, services):
            outputs["bogus"] = bogus
            text += f"; the DNSSEC signatures of {', '.join(bogus[:3])} do NOT hold: who validates sees no MX there"
        if left := [s for s in swaps if s.state not in DONE]:
            raise PartlyDone(f"{text}; NOT moved: {told(left)}", hint=left[0].hint, outputs=outputs)
        return Outcome(text, outputs, changed=any(s.state is SwapState.APPLIED for s in swaps))

    async def probe(self, args: SwitchArgs, services: Services, step: StepInfo) -> Finding:
        """Read every domain. Where the old set still stands, the same guarded swap may safely be sent again."""
        plan = await _planned(args, services, step)
        readings = await read_all([d for d in args.domains if d in plan.before], services)
        elsewhere_to = {d: mx for d, mx in plan.after.items() if not mx.same(plan.before[d])}
        readings = await told_by_servers(readings, elsewhere_to, services)
        if any(r.problem for r in readings):
            moved = sum(1 for r in readings if not r.problem and _moved(r, plan))
            return Finding(Happened.UNKNOWN, detail=f"{moved} of {len(readings)} moved; {unread(readings)}")
        if not all(_moved(r, plan) for r in readings):
            if why := await _unclear(readings, plan, services, step):
                return Finding(Happened.UNKNOWN, detail=why)
            detail = "the new MX does not stand everywhere; the guarded swap may be sent again"
            return Finding(Happened.NO, self._begun(plan, readings, args, services), detail)
        orders = plan.orders(args.domains)
        seen = await converge(plan.after, args.converge, services)
        if doubt := only_said(seen, services):
            return Finding(Happened.UNKNOWN, detail=doubt)
        swaps = [Swap(o.domain, SwapState.ALREADY) for o in orders] + not_planned(args.domains, plan.before)
        outputs = _outputs(plan, orders, swaps, seen, services.clock.now())
        return Finding(Happened.YES, Outcome("found switched when reading", outputs))

    def _begun(self, plan: _Plan, readings: Sequence[Reading], args: SwitchArgs, services: Services) -> Outcome | None:
        """The part that was done before an interruption, so that it can be undone; ``None``: nothing was."""
        orders = {o.domain: o for o in plan.orders(args.domains)}
        swaps = [_interrupted(r, plan) for r in readings if r.domain in orders]
        if all(s.state is SwapState.REFUSED for s in swaps):
            return None
        outputs = _outputs(plan, list(orders.values()), swaps, Seen(), services.clock.now(), everywhere=False)
        return Outcome("a part of it", outputs)

    async def undo(self, args: SwitchArgs, before: Mapping[str, Any], services: Services, step: StepInfo) -> Outcome:
        """Swap back what this step moved and what stands as it left it. What somebody changed since is left alone."""
        old = {d: MxSet.from_data(m) for d, m in before["before"].items()}
        new = {d: MxSet.from_data(m) for d, m in before["after"].items()}
        states = before.get("states") or {}
        ours = [d for d in old if not old[d].equal(new[d]) and states.get(d, "applied") not in {"conflict", "refused"}]
        readings = {r.domain: r for r in await read_all(ours, services)}
        stand = [d for d in ours if _ours_stands(readings[d], old[d], new[d])]
        orders = [SwapOrder(d, new[d], fitting(old[d], services.dns[services.domains[d].dns])) for d in stand]
        swaps = await swap_all(orders, services, step)
        _raise_for_undo(ours, old, new, readings, swaps)
        return Outcome(f"{len(swaps)} domain(s) put back", {"states": {s.domain: str(s.state) for s in swaps}})


async def _unclear(readings: Sequence[Reading], plan: _Plan, services: Services, step: StepInfo) -> str:
    """Why nobody knows what became of a switch whose new MX does not stand everywhere; empty: it did not happen."""
    seen = {r.domain: r for r in readings}
    left = [o for o in plan.orders(list(seen)) if not _moved(seen[o.domain], plan)]
    if waited := still_to_come(left, seen, services, step.claimed_at):
        return waited
    if bare := [o for o in left if seen[o.domain].mx is None and not seen[o.domain].cname]:
        return f"{bare[0].domain} has no MX at all. {set_by_hand(bare[0])}"
    hands = [services.dns[services.domains[o.domain].dns].capabilities.by_hand for o in left]
    if step.attempt and not all(hands):  # to ask people once more does no harm
        return "it was sent twice, and the old MX is still read here"  # which is not what the host has
    shown = {o.domain: o.new for o in left if not seen[o.domain].hosts and not o.new.same(o.old)}
    return await served_already(shown, services) if shown else ""


def _way(args: SwitchArgs) -> Way:
    return Way.BACK if args.to in {"before", "primary"} else Way.TO_RELAY


def _wanted(args: SwitchArgs, reading: Reading, services: Services, plan: _Plan) -> Refusal | None:
    """Write down before and after of one domain, or say why there is no after."""
    domain = reading.domain
    assert reading.mx is not None  # ``readable`` has said so
    known = Known(
        domain,
        reading.mx,
        services.domains[domain].primary,
        services.recorded.get(domain),
        services.dns[services.domains[domain].dns].capabilities,
        frozenset(h.host for r in services.relays.values() for h in getattr(r, "mx", ())),
    )
    found = target(Wish(args.to, args.mode, args.ttl, _relay(args, services)), known)
    if isinstance(found, Refusal):
        return found
    plan.before[domain], plan.after[domain] = replaced(reading, found) or reading.mx, found
    if reading.wildcard is not None:
        plan.created[domain] = reading.wildcard.owner
    return None


def _relay(args: SwitchArgs, services: Services) -> Any:
    if _way(args) is Way.BACK:
        return ()
    found = relay_hosts({n: r.mx for n, r in services.relays.items()}, args.to, args.relay)
    if isinstance(found, str):
        raise Invalid(
            f"which relay? {found!r} is not one" if found else "there are several relays; say which: relay: NAME",
            hint=did_you_mean(found, services.relays),
        )
    return found


async def _planned(args: SwitchArgs, services: Services, step: StepInfo) -> _Plan:
    """Before and after as the plan has them. The swap is guarded by what the plan saw, not by what stands there now."""
    planned = step.extra.get("outputs") or {}
    plan = _Plan(
        {d: MxSet.from_data(m) for d, m in planned.get("before", {}).items()},
        {d: MxSet.from_data(m) for d, m in planned.get("after", {}).items()},
        dict(planned.get("created", {})),
    )
    missing = [] if plan.before else args.domains  # what a plan left out is not taken in without one
    for reading in await read_all(missing, services):
        no = readable(reading) or _wanted(args, reading, services, plan)
        if no is not None:
            raise Permanent(no.message, hint=no.hint)
    return plan


def _moved(reading: Reading, plan: _Plan) -> bool:
    """Does the new set stand there, as a record of its own?"""
    after, before = plan.after[reading.domain], plan.before[reading.domain]
    if reading.wildcard is not None and not before.equal(after):
        return False
    return all(after.equal(m) if before.same(after) else after.same(m) for m in held(reading))


def _interrupted(reading: Reading, plan: _Plan) -> Swap:
    """How far a domain had come: moved, moved at one of several hosts, or not at all."""
    if _moved(reading, plan):
        return Swap(reading.domain, SwapState.ALREADY)
    after = plan.after[reading.domain]
    if reading.hosts and any(after.same(m) for m in held(reading)):
        return Swap(reading.domain, SwapState.UNKNOWN, None, f"interrupted between its hosts: {said(reading)}")
    return Swap(reading.domain, SwapState.REFUSED, None, "interrupted before its turn")


def _ours_stands(reading: Reading, old: MxSet, new: MxSet) -> bool:
    if reading.problem or reading.wildcard is not None:
        return False
    if not all(new.same(m) or old.same(m) for m in held(reading)):
        return False
    return any(new.equal(m) if old.same(new) else new.same(m) for m in held(reading))


def _outputs(
    plan: _Plan,
    orders: Sequence[SwapOrder],
    swaps: Sequence[Swap],
    seen: Seen,
    switched_at: float,
    *,
    everywhere: bool = True,
) -> dict[str, Any]:
    old_ttl = max((o.old.ttl_s for o in orders), default=0)
    left = {s.domain: {"state": str(s.state), "why": s.message} for s in swaps if s.state not in DONE}
    return {
        "before": {d: m.to_data() for d, m in plan.before.items()},
        "after": {d: m.to_data() for d, m in plan.after.items()},
        "created": dict(plan.created),
        "states": {s.domain: str(s.state) for s in swaps},
        "left": left,
        "changes": {s.domain: s.change for s in swaps if s.change},
        "everywhere": everywhere and seen.everywhere and not left,
        "lagging": list(seen.lagging),
        "unverified": list(seen.unverified),
        "servers": seen.asked,
        "signed": [],
        "bogus": [],
        "old_ttl_s": old_ttl,
        "safe_at": switched_at + old_ttl if switched_at else 0,
    }


def _raise_unless_moved(swaps: Sequence[Swap], outputs: Mapping[str, Any], hosts: Mapping[str, str]) -> None:
    """In doubt when one is; a failure when none moved. Some moved and some not: the caller says so after looking.

    What is in doubt at one host does not hold up what moved at another: there it is told as not moved, not known.
    """
    unknown = [s for s in swaps if s.state is SwapState.UNKNOWN]
    if unknown and not elsewhere(swaps, hosts):
        mixed = next((s.hint for s in unknown if s.code == MIXED), "")
        hint = mixed or unknown[0].hint or "Read the MX at the primary, then `bcp settle`."
        raise InDoubt(told(unknown), hint=hint, outputs=None if as_before(swaps, outputs["before"]) else outputs)
    if not swaps or any(s.state in DONE for s in swaps):
        return
    kind = Transient if all(s.code in PASSING for s in swaps) else Permanent
    raise kind(told(swaps), hint=swaps[0].hint)  # without outputs: nothing was left that could be undone or held


def _raise_for_undo(
    ours: Sequence[str],
    old: Mapping[str, MxSet],
    new: Mapping[str, MxSet],
    readings: Mapping[str, Reading],
    swaps: Sequence[Swap],
) -> None:
    """Say what was not put back. What is still ours has a way by hand; what is somebody else's has an owner to ask."""
    bad = [s for s in swaps if s.state in {SwapState.REFUSED, SwapState.UNKNOWN}]
    unread = [d for d in ours if readings[d].problem]
    lost = {s.domain: s.found for s in swaps if s.state is SwapState.CONFLICT}
    sent = {s.domain for s in swaps}
    for d in ours:
        if d not in sent and d not in unread and not all(old[d].same(m) for m in held(readings[d])):
            lost[d] = readings[d].mx
    if not (bad or unread or lost):
        return
    said = [
        *(f"{s.domain}: {s.message}" for s in bad),
        *(f"{d}: {readings[d].problem}" for d in unread),
        *(f"{d}: changed since by somebody else to {m}, not touched" for d, m in lost.items() if m),
        *(f"{d}: it has no MX at all" for d, m in lost.items() if not m),
    ]
    hints = [
        *(f"If {d} still has MX {new[d]}, set it to {old[d]}." for d in [*(s.domain for s in bad), *unread]),
        *(f"Mail for {d} fails: set its MX at once to {old[d]}." for d, m in lost.items() if not m),
        *(
            f"{d} is not ours any more: leave it, and ask who changed it. Before this run: {old[d]}."
            for d, m in lost.items()
            if m
        ),
    ]
    raise Permanent("not put back: " + "; ".join(said), hint=" ".join(hints))


def _change(order: SwapOrder, services: Services) -> Change:
    capabilities: Capabilities = services.dns[services.domains[order.domain].dns].capabilities
    ttl = order.old.ttl_s
    note = f"caches keep the old MX for up to {format_duration(ttl)}"
    if capabilities.guard is not Guard.STRONG:
        note = "no compare-and-swap on this provider"
    if capabilities.together:
        note = f"at {names(capabilities.together)}, or at none; {note}"
    before = str(order.old) + (f", from the wildcard {order.wildcard}" if order.wildcard else "")
    return Change(f"MX {order.domain}.", before, str(order.new), f"swap back to {order.old}", float(ttl), note)


PLUGIN = ActionPlugin(api=1, make=Switch)
