"""Several DNS hosts that serve one zone (RFC 8901), taken as one: what they say together. Pure.

``bcp.mx.together`` asks and changes them; here is what their answers mean. All of them move or none does, and what is
neither is called a mixture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bcp.contracts.dns import (
    Answer,
    Capabilities,
    Chain,
    Delegation,
    Guard,
    MxSet,
    Permission,
    Proof,
    Reading,
    Signed,
    Swap,
    SwapOrder,
    SwapState,
    Trouble,
    Warmth,
)
from bcp.mx.outcome import MIXED, SETTLE_HINT, unreadable

DONE = frozenset({SwapState.APPLIED, SwapState.ALREADY})
GUARDS = (Guard.STRONG, Guard.WEAK, Guard.NONE)
CHAINS = (Chain.BOGUS, Chain.SECURE, Chain.INSECURE, Chain.UNKNOWN)


def names(hosts: Iterable[str]) -> str:
    """Host names in a sentence."""
    *most, last = hosts
    return f"{', '.join(most)} and {last}" if most else last


def capabilities(hosts: Mapping[str, Capabilities]) -> Capabilities:
    """What all of them can promise together: the least that any of them does."""
    can = list(hosts.values())
    slowest = max(can, key=lambda c: c.calls_a_zone / c.calls_per_s if c.calls_per_s else 0.0)
    return Capabilities(
        guard=max((c.guard for c in can), key=GUARDS.index),
        atomic=False,
        min_ttl_s=max(c.min_ttl_s for c in can),
        max_ttl_s=min(c.max_ttl_s for c in can),
        compares_ttl=any(c.compares_ttl for c in can),
        uses_token=any(c.uses_token for c in can),
        reads_back=all(c.reads_back for c in can),
        reads_whole_zone=any(c.reads_whole_zone for c in can),
        proves=all(c.proves for c in can),
        reports_progress=any(c.reports_progress for c in can),
        calls_a_zone=slowest.calls_a_zone,
        calls_per_s=slowest.calls_per_s,
        burst=slowest.burst,
        leans=tuple(sorted({x for c in can for x in c.leans})),
        together=tuple(hosts),
    )


def reading(domain: str, found: Mapping[str, Reading]) -> Reading:
    """One reading of all hosts. Where they do not have the same, ``hosts`` says what each has; what cannot be read at
    one of them is a problem of the whole, because nothing may be moved at the others then."""
    first = next(iter(found.values()))
    for name, r in found.items():
        if r.problem:
            return replace(r, problem=f"{name}: {r.problem}", token="")
        if r.cname:
            return replace(r, token="")
    owners = {r.wildcard.owner if r.wildcard else "" for r in found.values()}
    if len(owners) > 1:
        problem = f"its MX is from a wildcard at one of {names(found)} and a record of its own at another"
        return Reading(domain, first.zone, None, problem=problem, trouble=Trouble.ERROR)
    sets = [r.mx for r in found.values()]
    mx = next((m for m in sets if m is not None), None)
    same = all(m == mx or (m is not None and m.equal(mx)) for m in sets)
    return replace(
        first,
        mx=mx if mx is None else MxSet(mx.hosts, max(m.ttl_s for m in sets if mx.same(m) and m is not None)),
        signed=any(r.signed for r in found.values()),
        token="",
        remarks=tuple(dict.fromkeys(x for r in found.values() for x in r.remarks)),
        name_servers=tuple(dict.fromkeys(x for r in found.values() for x in r.name_servers)),
        hosts=() if same else tuple((n, r.mx) for n, r in found.items()),
    )


def held(r: Reading) -> list[MxSet | None]:
    """What stands at each host: one set where all have the same."""
    return [m for _, m in r.hosts] or [r.mx]


def replaced(r: Reading, after: MxSet) -> MxSet | None:
    """What a switch to ``after`` replaces. In a mixture that is what the hosts have that do not have ``after`` yet."""
    rest = [m for m in held(r) if m is not None and not after.same(m)]
    if not r.hosts or not rest:
        return r.mx
    return MxSet(rest[0].hosts, max(m.ttl_s for m in rest if m.same(rest[0])))


def cannot_begin(order: SwapOrder, found: Reading) -> Swap | None:
    """Why an order is sent to none of the hosts; ``None``: it may be sent. Each host must have the old or the new
    set."""
    if found.problem:
        return unreadable(order.domain, found)
    wrong = [m for m in held(found) if not order.old.same(m) and not order.new.same(m)]
    if not wrong or found.cname:
        return None  # each host judges a CNAME by itself
    message = f"expected {order.old}, found {said(found)}, wanted {order.new}"
    hint = "Nothing was sent. Somebody else changed it. Look who, then plan again."
    return Swap(order.domain, SwapState.CONFLICT, wrong[0], message, hint, "stale")


def said(r: Reading) -> str:
    """What stands where, in words."""
    if not r.hosts:
        return str(r.mx or "no MX at all")
    return "; ".join(f"{n} has {m or 'no MX'}" for n, m in r.hosts)


def goes_back(order: SwapOrder, done: Mapping[str, Swap]) -> bool:
    """Must the others be put back? Where one is in doubt only if it is read to have the old set still: what cannot be
    read may have moved, and a later reading decides."""
    bad = [s for s in done.values() if s.state not in DONE]
    return bool(bad) and all(s.state is not SwapState.UNKNOWN or order.old.same(s.found) for s in bad)


def swap(order: SwapOrder, done: Mapping[str, Swap], undone: Mapping[str, Swap]) -> Swap:
    """How one order ended over all hosts. ``undone``: how putting back ended, at hosts where it was tried."""
    bad = next(((n, s) for n, s in done.items() if s.state not in DONE), None)
    change = ", ".join(f"{n}: {s.change}" for n, s in done.items() if s.change)
    if bad is None:
        states = {s.state for s in done.values()}
        state = SwapState.APPLIED if SwapState.APPLIED in states else SwapState.ALREADY
        message = "; ".join(f"{n}: {s.message}" for n, s in done.items() if s.message)
        return Swap(order.domain, state, order.new, message, change=change)
    name, why = bad
    there = [n for n, s in done.items() if s.state in DONE]
    if why.state is SwapState.UNKNOWN and not goes_back(order, done):
        more = f"; {names(there)} already has {order.new}" if there else ""
        return Swap(order.domain, why.state, why.found, f"{name}: {why.message}{more}", SETTLE_HINT, why.code, change)
    kept = [n for n in there if n not in undone or undone[n].state not in DONE]
    if kept:
        return _mixture(order, name, why, kept, undone)
    put = f"; put back at {names(undone)}, so that its hosts have the same" if undone else ""
    return Swap(order.domain, why.state, why.found, f"{name}: {why.message}{put}", why.hint, why.code, change)


def _mixture(order: SwapOrder, name: str, why: Swap, kept: Sequence[str], undone: Mapping[str, Swap]) -> Swap:
    """The one end that must not be overlooked: the hosts of the zone do not have the same, and we could not help it."""
    failed = "; ".join(f"putting back at {n}: {undone[n].message or undone[n].state}" for n in kept if n in undone)
    message = (
        f"MIXTURE: mail goes both ways. {names(kept)} was moved to {order.new}, {name} was not ({why.message})"
        + (f"; {failed}" if failed else "")
    )
    hint = (
        f"By hand, at once: set the MX of {order.domain} at {names(kept)} to {order.old}, or at {name} to {order.new}; "
        "then `bcp settle`."
    )
    return Swap(order.domain, SwapState.UNKNOWN, None, message, hint, MIXED)


def proof(domain: str, found: Mapping[str, Proof]) -> Proof:
    """May we at all of them? One no is a no."""
    for wanted in (Permission.NOT_ALLOWED, Permission.CANNOT_SAY):
        for name, p in found.items():
            if p.permission is wanted:
                return Proof(domain, wanted, f"{name}: {p.message or wanted}", p.hint)
    return Proof(domain, Permission.ALLOWED)


def answers(found: Iterable[Sequence[Answer]]) -> list[Answer]:
    """Every authoritative address once; one that only one of the hosts could ask counts as asked."""
    out: dict[tuple[str, str], Answer] = {}
    for answer in (a for part in found for a in part):
        key = (answer.domain, answer.address)
        if key not in out or (out[key].problem and not answer.problem):
            out[key] = answer
    return [out[k] for k in sorted(out)]


def delegation(found: Sequence[Delegation]) -> Delegation:
    """The world is sent to the servers of all of them."""
    world = next((d.world for d in found if d.world), ())
    return Delegation(found[0].zone, world, tuple(dict.fromkeys(n for d in found for n in d.host)))


def signed(found: Sequence[Signed]) -> Signed:
    """The worst that any of them sees, and the first end of a signature."""
    chain = min((s.chain for s in found), key=CHAINS.index)
    return Signed(chain, min((s.expires for s in found if s.expires is not None), default=None))


def warmth(found: Mapping[str, Warmth]) -> Warmth:
    """What is ready, and the first end of a credential."""
    problems: dict[str, str] = {}
    for name, w in found.items():
        for domain, text in w.problems.items():
            problems[domain] = "; ".join(filter(None, (problems.get(domain), f"{name}: {text}")))
    zones = {d: z for w in reversed(list(found.values())) for d, z in w.zones.items()}
    ends = min((w.credential_ends for w in found.values() if w.credential_ends is not None), default=None)
    return Warmth(zones, ends, problems)
