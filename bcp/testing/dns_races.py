"""What several writers and readers of one DNS host see of one another: ``bcp.testing.dns`` has these tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from bcp.contracts.dns import Guard, MxSet, Sent, SentState, SwapOrder, SwapState
from bcp.testing.dns_stage import DnsStage, mx
from bcp.testing.halts import Halting, folders

LOOKS = 60
"""So often one change is looked at on its way."""
RACES = 24
"""So many times two writers meet, each time at another place; fewer where the host is slow."""
PLAY_S = 0.1
"""For so long they do at most, by our own CPU."""
AWAITS: dict[type, bool] = {}
"""Suites whose hosts are spoken to by the event loop: whoever is in the same loop comes in between at every ``await``,
and has, in the tests with many writers and with a look at every turn."""
STEP = 0.6180339887
"""The golden ratio: however few places there is time for, they lie all along the way."""


def places(steps: int) -> Iterator[int]:
    """Where the first of two writers is met by the second: one place at least."""
    began = time.process_time()
    for number in range(1, RACES + 1):
        yield 1 + int(steps * (number * STEP % 1.0))
        if time.process_time() - began > PLAY_S:
            return


class DnsRaces(DnsStage):
    """Promises about what happens at the same time."""

    def test_of_many_writers_one_wins_and_the_others_are_told(self) -> None:
        """With a compare-and-swap exactly one; without, whoever is overwritten is told, and the end is one whole
        set."""

        async def work() -> None:
            await self.reset()
            domain = self.domains[0]
            wanted = [mx(f"w{i}.out.test.", 300) for i in range(self.writers)]
            hosts = [self.host() for _ in wanted]
            orders = [self.order(domain, new=w) for w in wanted]
            ends = await asyncio.gather(*(h.swap([o]) for h, o in zip(hosts, orders, strict=True)))
            there = await self.served(domain)
            winners = [
                w for w, (s,) in zip(wanted, ends, strict=True) if s.state in {SwapState.APPLIED, SwapState.ALREADY}
            ]
            assert any(w.same(there) for w in wanted), f"in the end there stands {there}, which nobody wrote"
            assert len(winners) == 1, f"{len(winners)} of {len(wanted)} believe that they won"
            assert winners[0].same(there), f"the winner wrote {winners[0]}, there stands {there}"
            silent = [s for (s,) in ends if s.state is SwapState.CONFLICT and s.found is None]
            assert not silent, "a loser is not told what stands there"

        self.run(work())

    def test_between_a_comparison_and_its_write_nobody_else_writes(self) -> None:
        """Another writer comes in between, as from another process. A host that says that it compares and swaps does
        both in one step: under a lock that all writers share, or at the server."""

        async def work() -> None:
            if not self.apart or self.make().capabilities.guard is not Guard.STRONG:
                return
            await self.reset()
            domain, reader = self.domains[0], self.make()
            first, second = mx("first.out.test.", 300), mx("second.out.test.", 300)
            alone = Halting(self._one(await self.fresh(reader, domain), first))
            sent = await alone.run()
            assert sent.state is SentState.ACCEPTED, f"from a thread of its own: {sent.state}: {sent.message}"
            AWAITS[type(self)] = alone.awaits
            if alone.awaits:
                return
            for place in places(alone.steps):
                await self.reset()
                order = await self.fresh(reader, domain)
                other = Halting(self._one(order, second))
                ends: list[asyncio.Task[Sent]] = []

                async def meanwhile(other: Halting[Sent] = other, ends: list[Any] = ends) -> None:
                    ends.append(asyncio.ensure_future(other.run()))
                    await asyncio.wait(ends)

                mine = await Halting(self._one(order, first), range(place, place + 1)).run(meanwhile)
                theirs = await ends[0] if ends else mine
                there = await self._seen()
                both = mine.state is theirs.state is SentState.ACCEPTED
                assert not ends or not both, (
                    f"two writers were told that each replaced {self.before}, and there stands {there}: between the "
                    "comparison and the write of one, the other wrote. Both must be one step, for all writers"
                )
                won = first if mine.state is SentState.ACCEPTED else second
                assert won.same(there), f"the writer that was told that it won wrote {won}, and there stands {there}"
            await reader.close()

        self.run(work())

    def _one(self, order: SwapOrder, new: MxSet) -> Callable[[], Coroutine[Any, Any, Sent]]:
        """A writer of its own, which writes once, on what was read before."""
        writer = self.make()

        async def go() -> Sent:
            try:
                (sent,) = await self.send(writer, [SwapOrder(order.domain, order.old, new, order.token)])
                return sent
            finally:
                await writer.close()

        return go

    def test_nobody_ever_sees_a_domain_without_mx(self) -> None:
        """Never delete and then create: mail that arrives in between bounces or goes to the wrong place. Who says that
        it is atomic shows no mixture either."""

        async def work() -> None:
            await self.reset()
            host, domain, gaps, busy = self.host(), self.domains[0], 0, True

            async def look() -> None:
                nonlocal gaps
                while busy:
                    there = await self._seen()
                    gaps += there is None or not there.hosts
                    await asyncio.sleep(0)

            looking = asyncio.ensure_future(look())
            for old, new in ((self.before, self.after), (self.after, self.before)) * 3:
                await host.swap([self.order(domain, old, new)])
            busy = False
            await looking
            assert not gaps, f"{gaps} looks found no MX"
            can = host.writer.capabilities
            if self.apart and can.by_hand is None and not AWAITS.get(type(self)):
                await self._looked_at(can.atomic)

        self.run(work())

    async def _seen(self) -> MxSet | None:
        try:
            return await self.served(self.domains[0])
        except ValueError as error:
            raise AssertionError(f"half of a record stood there ({error}): it is written in place") from error

    async def _looked_at(self, atomic: bool) -> None:
        """The same again, and somebody looks at many places on the way, also where the back end awaits nothing."""
        domain, reader = self.domains[0], self.make()
        whole = (self.before, self.after)

        async def look() -> None:
            there = await self._seen()
            assert there is not None and there.hosts, "on the way of one change a look found no MX: it deletes first"
            whole_set = any(there.same(w) for w in whole)
            assert whole_set or not atomic, f"on the way of one change a look found {there}, and it says it is atomic"

        alone = Halting(self._one(await self.fresh(reader, domain), self.after), lines=folders(reader))
        await alone.run()
        for old, new in () if alone.awaits else ((*whole[::-1],), (*whole,)):
            order = await self.fresh(reader, domain)
            assert old.same(order.old), f"there stands {order.old} instead of {old}"
            every = range(1, alone.steps + 1, max(1, alone.steps // LOOKS))
            await Halting(self._one(order, new), every, lines=folders(reader)).run(look)
        await reader.close()
