"""Conformance suite of DNS back ends: what every ``Writer`` must keep, whatever host is behind it.

An author writes, in a test file of their own::

    class TestMyHost(DnsSuite):
        def make(self) -> Writer:
            return MyWriter("main", settings_for(self.emulator), FakeClock(), {})

        async def put(self, domain: str, mx: MxSet) -> None:
            await self.emulator.set(domain, mx)        # as somebody else would change it

        async def served(self, domain: str) -> MxSet | None:
            return await self.emulator.get(domain)     # not through the back end

``bcp.testing.memory_dns`` is a whole example. Faults that your emulator cannot make are switched off by an attribute.
"""

from __future__ import annotations

import inspect

from bcp.contracts.dns import (
    Capabilities,
    Guard,
    MxHost,
    MxSet,
    Permission,
    Progress,
    Proof,
    Reading,
    SentState,
    SwapOrder,
    SwapState,
    Trouble,
    Warmth,
    Writer,
)
from bcp.testing.dns_leaks import DnsLeaks
from bcp.testing.dns_races import LOOKS, DnsRaces
from bcp.testing.dns_stage import mx
from bcp.testing.halts import Halting, folders
from bcp.testing.shape import insides
from bcp.testing.vendor import work_left_behind

METHODS = ("warm", "read", "swap", "progress", "prove", "close")


def _method_wrong(writer: object, name: str) -> str:
    """What is wrong with a method; empty: nothing."""
    there = getattr(writer, name, None)
    if there is None or getattr(type(writer), name, None) is getattr(Writer, name):
        return "is missing"
    return "" if inspect.iscoroutinefunction(there) else "is no coroutine function"


class DnsSuite(DnsRaces, DnsLeaks):
    """Promises of a DNS back end. What an author gives is described in ``DnsStage``."""

    # -- shape ---------------------------------------------------------------------------------------------------

    def test_it_has_every_method_of_the_contract(self) -> None:
        """A missing one would be found in the middle of an outage."""
        writer = self.make()
        found = {m: _method_wrong(writer, m) for m in METHODS}
        found["capabilities"] = "" if isinstance(writer.capabilities, Capabilities) else "is no Capabilities"
        servers = getattr(writer, "servers", None)
        right = isinstance(servers, tuple) and all(isinstance(s, str) for s in servers)
        found["servers"] = "" if right else "is no tuple of addresses"
        self.all_hold(found)

    def test_it_answers_with_the_types_of_the_contract_in_the_order_asked(self) -> None:
        """One result each, whatever the order."""

        async def work() -> None:
            await self.reset()
            writer, names = self.make(), list(reversed(self.domains))
            orders = [await self.fresh(writer, d) for d in names]
            self.right("read", await writer.read(names), Reading, names)
            proofs = await writer.prove(orders)
            self.right("prove", proofs, Proof, names)
            assert all(isinstance(p.permission, Permission) for p in proofs), "a permission is one of three"
            assert [o.domain for o in orders] == names, f"it changes the orders that it was handed: {orders}"
            sent = await self.send(writer, list(orders))
            self.right("progress", await writer.progress(sent), Progress, names)
            assert isinstance(await writer.warm(names), Warmth), "warm returns no Warmth"
            assert names == list(reversed(self.domains)), f"it changes the list that it was handed: {names}"

        self.run(work())

    def test_it_may_be_closed_twice_and_shows_no_secret(self) -> None:
        """A run that ends badly closes again."""

        async def work() -> None:
            await self.reset()
            writer, names = self.make(), [self.domains[0], self.missing]
            self.hides(*await writer.read(names), await writer.warm(names))
            self.hides(*await writer.prove([self.order(d) for d in names]))
            self.hides(*await self.send(writer, [await self.fresh(writer, names[0])]))
            await writer.close()
            await writer.close()
            self.hides(writer, insides(writer))

        self.run(work())

    # -- reading -------------------------------------------------------------------------------------------------

    def test_a_reading_is_what_stands_there(self) -> None:
        """Records and TTL, also after somebody else's change."""

        async def work() -> None:
            await self.reset()
            writer, other = self.make(), mx("other.out.test.", 1800)
            await self.put(self.domains[0], other)
            first, second = await writer.read(self.domains[:2])
            assert other.equal(first.mx), f"read {first.mx}, there stands {other}"
            assert self.before.equal(second.mx), f"read {second}"
            assert second.zone, f"read {second}"
            assert (first.problem, first.wildcard, first.cname) == ("", None, ""), f"read {first}"
            await self.put(self.domains[0], self.before)
            (again,) = await writer.read(self.domains[:1])
            assert self.before.equal(again.mx), f"it was changed since, and an old reading is told: {again.mx}"

        self.run(work())

    def test_a_zone_that_is_not_there_is_said_and_never_made(self) -> None:
        """A typing error must not create a zone."""

        async def work() -> None:
            writer = self.make()
            (reading,) = await writer.read([self.missing])
            assert reading.problem, "a name in no zone reads as well"
            assert reading.mx is None, "a name in no zone has an MX"
            lasting = reading.trouble is not Trouble.NONE and not reading.trouble.passing
            assert lasting, f"trouble is {reading.trouble!r}"
            (sent,) = await self.send(writer, [self.order(self.missing)])
            assert sent.state is SentState.REFUSED, f"a change in no zone is answered {sent.state}"
            assert await self.served(self.missing) is None, "the zone was made"
            warmth = await writer.warm([self.missing])
            assert self.missing in warmth.problems, "warm does not say that there is no zone"

        self.run(work())

    # -- writing -------------------------------------------------------------------------------------------------

    def test_a_swap_replaces_the_whole_set_and_its_ttl(self) -> None:
        """Several records by one, and one by several; at this domain and at no other."""

        async def work() -> None:
            await self.reset()
            host, (domain, *others) = self.host(), self.domains
            own = {d: MxSet((MxHost(10 + i, f"own{i}.out.test."),), 1800 + i) for i, d in enumerate(others)}
            for other, its in own.items():
                await self.put(other, its)
            both = MxSet((MxHost(10, "relay.out.test."), MxHost(20, "relay2.out.test.")), 600)
            for old, new in ((self.before, both), (both, self.after)):
                (swap,) = await host.swap([self.order(domain, old, new)])
                assert swap.state is SwapState.APPLIED, f"{swap.state}: {swap.message}"
                there = await self.served(domain)
                assert new.equal(there), f"wanted {new}, there stands {there}"
            now = {d: await self.served(d) for d in others}
            self.all_hold({d: "" if own[d].equal(t) else f"there stood {own[d]}, now {t}" for d, t in now.items()})

        self.run(work())

    def test_what_somebody_changed_since_the_read_is_not_overwritten(self) -> None:
        """The heart of it. A host without a compare-and-swap is read just before the write."""

        async def work() -> None:
            writer, domain = self.make(), self.domains[0]
            both = MxSet((*self.before.hosts, MxHost(20, "second.out.test.")), 3600)
            later = MxSet(tuple(MxHost(h.preference + 5, h.host) for h in self.before.hosts), 3600)
            found = {}
            others = {"another": mx("other.out.test."), "one more": both, "another preference": later}
            for case, other in others.items():
                await self.reset()
                order = await self.fresh(writer, domain)
                await self.put(domain, other)
                if writer.capabilities.guard is Guard.NONE:
                    (swap,) = await self.host(writer).swap([order])
                    state = "" if swap.state is SwapState.CONFLICT else f"ours ends with {swap.state}"
                else:
                    (sent,) = await self.send(writer, [order])
                    state = "" if sent.state is SentState.STALE else f"the host answers {sent.state}"
                there = await self.served(domain)
                found[case] = state or ("" if other.same(there) else f"there stands {there}")
            self.all_hold(found)

        self.run(work())

    def test_a_set_that_lost_a_record_is_another_set(self) -> None:
        """A condition on a part of the set would lose the rest."""

        async def work() -> None:
            await self.reset()
            both = MxSet((*self.before.hosts, MxHost(20, "second.out.test.")), 3600)
            (swap,) = await self.host().swap([self.order(self.domains[0], both)])
            assert swap.state is SwapState.CONFLICT, f"{swap.state}: {swap.message}"
            assert self.before.same(await self.served(self.domains[0])), "it was overwritten"

        self.run(work())

    def test_the_same_order_again_changes_nothing(self) -> None:
        """A repeat after a restart must not look like a conflict."""

        async def work() -> None:
            await self.reset()
            host, domain = self.host(), self.domains[0]
            await host.swap([self.order(domain)])
            count = self.changes(domain)
            (swap,) = await host.swap([self.order(domain)])
            assert swap.state is SwapState.ALREADY, f"{swap.state}: {swap.message}"
            assert self.changes(domain) == count, "it was written again"

        self.run(work())

    def test_a_proof_changes_nothing(self) -> None:
        """It is made every day, on the real zone."""

        async def work() -> None:
            await self.reset()
            writer = self.make()
            counts = [self.changes(d) for d in self.domains]
            proofs = await writer.prove([await self.fresh(writer, d) for d in self.domains])
            right = Permission.ALLOWED if writer.capabilities.proves else Permission.CANNOT_SAY
            assert all(p.permission is right for p in proofs), f"a good credential: {proofs}"
            stale = await writer.prove([self.order(d, mx("never.out.test.")) for d in self.domains])
            self.right("prove", stale, Proof, self.domains)
            there = [await self.served(d) for d in self.domains]
            assert all(self.before.equal(t) for t in there), f"after the proof there stands {there}"
            assert [self.changes(d) for d in self.domains] == counts, "something was written"
            if self.apart and None in counts:  # else it would have been counted
                await self._proved()

        self.run(work())

    async def _proved(self) -> None:
        """The same again, and somebody looks on the way: nothing is written and put back."""
        order, writers = await self.fresh(self.make(), self.domains[0]), [self.make(), self.make()]

        async def look() -> None:
            there = await self._seen()
            assert self.before.equal(there), f"on the way of a proof there stands {there}: it tries by writing"

        async def prove() -> list[Proof]:
            writer = writers.pop()
            try:
                return await writer.prove([order])
            finally:
                await writer.close()

        where = folders(writers[0])
        alone = Halting(prove, lines=where)
        await alone.run()
        await Halting(prove, range(1, alone.steps + 1, max(1, alone.steps // LOOKS)), lines=where).run(look)

    def test_a_ttl_that_the_host_does_not_take_is_refused_and_not_changed_silently(self) -> None:
        """What the plan showed is what stands there."""

        async def work() -> None:
            writer, domain = self.make(), self.domains[0]
            low = writer.capabilities.min_ttl_s
            if low <= 1:
                return
            await self.reset()
            order = await self.fresh(writer, domain)
            (sent,) = await self.send(
                writer, [SwapOrder(domain, order.old, mx("relay.out.test.", low - 1), order.token)]
            )
            assert sent.state is SentState.REFUSED, f"the host answers {sent.state}"
            assert self.before.equal(await self.served(domain)), "it was changed"

        self.run(work())

    # -- faults --------------------------------------------------------------------------------------------------

    def test_a_lost_answer_is_lost_and_not_repeated(self) -> None:
        """Ours reads: the change was made. A back end (or its library) that sends again finds a conflict of its own
        making."""

        async def work() -> None:
            if not self.can_lose:
                return
            await self.reset()
            writer, domain = self.make(), self.domains[0]
            count = self.changes(domain)
            order = await self.fresh(writer, domain)
            await self.lose_answer()
            (sent,) = await self.send(writer, [order])
            assert sent.state is SentState.LOST, f"a lost answer is told as {sent.state}"
            assert self.after.same(await self.served(domain)), "the emulator did not make the change"
            await work_left_behind()
            await self.put(domain, self.before)
            await self.lose_answer()
            (swap,) = await self.host(writer).swap([self.order(domain)])
            assert swap.state in {SwapState.APPLIED, SwapState.ALREADY}, f"{swap.state}: {swap.message}"
            await work_left_behind()
            if count is not None:
                made = (self.changes(domain) or 0) - count
                assert made == 3, f"{made} changes instead of two and one of somebody else"

        self.run(work())

    def test_a_host_that_says_not_now_is_waited_for(self) -> None:
        """And the raw answer says for how long, and that nothing was changed."""

        async def work() -> None:
            if not self.can_throttle:
                return
            await self.reset()
            writer, domain = self.make(), self.domains[0]
            order = await self.fresh(writer, domain)
            await self.throttle()
            (sent,) = await self.send(writer, [order])
            assert sent.state is SentState.THROTTLED, f"a throttle is told as {sent.state}"
            assert self.before.equal(await self.served(domain)), "it was changed all the same"
            await self.throttle()
            (swap,) = await self.host(writer).swap([self.order(domain)])
            assert swap.state is SwapState.APPLIED, f"{swap.state}: {swap.message}"

        self.run(work())

    def test_an_error_in_mid_batch_concerns_that_domain_alone(self) -> None:
        """All are answered for; the failed one has its old set, whole."""

        async def work() -> None:
            if not self.can_fail:
                return
            await self.reset()
            writer, bad = self.make(), self.domains[1]
            orders = [await self.fresh(writer, d) for d in self.domains]
            await self.fail_at(bad)
            sent = {s.domain: s for s in await self.send(writer, orders)}
            found = {}
            for domain in self.domains:
                there, wanted = await self.served(domain), self.before if domain == bad else self.after
                ok = sent[domain].state is SentState.ACCEPTED
                found[domain] = "" if wanted.same(there) else f"there stands {there}"
                found[domain] = found[domain] or ("" if ok is (domain != bad) else f"told as {sent[domain].state}")
            self.all_hold(found)

        self.run(work())

    def test_a_credential_that_may_not_write_is_refused_and_says_so_beforehand(self) -> None:
        """The daily check must find it, not the outage."""

        async def work() -> None:
            if not self.can_deny:
                return
            await self.reset()
            writer, domain = self.make_denied(), self.domains[0]
            (proof,) = await writer.prove([self.order(domain)])
            no = {Permission.NOT_ALLOWED} | (set() if writer.capabilities.proves else {Permission.CANNOT_SAY})
            assert proof.permission in no, f"the proof says {proof.permission}"
            assert proof.message, "the proof does not say why"
            (sent,) = await self.send(writer, [await self.fresh(writer, domain)])
            assert sent.state is SentState.REFUSED, f"the host answers {sent.state}"
            assert sent.message, "the host does not say why"
            self.hides(proof, sent)
            assert self.before.equal(await self.served(domain)), "it was changed"

        self.run(work())

    def test_an_mx_from_a_wildcard_is_told_and_gets_a_record_of_its_own(self) -> None:
        """It looks like any other when it is read; a condition on it never holds."""

        async def work() -> None:
            if not self.wildcard:
                return
            writer, name = self.make(), self.wildcard
            (reading,) = await writer.read([name])
            assert reading.wildcard is not None, f"read {reading}"
            assert reading.mx is not None, f"read {reading}"
            order = SwapOrder(name, reading.mx, self.after, reading.token, wildcard=reading.wildcard.owner)
            (swap,) = await self.host(writer).swap([order])
            assert swap.state is SwapState.APPLIED, f"{swap.state}: {swap.message}"
            (now,) = await writer.read([name])
            assert now.wildcard is None, f"read {now}"
            assert self.after.equal(now.mx), f"read {now}"
            await self.put(name, mx("other.out.test."))
            (again,) = await self.host(writer).swap([order])
            assert again.state is SwapState.CONFLICT, "a record of its own was overwritten"
            (back,) = await self.host(writer).swap([SwapOrder(name, mx("other.out.test."), reading.mx)])
            assert back.state is SwapState.APPLIED, f"{back.state}: {back.message}"

        self.run(work())
