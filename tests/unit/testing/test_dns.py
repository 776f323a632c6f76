"""The suite of DNS back ends: our example keeps it, whatever its guard, and every way of breaking it is caught."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bcp.contracts.dns import Guard, MxSet, Permission, Proof, Sent, SentState, Writer
from bcp.kernel.errors import Transient
from bcp.testing.clock import FakeClock
from bcp.testing.dns import DnsSuite
from bcp.testing.memory_dns import MemoryDns, MemorySettings, MemoryWriter
from bcp.testing.suite import failures


class Memory(DnsSuite):
    """The example as an author would test it."""

    wildcard = "shop.wild.three.test"
    guard = Guard.STRONG
    min_ttl = 60
    writer: type[MemoryWriter] = MemoryWriter

    def setup_method(self) -> None:
        super().setup_method()
        self.provider = MemoryDns({"one.test", "two.test", "three.test"}, wildcards={"*.wild.three.test": self.before})

    def make(self, *, allowed: bool = True) -> Writer:
        settings = MemorySettings(kind="memory", allowed=allowed, guard=self.guard, min_ttl=self.min_ttl)
        made = self.writer("main", settings, FakeClock(), {})
        made.provider = self.provider
        return made

    def make_denied(self) -> Writer:
        return self.make(allowed=False)

    async def put(self, domain: str, mx: MxSet) -> None:
        self.provider.put(domain, mx)

    async def served(self, domain: str) -> MxSet | None:
        return self.provider.served(domain)

    async def lose_answer(self) -> None:
        self.provider.lose = 1

    async def throttle(self) -> None:
        self.provider.throttle = 1

    async def fail_at(self, domain: str) -> None:
        self.provider.fail.add(domain)

    def changes(self, domain: str) -> int | None:
        return self.provider.changes.get(domain, 0)


class TestStrong(Memory):
    """A host with a compare-and-swap."""


class TestWeak(Memory):
    """A host that compares versions."""

    guard = Guard.WEAK


class TestNone(Memory):
    """A host where the last writer wins."""

    guard = Guard.NONE


# -- the suite bites -------------------------------------------------------------------------------------------------


class NoProgress(MemoryWriter):
    progress = None  # type: ignore[assignment]


class ProvesWithABool(MemoryWriter):
    async def prove(self, orders):
        return [True for _ in orders]


class ProvesByDoing(MemoryWriter):
    async def prove(self, orders):
        for order in orders:
            self.provider.put(order.domain, order.new)
        return [Proof(o.domain, Permission.ALLOWED) for o in orders]


class ProvesAlways(MemoryWriter):
    async def prove(self, orders):
        return [Proof(o.domain, Permission.ALLOWED) for o in orders]


class DeletesFirst(MemoryWriter):
    async def _swap(self, order):
        if (no := self._no(order)) is not None:
            return no
        del self.provider.records[order.domain]
        await asyncio.sleep(0)
        self.provider.put(order.domain, order.new)
        return Sent(order.domain, SentState.ACCEPTED)


class IgnoresOld(MemoryWriter):
    def _stale(self, order):
        return False


class ChecksAPart(MemoryWriter):
    """The condition is that the old records are among those that stand there."""

    def _stale(self, order):
        there = self.provider.records.get(order.domain)
        return there is None or not (set(order.old.hosts) & set(there.hosts))


class SendsAgain(MemoryWriter):
    """As a client library with retries: the second try finds the first one's work."""

    async def _swap(self, order):
        sent = await super()._swap(order)
        return await super()._swap(order) if sent.state is SentState.LOST else sent


class CallsLostDone(MemoryWriter):
    async def _swap(self, order):
        sent = await super()._swap(order)
        return replace(sent, state=SentState.ACCEPTED) if sent.state is SentState.LOST else sent


class CallsLostRefused(MemoryWriter):
    async def _swap(self, order):
        sent = await super()._swap(order)
        return replace(sent, state=SentState.REFUSED) if sent.state is SentState.LOST else sent


class RaisesInMidBatch(MemoryWriter):
    async def _swap(self, order):
        sent = await super()._swap(order)
        if sent.code == "server":
            raise Transient("500")
        return sent


class StopsAtTheFirstError(MemoryWriter):
    async def swap(self, orders):
        out = []
        for order in orders:
            out.append(await self._swap(order))
            if out[-1].code == "server":
                break
        return out


class AnswersInAnotherOrder(MemoryWriter):
    async def read(self, domains):
        return sorted(await super().read(domains), key=lambda r: r.domain)


class MakesZones(MemoryWriter):
    async def _swap(self, order):
        self.provider.zones.add(order.domain)
        return await super()._swap(order)


class ReadsWithoutTtl(MemoryWriter):
    async def read(self, domains):
        found = await super().read(domains)
        return [replace(r, mx=MxSet(r.mx.hosts, 300)) if r.mx else r for r in found]


class RaisesTheTtl(MemoryWriter):
    async def _swap(self, order):
        order = replace(order, new=MxSet(order.new.hosts, max(order.new.ttl_s, self.settings.min_ttl)))
        return await super()._swap(order)


class ThrottledIsRefused(MemoryWriter):
    async def _swap(self, order):
        sent = await super()._swap(order)
        return replace(sent, state=SentState.REFUSED) if sent.state is SentState.THROTTLED else sent


class NeverEnds(MemoryWriter):
    async def swap(self, orders):
        await asyncio.Event().wait()


class OnlyAdds(MemoryWriter):
    """Puts the new records beside the old ones."""

    async def _swap(self, order):
        if (no := self._no(order)) is None:
            there = self.provider.records.get(order.domain, order.old)
            self.provider.put(order.domain, MxSet((*there.hosts, *order.new.hosts), order.new.ttl_s))
            return Sent(order.domain, SentState.ACCEPTED)
        return no


class BlindToWildcards(MemoryWriter):
    async def read(self, domains):
        return [replace(r, wildcard=None) for r in await super().read(domains)]


class ClosesOnce(MemoryWriter):
    closed = False

    async def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class SilentAboutRights(MemoryWriter):
    async def _swap(self, order):
        sent = await super()._swap(order)
        return replace(sent, state=SentState.ACCEPTED, message="") if sent.code == "permission" else sent


BROKEN = {
    NoProgress: "test_it_has_every_method_of_the_contract",
    ProvesWithABool: "test_it_answers_with_the_types_of_the_contract_in_the_order_asked",
    ProvesByDoing: "test_a_proof_changes_nothing",
    ProvesAlways: "test_a_credential_that_may_not_write_is_refused_and_says_so_beforehand",
    DeletesFirst: "test_nobody_ever_sees_a_domain_without_mx",
    IgnoresOld: "test_what_somebody_changed_since_the_read_is_not_overwritten",
    ChecksAPart: "test_what_somebody_changed_since_the_read_is_not_overwritten",
    SendsAgain: "test_a_lost_answer_is_lost_and_not_repeated",
    CallsLostDone: "test_a_lost_answer_is_lost_and_not_repeated",
    CallsLostRefused: "test_a_lost_answer_is_lost_and_not_repeated",
    RaisesInMidBatch: "test_an_error_in_mid_batch_concerns_that_domain_alone",
    StopsAtTheFirstError: "test_an_error_in_mid_batch_concerns_that_domain_alone",
    AnswersInAnotherOrder: "test_it_answers_with_the_types_of_the_contract_in_the_order_asked",
    MakesZones: "test_a_zone_that_is_not_there_is_said_and_never_made",
    ReadsWithoutTtl: "test_a_reading_is_what_stands_there",
    RaisesTheTtl: "test_a_ttl_that_the_host_does_not_take_is_refused_and_not_changed_silently",
    ThrottledIsRefused: "test_a_host_that_says_not_now_is_waited_for",
    NeverEnds: "test_a_swap_replaces_the_whole_set_and_its_ttl",
    OnlyAdds: "test_a_swap_replaces_the_whole_set_and_its_ttl",
    BlindToWildcards: "test_an_mx_from_a_wildcard_is_told_and_gets_a_record_of_its_own",
    ClosesOnce: "test_it_may_be_closed_twice_and_shows_no_secret",
    SilentAboutRights: "test_a_credential_that_may_not_write_is_refused_and_says_so_beforehand",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda b: b.__name__)
def test_a_back_end_that_breaks_its_contract_is_caught(broken) -> None:
    """Each by the test whose name says what it breaks; the whole example passes the same one (below)."""

    class Broken(Memory):
        writer = broken
        seconds = 0.5

    one = Broken()
    one.setup_method()
    try:
        with pytest.raises((AssertionError, AttributeError, TypeError, RuntimeError, Transient)):
            getattr(one, BROKEN[broken])()
    finally:
        one.teardown_method()


@pytest.mark.parametrize("guard", Guard)
def test_the_example_has_no_failure_of_its_own(guard) -> None:
    """What catches the broken ones is what they break."""

    class Whole(Memory):
        pass

    Whole.guard = guard
    assert failures(Whole) == {}


class Heir(Writer):
    """Everything but ``prove``, which it inherits from the contract."""

    def __init__(self, *given) -> None:
        self._real = MemoryWriter(*given)
        self.provider = self._real.provider

    capabilities = property(lambda self: self._real.capabilities)
    servers = property(lambda self: ())

    async def warm(self, domains):
        return await self._real.warm(domains)

    async def read(self, domains):
        return await self._real.read(domains)

    async def swap(self, orders):
        return await self._real.swap(orders)

    async def progress(self, sent):
        return await self._real.progress(sent)

    async def close(self):
        return None


class Shape:
    """Without the contract, and without ``prove``."""

    capabilities, servers = MemoryWriter.capabilities, ()
    __init__ = MemoryWriter.__init__
    warm, read, swap, progress, close = (
        MemoryWriter.warm,
        MemoryWriter.read,
        MemoryWriter.swap,
        MemoryWriter.progress,
        MemoryWriter.close,
    )


@pytest.mark.parametrize("writer", [Heir, Shape])
def test_a_method_that_is_missing_is_named(writer) -> None:
    """Also where a subclass of the contract inherits it."""
    suite = type("Broken", (Memory,), {"writer": writer})
    found = failures(suite, "test_it_has_every_method_of_the_contract")
    assert "prove: is missing" in found["test_it_has_every_method_of_the_contract"], found
