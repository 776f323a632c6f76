"""Two ways to one zone, as actions see one DNS host (``bcp.contracts.dns.Dns``).

The first way is used whenever it can be. Where it cannot be reached, or refuses our credential, the second one reads,
and writes: another credential, another interface of the provider, or RFC 2136 at a hidden primary. Never both at once.
Where something was sent by the first way that may have arrived, the second way reads first: the new set found is the
end of it; the old one found means that the same guarded order may be sent once more only where both hosts refuse a
stale one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from bcp.contracts.dns import (
    Answer,
    Capabilities,
    Delegation,
    Dns,
    Guard,
    HostFacts,
    Permission,
    Proof,
    Reading,
    Serial,
    Signed,
    StsPolicy,
    Swap,
    SwapOrder,
    SwapState,
    Trouble,
    Warmth,
)
from bcp.kernel.errors import BcpError
from bcp.mx import joined

T = TypeVar("T")
NOTHING_SENT = frozenset({"unreachable", "silent", "unreadable-now", "credential", "permission"})
"""Codes of a refusal after which it is certain that nothing was changed, and that the host is of no use now."""


class SecondWay:
    """The host of these names, with its second way."""

    def __init__(self, first: tuple[str, Dns], second: tuple[str, Dns]) -> None:
        (self.name, self.first), (self.other, self.second) = first, second
        self._why: dict[str, str] = {}
        """Domains that go by the second way now, and why."""

    @property
    def capabilities(self) -> Capabilities:
        """Of the way that is gone now; TTLs that both take, so that a plan fits either."""
        one, two = self.first.capabilities, self.second.capabilities
        low, high = max(one.min_ttl_s, two.min_ttl_s), min(one.max_ttl_s, two.max_ttl_s)
        leans = tuple(x for x in one.leans if x in two.leans)
        return replace(two if self._why else one, min_ttl_s=low, max_ttl_s=high, leans=leans)

    # -- the host ------------------------------------------------------------------------------------------------

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What stands where it is written: by the first way, and what that cannot read by the second."""
        found = await self.first.read(domains)
        away = [i for i, r in enumerate(found) if of_the_host(r)]
        for r in found:
            if not of_the_host(r):
                self._why.pop(r.domain, None)
        if not away:
            return found
        for i, other in zip(away, await self.second.read([domains[i] for i in away]), strict=True):
            found[i] = self._by_second(found[i], other)
        return found

    def _by_second(self, first: Reading, other: Reading) -> Reading:
        if other.problem:
            self._why.pop(first.domain, None)
            return replace(first, problem=f"{first.problem}; by the second way {self.other}: {other.problem}")
        self._why[first.domain] = first.problem
        return replace(other, detour=self.said(first.problem))

    def said(self, why: str) -> str:
        """Which way is gone, and why not the other."""
        return f"by the second way {self.other}, because {self.name} is of no use now ({why})"

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Swap]:
        """By the way by which it was read; by the second also where the first proves to be of no use before anything
        was sent."""
        done: dict[int, Swap] = {}
        straight = [i for i, o in enumerate(orders) if o.domain not in self._why]
        if straight:
            swaps = await self.first.swap([orders[i] for i in straight])
            done.update(zip(straight, swaps, strict=True))
        left = {i: self._why.get(o.domain, "") for i, o in enumerate(orders) if i not in done}
        left |= {i: s.message for i, s in done.items() if s.state is SwapState.REFUSED and s.code in NOTHING_SENT}
        left |= await self._lost(orders, done)
        if left:
            mine = dict(sorted(left.items()))
            swaps = await self.second.swap([replace(orders[i], token="") for i in mine])
            for (i, why), swap in zip(mine.items(), swaps, strict=True):
                done[i] = self._told(swap, why, done.get(i))
        return [done[i] for i in range(len(orders))]

    async def _lost(self, orders: Sequence[SwapOrder], done: dict[int, Swap]) -> dict[int, str]:
        """What was sent by the first way and cannot be read there any more: read by the second. Those that may be
        sent by it, with why; the others are decided here or stay in doubt."""
        lost = [i for i, s in done.items() if s.state is SwapState.UNKNOWN and s.found is None]
        if not lost:
            return {}
        again = {}
        sure = all(h.capabilities.guard is Guard.STRONG for h in (self.first, self.second))
        for i, now in zip(lost, await self.second.read([orders[i].domain for i in lost]), strict=True):
            why, order = done[i].message, orders[i]
            if now.problem or now.cname:
                done[i] = done[i]._replace(message=f"{why}; by the second way {self.other}: {now.problem or 'a CNAME'}")
            elif order.new.same(now.mx) and now.wildcard is None:
                text = f"{why}; it stands, as read by the second way {self.other}"
                done[i] = Swap(order.domain, SwapState.ALREADY, now.mx, text, change=done[i].change)
            elif sure and order.old.same(now.mx):
                again[i] = why
            else:
                done[i] = done[i]._replace(found=now.mx, message=f"{why}; read by {self.other}: {now.mx or 'no MX'}")
        return again

    def _told(self, swap: Swap, why: str, before: Swap | None) -> Swap:
        """How it ended, with the way that it went. What may have been sent by the first way stays in doubt unless the
        second has seen the end of it."""
        text = self.said(why) + (f": {swap.message}" if swap.message else "")
        if before is not None and before.state is SwapState.UNKNOWN and swap.state not in joined.DONE:
            return before._replace(message=text, found=swap.found)
        return swap._replace(message=text)

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """May we, by the way that would be gone?"""
        out: dict[int, Proof] = {}
        for way in (self.first, self.second):
            mine = [i for i, o in enumerate(orders) if (o.domain in self._why) is (way is self.second)]
            out.update(zip(mine, await way.prove([orders[i] for i in mine]) if mine else (), strict=True))
        return [out[i] for i in range(len(orders))]

    async def prove_second(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """Would the second way work? Read and tried behind a condition that cannot hold, as in peacetime each day."""
        readings = await self.second.read([o.domain for o in orders])
        proofs = await self.second.prove([replace(o, token=r.token) for o, r in zip(orders, readings, strict=True)])
        return [_other_zone(o, r) or p for o, r, p in zip(orders, readings, proofs, strict=True)]

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """Both made ready."""
        return joined.warmth({n: await h.warm(domains) for n, h in self._ways})

    async def close(self) -> None:
        """Let the connections of both go."""
        for _, way in self._ways:
            await way.close()

    # -- the same for all hosts: by the first that knows ---------------------------------------------------------

    @property
    def _ways(self) -> tuple[tuple[str, Dns], tuple[str, Dns]]:
        return (self.name, self.first), (self.other, self.second)

    async def answers(self, domains: Sequence[str]) -> list[Answer]:
        """Every authoritative address; the second way's, too, where the first way's are all silent."""
        found = await self.first.answers(domains)
        if any(not a.problem for a in found):
            return found
        return joined.answers([found, await self.second.answers(domains)])

    async def serials(self, domains: Sequence[str]) -> list[Serial]:
        """The serials of each zone."""
        return await self.first.serials(domains) or await self.second.serials(domains)

    async def delegations(self, domains: Sequence[str]) -> list[Delegation]:
        """Who serves each domain's zone."""
        return await (self.second if self._why else self.first).delegations(domains)

    async def signed(self, domains: Sequence[str]) -> list[Signed]:
        """DNSSEC of each domain's MX."""
        return await (self.second if self._why else self.first).signed(domains)

    async def look_up(self, host: str) -> HostFacts:
        """Addresses of a host."""
        found = await self.first.look_up(host)
        return found if found.trouble is Trouble.NONE else await self.second.look_up(host)

    async def text(self, name: str) -> tuple[str, ...]:
        """TXT records."""
        return await self._either(lambda h: h.text(name))

    async def tlsa(self, host: str) -> tuple[str, ...]:
        """TLSA records."""
        return await self._either(lambda h: h.tlsa(host))

    async def mta_sts(self, domain: str) -> StsPolicy:
        """The policy that senders find now."""
        return await self._either(lambda h: h.mta_sts(domain))

    async def _either(self, work: Callable[[Dns], Awaitable[T]]) -> T:
        try:
            return await work(self.first)
        except BcpError:
            return await work(self.second)


def of_the_host(reading: Reading) -> bool:
    """Is it the host that cannot be read (silent, not to be reached, our credential refused), not the name?"""
    return bool(reading.problem) and (reading.trouble.passing or reading.trouble is Trouble.NOT_ALLOWED)


def _other_zone(order: SwapOrder, reading: Reading) -> Proof | None:
    """A second way that cannot read the domain, or shows another MX, is none to the same zone."""
    if reading.problem:
        no = Permission.NOT_ALLOWED if reading.trouble is Trouble.NOT_ALLOWED else Permission.CANNOT_SAY
        return Proof(order.domain, no, reading.problem, "A second way that cannot read the zone is none.")
    if not order.old.same(reading.mx):
        text = f"it shows {reading.mx or 'no MX'}, and the first way {order.old}"
        return Proof(order.domain, Permission.NOT_ALLOWED, text, "Does it lead to the same zone?")
    return None
