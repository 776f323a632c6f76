"""Many domains over several hosts: hosts side by side, each in order of importance and inside its own rate limit.

What goes wrong at one host ends nothing at another. How far it is, and how long it will still take, is said meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bcp.contracts.action import StepInfo
from bcp.contracts.dns import Capabilities, Dns, MxSet, Swap, SwapOrder, SwapState
from bcp.contracts.services import Halt, Services
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Refused, fault_in
from bcp.kernel.units import format_duration
from bcp.mx.by_hand import entered
from bcp.mx.converge import Seen
from bcp.mx.outcome import CARRYING, MIXED, NOT_VISIBLE, SETTLE_HINT
from bcp.mx.pace import AT_ONCE, swap_seconds
from bcp.mx.patience import appeared_late
from bcp.mx.read import by_back_end

PORTION = 250
"""Domains of one portion at a host without a rate limit."""
FROZEN_S = 30.0
"""A portion that takes so much longer than it has to: the process was frozen in it, or the host hangs."""
SAY_EVERY_S = 5.0
"""Between two lines about how far it is."""
NOT_BEGUN = "not-begun"
"""Code of an order that was never sent, because the run is being ended."""
MOVED = frozenset({SwapState.APPLIED, SwapState.ALREADY})
CARRIED = f"{CARRYING}: for a moment some may still answer with the old MX"


@dataclass
class _Course:
    """How far it is, over all hosts."""

    total: int
    services: Services
    step: StepInfo
    halt: Halt
    began: float = 0.0
    said: float = 0.0
    moved: int = 0
    left: list[str] = field(default_factory=list)
    still: Callable[[], Awaitable[None]] | None = None
    late: bool = False
    """Since the last judgement a portion took so long that the world may be another."""
    ended: Refused | None = None
    """What the rest is not sent for."""

    def __post_init__(self) -> None:
        self.began = self.said = self.services.clock.monotonic()

    async def on(self, swaps: Sequence[Swap]) -> None:
        """Some more are done, one way or the other."""
        self.moved += sum(1 for s in swaps if s.state in MOVED)
        self.left += [s.domain for s in swaps if s.state not in MOVED]
        now, done = self.services.clock.monotonic(), self.moved + len(self.left)
        if done >= self.total or now - self.said < SAY_EVERY_S:
            return
        self.said = now
        await self.step.say(how_far(self.moved, self.left, self.total, now - self.began))

    async def timed(self, work: Awaitable[list[Swap]], least_s: float) -> list[Swap]:
        """Do a portion, by both clocks: one of them stands still while a machine sleeps."""
        clock = self.services.clock
        steady, wall = clock.monotonic(), clock.now()
        try:
            return await work
        finally:
            took = max(clock.monotonic() - steady, clock.now() - wall)
            self.late = self.late or took > 2 * least_s + FROZEN_S

    async def no(self) -> Refused | None:
        """What speaks against going on, judged again where a portion took long."""
        if self.late and self.ended is None and self.still is not None:
            self.late = False
            try:
                await self.still()
            except Refused as error:
                self.ended = error
        return self.ended


def how_far(moved: int, left: Sequence[str], total: int, seconds: float) -> str:
    """One line: so many of all, which did not move, and how long the rest takes at this speed."""
    done = moved + len(left)
    ahead = format_duration(max(1.0, seconds / done * (total - done))) if done else "an unknown time"
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    without = f", not moved: {', '.join(left[:3])}{more}" if left else ""
    return f"{moved} of {total} domains moved{without}; about {ahead} to go"


async def swap_all(
    orders: Sequence[SwapOrder], services: Services, step: StepInfo, halt: Halt | None = None
) -> list[Swap]:
    """Send every order; how each ended, in the order given, the most important first.

    ``halt``: what is not begun when it is set is not sent. An undo has none: it is what the end of a run asks for.

    Raises:
        Refused: (``no-longer-holds``) what this rests on does not hold any more; nothing was sent.
    """
    still = getattr(step, "still", None) if halt is not None else None
    if still is not None:
        await still()
    course, wanted = _Course(len(orders), services, step, halt or Halt(), still=still), {o.domain: o for o in orders}
    groups = by_back_end([o.domain for o in orders], services)
    work = [_host(services.dns[n], [wanted[d] for d in group], course) for n, group in groups.items()]
    done = {s.domain: s for part in await asyncio.gather(*work) for s in part}
    return [done[o.domain] for o in orders]


async def _host(dns: Dns, orders: Sequence[SwapOrder], course: _Course) -> list[Swap]:
    """The domains of one host."""
    host: Capabilities | None = getattr(dns, "capabilities", None)  # a host that promises nothing has no hands
    if host is not None and (hands := host.by_hand) is not None:
        return await _surely(
            orders, lambda some: entered(some, hands, dns, course.services, course.step, course.halt), course
        )

    async def send(some: Sequence[SwapOrder]) -> list[Swap]:
        return await _shown(dns, some, course.services.clock)

    size, out = AT_ONCE if host is not None and host.calls_per_s else PORTION, list[Swap]()
    for start in range(0, len(orders), size):
        part = orders[start : start + size]
        if course.halt.on:
            out += _not_begun(part)
        elif (no := await course.no()) is not None:
            out += [Swap(o.domain, SwapState.REFUSED, None, no.message, no.hint, NOT_BEGUN) for o in part]
        else:
            least_s = swap_seconds(len(part), host) if host is not None else 0.0
            out += await course.timed(_surely(part, send, course), least_s)
    return out


async def _shown(dns: Dns, orders: Sequence[SwapOrder], clock: Clock) -> list[Swap]:
    """What was accepted and does not show in ``settle`` may still: a run that is called failed, and whose MX moves a
    moment later, has lost it."""
    swaps = await dns.swap(orders)
    ends = dict(enumerate(swaps))
    if late := {i: o for i, o in enumerate(orders) if ends[i].code == NOT_VISIBLE}:
        await appeared_late(dns.read, late, ends, clock)
    return list(ends.values())


async def _surely(
    orders: Sequence[SwapOrder], work: Callable[[Sequence[SwapOrder]], Awaitable[list[Swap]]], course: _Course
) -> list[Swap]:
    """A fault at one host is how its domains ended: nobody knows whether the change was sent before it."""
    try:
        swaps = await work(orders)
    except Exception as error:  # also of a fake or a plug-in
        why, hint = fault_in("dns", error).message, "Read the MX at the host, then `bcp settle`."
        swaps = [Swap(o.domain, SwapState.UNKNOWN, None, why, hint, "fault") for o in orders]
    await course.on(swaps)
    return swaps


def _not_begun(orders: Sequence[SwapOrder]) -> list[Swap]:
    why, hint = "the run was ended before its turn; nothing was sent", "Plan again for the domains that are left."
    return [Swap(o.domain, SwapState.REFUSED, None, why, hint, NOT_BEGUN) for o in orders]


def least_seconds(domains: Iterable[str], services: Services) -> float:
    """The time that switching these domains needs in any case, in seconds: what the rate limits of their hosts
    leave, and how long people may take to enter records by hand.

    Hosts work side by side, so the slowest counts.
    """
    known = [d for d in domains if d in services.domains and services.domains[d].dns in services.dns]
    counts: Mapping[str, int] = {n: len(g) for n, g in by_back_end(known, services).items()}
    hosts = ((n, getattr(services.dns[n], "capabilities", None)) for n in counts)
    return max((_least(counts[n], host) for n, host in hosts if host is not None), default=0.0)


def _least(domains: int, host: Capabilities) -> float:
    by_hand = host.by_hand.give_up_s + host.by_hand.appear_s if host.by_hand else 0.0
    return by_hand + swap_seconds(domains, host)


def elsewhere(swaps: Sequence[Swap], hosts: Mapping[str, str]) -> bool:
    """Did something move at a host where nothing is in doubt? Then what is in doubt at another (a host that died while
    it was asked) holds up nobody: it stays with the run and is told. ``hosts``: by domain."""
    moved = {hosts[s.domain] for s in swaps if s.state in MOVED}
    return bool(moved - {hosts[s.domain] for s in swaps if s.state is SwapState.UNKNOWN})


def doubted(swap: Swap, old: MxSet | None) -> Swap:
    """A second attempt whose condition the host refuses although the old set is read there: the first may have been
    made, and what reads is a cache, or lies. That is no failure that leaves everything as it was."""
    if swap.state is not SwapState.CONFLICT or old is None or swap.found is None or not old.same(swap.found):
        return swap
    message = f"the host refuses the condition, and {swap.found} is read there: an earlier attempt may have been made"
    return swap._replace(state=SwapState.UNKNOWN, message=message, hint=SETTLE_HINT)


def as_before(swaps: Sequence[Swap], before: Mapping[str, Any]) -> bool:
    """Did nothing move, and is the old MX what was last read of all in doubt? ``before``: by domain, as data."""
    doubtful = [s for s in swaps if s.state is SwapState.UNKNOWN]
    if any(s.state in MOVED for s in swaps) or any(s.found is None or s.code == MIXED for s in doubtful):
        return False
    return all(MxSet.from_data(before[s.domain]).same(s.found) for s in doubtful)


def told(swaps: Sequence[Swap]) -> str:
    """How each domain ended, the first five; each reason once."""
    ends: dict[str, list[str]] = {}
    for swap in swaps[:5]:
        ends.setdefault(f"{swap.state}: {swap.message.rstrip('.')}", []).append(swap.domain)
    said = [f"{d[0]}: {end}" + (f"; the same: {', '.join(d[1:])}" if d[1:] else "") for end, d in ends.items()]
    return "; ".join(said) + (f"; and {len(swaps) - 5} more" if len(swaps) > 5 else "")


def some(domains: Sequence[str]) -> str:
    """The first of them by name, and how many more."""
    return ", ".join(domains[:5]) + (f" and {len(domains) - 5} more" if len(domains) > 5 else "")


def summary(swaps: Sequence[Swap], after: Mapping[str, MxSet], seen: Seen) -> str:
    """How a whole switch ended, in a sentence."""
    applied = sum(1 for s in swaps if s.state is SwapState.APPLIED)
    found = sum(1 for s in swaps if s.state is SwapState.ALREADY)
    total = len(swaps) or len(after)
    first = next(iter(after.values()), None)
    text = (
        f"{applied} of {total} domain(s) switched to {first}"
        if applied
        else f"{len(after)} domain(s) point to {first} already"
    )
    if applied and found:
        text += f", {found} found there when read"
    moved = [s for s in swaps if s.state in MOVED]
    carried = [s.domain for s in moved if s.message == CARRYING]
    warned: dict[str, list[str]] = {}
    for one in moved:
        if one.message and one.message != CARRYING:
            warned.setdefault(one.message, []).append(one.domain)
    if warned:
        text += "; " + "; ".join(f"{some(domains)}: {why}" for why, domains in list(warned.items())[:3])
    if seen.lagging:
        text += f"; NOT everywhere: {'; '.join(seen.lagging[:3])}"
    elif seen.unverified:
        text += f"; not verified at {'; '.join(seen.unverified[:3])}"
    elif carried:  # one address may be many machines: all that were asked are not all that there are
        return f"{text}{';' if warned else ','} served by every authoritative address that was asked; {CARRIED}"
    else:
        return f"{text}{';' if warned else ','} served by every authoritative address"
    return f"{text}; {CARRIED}" if carried else text
