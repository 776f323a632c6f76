"""``dns.mx.switch``: point the MX of domains at the relay, or back, as one atomic swap each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.action import Access, Action, Change, Finding, Happened, Outcome, Proposal, Refusal, StepInfo
from bcp.contracts.dns import Answer, MxHost, MxSet, Reading, Swap, SwapOrder, SwapState
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.services import Services
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import InDoubt, Invalid, Permanent
from bcp.kernel.units import format_duration
from bcp.kit.mx_rules import examine

SILENCE_S = 3.0
"""A server that does not answer is called unverified after that; mail does not wait for it."""


class SwitchArgs(Args):
    """What to point where."""

    domains: list[str]
    """Domains from bcp.yaml, the most important first."""
    to: str = "relay"
    """`relay`: the backup relay. `before`: what the run we come back from found. `primary`: the peacetime MX in bcp.yaml."""
    relay: str = ""
    """Which relay, when there are several."""
    mode: Literal["switch", "standing"] = "switch"
    """`switch` publishes the relay alone. `standing` keeps the primary and adds the relay behind it, for peacetime."""
    ttl: Annotated[int, Field(ge=1, le=86400)] | None = None
    """Seconds. Left out: 300 on the relay, the recorded one on the way back."""
    converge: Duration = 30.0
    """How long to wait until every authoritative address serves it."""


class Switch(Action[SwitchArgs]):
    """Compare-and-swap of each domain's whole MX RRset, read back at every authoritative address. Never leaves a domain without MX."""

    kind = "dns.mx.switch"
    access = Access.WRITE
    Args = SwitchArgs
    undoable = True
    moves_mx = True
    provides = ("mx-on-primary", "mx-on-relay")
    outputs = {
        "before": "object",
        "after": "object",
        "states": "object",
        "everywhere": "boolean",
        "lagging": "list",
        "unverified": "list",
        "old_ttl_s": "number",
        "safe_at": "number",
    }

    def claims_facts(self, args: SwitchArgs) -> tuple[str, ...]:
        """Which way it points."""
        return ("mx-on-primary",) if args.to in {"before", "primary"} else ("mx-on-relay",)

    async def plan(self, args: SwitchArgs, services: Services, step: StepInfo) -> Proposal:
        """Read everything, prove that we may, and show before and after."""
        readings = await _read(args.domains, services)
        orders, refusals, notes, changes = [], [], [], []
        before, after = {}, {}
        for reading in readings:
            if reading.problem or reading.mx is None or reading.cname:
                refusals.append(_unreadable(reading))
                continue
            wanted = target(args, reading.domain, reading.mx, services)
            if isinstance(wanted, Refusal):
                refusals.append(wanted)
                continue
            before[reading.domain], after[reading.domain] = reading.mx.to_data(), wanted.to_data()
            if reading.mx.same(wanted) and reading.mx.ttl_s == wanted.ttl_s:
                notes.append(f"{reading.domain} points there already: {reading.mx}")
                continue
            orders.append(SwapOrder(reading.domain, reading.mx, wanted))
            changes.append(_change(reading, wanted, services))
        found_refusals, found_notes = await examine(orders, services, to_relay=args.to not in {"before", "primary"})
        old_ttl = max((o.old.ttl_s for o in orders), default=0)
        return Proposal(
            tuple(changes),
            (*refusals, *found_refusals),
            (),
            (*notes, *found_notes),
            {"mx": {r.domain: r.mx.to_data() if r.mx else None for r in readings}},
            {
                "before": before,
                "after": after,
                "states": {},
                "everywhere": True,
                "lagging": [],
                "unverified": [],
                "old_ttl_s": old_ttl,
                "safe_at": 0,
            },
        )

    async def perform(self, args: SwitchArgs, services: Services, step: StepInfo) -> Outcome:
        """Swap, then look everywhere."""
        before, after = await _planned(args, services, step)
        orders = [
            SwapOrder(d, before[d], after[d])
            for d in args.domains
            if not (before[d].same(after[d]) and before[d].ttl_s == after[d].ttl_s)
        ]
        swaps = await _swap(orders, services)
        switched_at = services.clock.now()
        done = [s for s in swaps if s.state in {SwapState.APPLIED, SwapState.ALREADY}]
        outputs: dict[str, Any] = {
            "before": {d: m.to_data() for d, m in before.items()},
            "after": {d: m.to_data() for d, m in after.items()},
            "states": {s.domain: str(s.state) for s in swaps},
            "everywhere": False,
            "lagging": [],
            "unverified": [],
            "old_ttl_s": max((o.old.ttl_s for o in orders), default=0),
            "safe_at": switched_at + max((o.old.ttl_s for o in orders), default=0),
        }
        _raise_for(swaps, outputs)
        lagging, unverified = await _converge(
            {s.domain: after[s.domain] for s in done} or after, args.converge, services
        )
        outputs |= {"lagging": lagging, "unverified": unverified, "everywhere": not lagging and not unverified}
        return Outcome(
            _summary(swaps, after, lagging, unverified),
            outputs,
            changed=any(s.state is SwapState.APPLIED for s in swaps),
        )

    async def probe(self, args: SwitchArgs, services: Services, step: StepInfo) -> Finding:
        """Read every domain. Where the new set does not stand yet, the same guarded swap may safely be sent again."""
        before, after = await _planned(args, services, step)
        readings = await _read(args.domains, services)
        if any(r.problem for r in readings):
            return Finding(Happened.UNKNOWN, detail="; ".join(r.problem for r in readings if r.problem))
        if not all(r.mx is not None and r.mx.same(after[r.domain]) for r in readings):
            return Finding(
                Happened.NO, detail="the new MX does not stand everywhere; the guarded swap may be sent again"
            )
        lagging, unverified = await _converge(after, args.converge, services)
        old_ttl = max(m.ttl_s for m in before.values())
        outputs = {
            "before": {d: m.to_data() for d, m in before.items()},
            "after": {d: m.to_data() for d, m in after.items()},
            "states": {r.domain: "already" for r in readings},
            "everywhere": not lagging and not unverified,
            "lagging": lagging,
            "unverified": unverified,
            "old_ttl_s": old_ttl,
            "safe_at": services.clock.now() + old_ttl,
        }
        return Finding(Happened.YES, Outcome("found switched when reading", outputs))

    async def undo(self, args: SwitchArgs, before: Mapping[str, Any], services: Services, step: StepInfo) -> Outcome:
        """Swap back what stands as we left it; what somebody changed since is left alone and named."""
        old = {d: MxSet.from_data(m) for d, m in before["before"].items()}
        new = {d: MxSet.from_data(m) for d, m in before["after"].items()}
        states = before.get("states") or {}
        never = {str(SwapState.CONFLICT), str(SwapState.REFUSED)}
        """What this run never changed is none of its business now either."""
        touched = [
            d for d in old if not (old[d].same(new[d]) and old[d].ttl_s == new[d].ttl_s) and states.get(d) not in never
        ]
        readings = {r.domain: r for r in await _read(touched, services)}
        orders = [
            SwapOrder(d, new[d], old[d])
            for d in touched
            if (m := readings[d].mx) is not None and m.same(new[d]) and not m.same(old[d])
        ]
        swaps = await _swap(orders, services)
        ended = {SwapState.APPLIED, SwapState.ALREADY}
        bad = [s for s in swaps if s.state not in ended]
        foreign = [d for d in touched if (m := readings[d].mx) is None or not (m.same(new[d]) or m.same(old[d]))]
        ours = [s.domain for s in bad if s.state is not SwapState.CONFLICT]
        """Still as we left it, as far as we know: only there may a person put back what was there before."""
        if bad or foreign:
            raise Permanent(
                "not put back: "
                + "; ".join(
                    [
                        *(f"{s.domain}: {s.message}" for s in bad),
                        *(f"{d}: now {readings[d].mx}, not touched" for d in foreign),
                    ]
                ),
                hint=_by_hand({d: old[d] for d in ours}, [old[d] for d in foreign]),
            )
        return Outcome(f"{len(swaps)} domain(s) put back", {"states": {s.domain: str(s.state) for s in swaps}})


def _by_hand(left: Mapping[str, MxSet], foreign: Sequence[MxSet]) -> str:
    """What a person may do after an undo that did not come through. A foreign change is never to be overwritten blindly."""
    parts = [f"Read the MX of {d}; where it is still the relay's, {mx} stood there before." for d, mx in left.items()]
    if foreign or not parts:
        was = ", or ".join(dict.fromkeys(str(mx) for mx in foreign))
        parts.append("Somebody else changed the MX meanwhile: ask them before anybody changes it again.")
        parts += [f"Before this run it was {was}."] if was else []
    return " ".join(parts)


def target(args: SwitchArgs, domain: str, now: MxSet, services: Services) -> MxSet | Refusal:
    """The MX set this domain should have, or why there is none."""
    back = args.to in {"before", "primary"}
    if back:
        recorded = services.recorded.get(domain) if args.to == "before" else None
        wanted = recorded or services.domains[domain].primary
        if wanted is None:
            return Refusal(
                "dns.no-way-back",
                f"nothing is recorded to go back to for {domain}",
                "Give domains: primary: in bcp.yaml.",
            )
        return MxSet(wanted.hosts, args.ttl or wanted.ttl_s)
    hosts = _relay_hosts(args, services)
    ttl = args.ttl or 300
    if args.mode == "switch":
        return MxSet(hosts, ttl)
    mine = {h.host for h in hosts}
    primary = services.domains[domain].primary or MxSet(tuple(h for h in now.hosts if h.host not in mine), now.ttl_s)
    if not primary.hosts:
        return Refusal(
            "dns.no-primary", f"{domain} has no primary MX to stand behind", "Give domains: primary: in bcp.yaml."
        )
    behind = max(h.preference for h in primary.hosts) + 10
    return MxSet((*primary.hosts, *(MxHost(max(behind, h.preference), h.host) for h in hosts)), ttl)


def _relay_hosts(args: SwitchArgs, services: Services) -> tuple[MxHost, ...]:
    name = args.relay or (args.to if args.to != "relay" else "")
    if not name and len(services.relays) == 1:
        name = next(iter(services.relays))
    if name not in services.relays:
        raise Invalid(
            f"which relay? {name!r} is not one" if name else "there are several relays; say which: relay: NAME",
            hint=did_you_mean(name, services.relays),
        )
    return services.relays[name].mx


async def _planned(args: SwitchArgs, services: Services, step: StepInfo) -> tuple[dict[str, MxSet], dict[str, MxSet]]:
    """Before and after as the plan has them. The swap is guarded by what the plan saw, not by what stands there now."""
    planned = step.extra.get("outputs") or {}
    before = {d: MxSet.from_data(m) for d, m in planned.get("before", {}).items()}
    after = {d: MxSet.from_data(m) for d, m in planned.get("after", {}).items()}
    missing = [d for d in args.domains if d not in before or d not in after]
    for reading in await _read(missing, services):
        if reading.problem or reading.mx is None or reading.cname:
            raise Permanent(_unreadable(reading).message, hint=_unreadable(reading).hint)
        wanted = target(args, reading.domain, reading.mx, services)
        if isinstance(wanted, Refusal):
            raise Permanent(wanted.message, hint=wanted.hint)
        before[reading.domain], after[reading.domain] = reading.mx, wanted
    return before, after


async def _read(domains: Sequence[str], services: Services) -> list[Reading]:
    found: dict[str, Reading] = {}
    for name, group in _by_back_end(domains, services).items():
        found.update((r.domain, r) for r in await services.dns[name].read(group))
    return [found[d] for d in domains]


async def _swap(orders: Sequence[SwapOrder], services: Services) -> list[Swap]:
    out: dict[str, Swap] = {}
    for name, group in _by_back_end([o.domain for o in orders], services).items():
        wanted = set(group)
        out.update((s.domain, s) for s in await services.dns[name].swap([o for o in orders if o.domain in wanted]))
    return [out[o.domain] for o in orders]


def _by_back_end(domains: Sequence[str], services: Services) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for domain in domains:
        if domain not in services.domains:
            raise Invalid(f"the domain {domain!r} is not in bcp.yaml", hint=did_you_mean(domain, services.domains))
        groups.setdefault(services.domains[domain].dns, []).append(domain)
    return groups


async def _converge(wanted: Mapping[str, MxSet], patience_s: float, services: Services) -> tuple[list[str], list[str]]:
    """Addresses that still serve something else, and addresses that do not answer."""
    began = services.clock.monotonic()
    pause = 0.05
    while True:
        answers: list[Answer] = []
        for name, group in _by_back_end(list(wanted), services).items():
            answers.extend(await services.dns[name].answers(group))
        lagging = [
            f"{a.address} serves {a.mx} for {a.domain}"
            for a in answers
            if not a.problem and not (a.mx is not None and a.mx.same(wanted[a.domain]))
        ]
        unverified = [f"{a.address}: {a.problem}" for a in answers if a.problem]
        waited = services.clock.monotonic() - began
        silent_only = not lagging and waited >= min(patience_s, SILENCE_S)  # one that does not answer is not waited for
        if (not lagging and not unverified) or silent_only or waited >= patience_s or services.dry:
            return ([] if services.dry else lagging), unverified
        await services.clock.sleep(pause)
        pause = min(1.0, pause * 2)


def _raise_for(swaps: Sequence[Swap], outputs: Mapping[str, Any]) -> None:
    bad = [s for s in swaps if s.state in {SwapState.CONFLICT, SwapState.REFUSED}]
    if bad:
        raise Permanent(
            "; ".join(f"{s.domain}: {s.state}: {s.message}" for s in bad[:5])
            + (f"; and {len(bad) - 5} more" if len(bad) > 5 else ""),
            hint=bad[0].hint,
            outputs=outputs,
        )
    unknown = [s for s in swaps if s.state is SwapState.UNKNOWN]
    if unknown:
        raise InDoubt(
            "; ".join(f"{s.domain}: {s.message}" for s in unknown[:5]),
            hint="Read the MX at the primary, then `bcp settle`.",
            outputs=outputs,
        )


def _unreadable(reading: Reading) -> Refusal:
    if reading.cname:
        return Refusal(
            "dns.cname",
            f"{reading.domain} is a CNAME to {reading.cname}; an MX cannot stand beside it",
            "Use the name it points to (RFC 1034 section 3.6.2).",
        )
    if reading.problem:
        return Refusal("dns.unreadable", f"{reading.domain}: {reading.problem}", "Check dns: and domains: in bcp.yaml.")
    return Refusal(
        "dns.no-mx-now",
        f"{reading.domain} has no MX now: there is nothing to come back to",
        "Publish the primary MX first.",
    )


def _change(reading: Reading, wanted: MxSet, services: Services) -> Change:
    assert reading.mx is not None
    ttl = reading.mx.ttl_s
    cas = (
        "" if services.dns_of(reading.domain).capabilities.compare_and_swap else "no compare-and-swap on this provider"
    )
    return Change(
        f"MX {reading.domain}.",
        str(reading.mx),
        str(wanted),
        f"swap back to {reading.mx}",
        float(ttl),
        cas or f"caches keep the old MX for up to {format_duration(ttl)}",
    )


def _summary(
    swaps: Sequence[Swap], after: Mapping[str, MxSet], lagging: Sequence[str], unverified: Sequence[str]
) -> str:
    applied = sum(1 for s in swaps if s.state is SwapState.APPLIED)
    first = next(iter(after.values()), None)
    text = (
        f"{applied} of {len(after)} domain(s) switched to {first}"
        if applied
        else f"{len(after)} domain(s) point to {first} already"
    )
    if lagging:
        return f"{text}; NOT everywhere: {'; '.join(lagging[:3])}"
    return (
        f"{text}; not verified at {'; '.join(unverified[:3])}"
        if unverified
        else f"{text}, served by every authoritative address"
    )
