"""Several DNS hosts that serve one zone, as actions see one (``bcp.contracts.dns.Dns``): all of them move, or none.

A switch goes from host to host. When one refuses, those that moved are put back behind the same guard. Where one is in
doubt and cannot be read nothing is put back: it may have moved, and reading decides. No host can lock the others, so
that for a moment resolvers are told either set; a mixture that stays is the end of the swap, in words that nobody
overlooks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from bcp.contracts.dns import (
    Answer,
    Capabilities,
    Delegation,
    Dns,
    HostFacts,
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
from bcp.kernel.errors import BcpError, fault_in
from bcp.mx import joined
from bcp.mx.outcome import SETTLE_HINT

T = TypeVar("T")


class Together:
    """The hosts of one zone, in the order in which they are changed."""

    def __init__(self, hosts: Mapping[str, Dns]) -> None:
        self.hosts = dict(hosts)
        self._moved: set[tuple[str, SwapOrder]] = set()
        """What we moved and did not put back: what somebody else moved is never put back by us."""

    @property
    def capabilities(self) -> Capabilities:
        """What all of them can promise."""
        return joined.capabilities({n: h.capabilities for n, h in self.hosts.items()})

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What all of them have for each domain, in order."""
        parts = await self._all(lambda h: h.read(domains))
        return [joined.reading(d, {n: p[i] for n, p in parts.items()}) for i, d in enumerate(domains)]

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Swap]:
        """Every order at every host, or at none."""
        found = await self.read([o.domain for o in orders])
        never = {i: s for i, (o, r) in enumerate(zip(orders, found, strict=True)) if (s := joined.cannot_begin(o, r))}
        done: list[dict[str, Swap]] = [{} for _ in orders]
        left = [i for i in range(len(orders)) if i not in never]
        for name in self.hosts:
            swaps = await self._swap(name, [orders[i] for i in left])
            for i, swap in zip(left, swaps, strict=True):
                done[i][name] = swap
            left = [i for i in left if done[i][name].state in joined.DONE]
        undone = await self._put_back(orders, done)
        return [never[i] if i in never else joined.swap(o, done[i], undone[i]) for i, o in enumerate(orders)]

    async def _swap(self, name: str, orders: Sequence[SwapOrder]) -> list[Swap]:
        """At one host. A fault there leaves it in doubt, and ends nothing at the others."""
        if not orders:
            return []
        try:
            swaps = await self.hosts[name].swap(orders)
        except Exception as error:  # a plug-in of anybody's
            why = fault_in("dns", error).message
            return [Swap(o.domain, SwapState.UNKNOWN, None, why, SETTLE_HINT, "fault") for o in orders]
        for order in (o for o, s in zip(orders, swaps, strict=True) if s.state is SwapState.APPLIED):
            self._moved.discard((name, _turned(order)))
            self._moved.add((name, _turned(_turned(order))))
        return swaps

    async def _put_back(self, orders: Sequence[SwapOrder], done: Sequence[Mapping[str, Swap]]) -> list[dict[str, Swap]]:
        """At hosts that moved what another one refused: the same swap the other way, the last one first."""
        undone: list[dict[str, Swap]] = [{} for _ in orders]
        back = [i for i in range(len(orders)) if joined.goes_back(orders[i], done[i])]
        for name in reversed(self.hosts):
            turned = {i: _turned(orders[i]) for i in back if name in done[i]}
            turned = {i: o for i, o in turned.items() if (name, _turned(o)) in self._moved}
            for i, swap in zip(turned, await self._swap(name, list(turned.values())), strict=True):
                undone[i][name] = swap
                if swap.state in joined.DONE:
                    self._moved -= {(name, turned[i]), (name, _turned(turned[i]))}
        return undone

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """May we at all of them?"""
        parts = await self._all(lambda h: h.prove(orders))
        return [joined.proof(o.domain, {n: p[i] for n, p in parts.items()}) for i, o in enumerate(orders)]

    async def answers(self, domains: Sequence[str]) -> list[Answer]:
        """Every authoritative address of all of them."""
        return joined.answers((await self._all(lambda h: h.answers(domains))).values())

    async def serials(self, domains: Sequence[str]) -> list[Serial]:
        """The serials that all of them say. Hosts count by themselves: only one server is compared with itself."""
        parts = await self._all(lambda h: h.serials(domains))
        return list(dict.fromkeys(s for part in parts.values() for s in part))

    async def delegations(self, domains: Sequence[str]) -> list[Delegation]:
        """Who serves each domain's zone."""
        parts = await self._all(lambda h: h.delegations(domains))
        return [joined.delegation([p[i] for p in parts.values()]) for i in range(len(domains))]

    async def signed(self, domains: Sequence[str]) -> list[Signed]:
        """DNSSEC of each domain's MX."""
        parts = await self._all(lambda h: h.signed(domains))
        return [joined.signed([p[i] for p in parts.values()]) for i in range(len(domains))]

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """All of them made ready."""
        return joined.warmth(await self._all(lambda h: h.warm(domains)))

    async def look_up(self, host: str) -> HostFacts:
        """Addresses of a host, by the resolvers of the first that knows."""
        found = HostFacts(host)
        for one in self.hosts.values():
            found = await one.look_up(host)
            if found.trouble is Trouble.NONE:
                break
        return found

    async def text(self, name: str) -> tuple[str, ...]:
        """TXT records, by the resolvers of the first that answers."""
        return await self._first(lambda h: h.text(name))

    async def tlsa(self, host: str) -> tuple[str, ...]:
        """TLSA records, by the resolvers of the first that answers."""
        return await self._first(lambda h: h.tlsa(host))

    async def mta_sts(self, domain: str) -> StsPolicy:
        """The policy that senders find now."""
        return await self._first(lambda h: h.mta_sts(domain))

    async def close(self) -> None:
        """Let the connections of all of them go."""
        for host in self.hosts.values():
            await host.close()

    async def _all(self, work: Callable[[Dns], Awaitable[T]]) -> dict[str, T]:
        """All hosts side by side, by name."""
        return dict(zip(self.hosts, await asyncio.gather(*(work(h) for h in self.hosts.values())), strict=True))

    async def _first(self, work: Callable[[Dns], Awaitable[T]]) -> T:
        """Of the first that answers; the error of the last where none does."""
        *most, last = self.hosts.values()
        for host in most:
            try:
                return await work(host)
            except BcpError:
                continue
        return await work(last)


def _turned(order: SwapOrder) -> SwapOrder:
    """The way back, without what belongs to one reading. Turned twice it is the order as it is remembered."""
    return SwapOrder(order.domain, order.new, order.old)
