"""Ours around any back end: reading back, sending again, faults of the back end, waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from unit.mx.worlds import DOMAIN, NULL, OTHER, PRIMARY, RELAY

from bcp.contracts.dns import (
    Capabilities,
    Guard,
    MxSet,
    Permission,
    Progress,
    Proof,
    Reading,
    Sent,
    SentState,
    Step,
    SwapOrder,
    SwapState,
    Trouble,
)
from bcp.contracts.dns_settings import DnsSettings
from bcp.contracts.plugin import PluginSettings
from bcp.kernel.errors import InDoubt, Invalid, Permanent, Refused, Transient
from bcp.mx.host import THROTTLE_TRIES, Host, make_host
from bcp.testing.clock import FakeClock
from bcp.testing.memory_dns import MemoryDns, MemorySettings, MemoryWriter

ORDER = SwapOrder(DOMAIN, PRIMARY, RELAY)


class Scripted(MemoryWriter):
    """Says what the script says, then does as the example does. ``sent`` counts what left."""

    def __init__(self, *script, guard=Guard.STRONG, **more) -> None:
        super().__init__("main", MemorySettings(kind="memory", guard=guard), FakeClock(), {})
        self.provider = MemoryDns({DOMAIN}, {DOMAIN: PRIMARY})
        self.script, self.sent, self.more = list(script), [], more

    @property
    def capabilities(self):
        return replace(super().capabilities, **self.more)

    async def _swap(self, order):
        self.sent.append(order)
        if self.script:
            said = self.script.pop(0)
            if isinstance(said, BaseException):
                raise said
            if said is not None:
                return said(self, order) if callable(said) else said
        return await super()._swap(order)


def run(writer, orders=(ORDER,), settle="100ms"):
    clock = FakeClock()
    host = Host("main", writer, DnsSettings.model_validate({"kind": "x", "settle": settle}), clock, {DOMAIN: DOMAIN})
    return asyncio.run(host.swap(list(orders))), clock, host


def lost(code="silent"):
    return Sent(DOMAIN, SentState.LOST, code, "no answer")


def made_and(sent):
    """The change is made, and the host says this."""

    def work(writer, order):
        writer.provider.put(order.domain, order.new)
        return sent

    return work


# -- lost answers ----------------------------------------------------------------------------------------------------


def test_a_lost_answer_to_a_change_that_was_made_is_read_and_never_repeated() -> None:
    writer = Scripted(made_and(lost()))
    (swap,), _, _ = run(writer)
    assert swap.state is SwapState.ALREADY and swap.found == RELAY and len(writer.sent) == 1


def test_a_lost_order_that_never_arrived_goes_out_once_more() -> None:
    """Behind the same guard: if the first still arrives, one of them is refused."""
    writer = Scripted(lost())
    (swap,), _, _ = run(writer)
    assert swap.state is SwapState.APPLIED and len(writer.sent) == 2


def test_twice_lost_is_in_doubt_and_no_third_goes_out() -> None:
    writer = Scripted(lost(), lost(), None)
    (swap,), _, _ = run(writer)
    assert swap.state is SwapState.UNKNOWN and swap.found == PRIMARY and len(writer.sent) == 2
    assert "it may still be applied" in swap.message


class Late(Scripted):
    """No answer, and the change is made so many readings later."""

    def __init__(self, after, guard) -> None:
        super().__init__(lost(), lost(), guard=guard)
        self.left = after

    async def read(self, domains):
        if self.sent:
            self.left -= 1
            if not self.left:
                self.provider.put(DOMAIN, RELAY)
        return await super().read(domains)


@pytest.mark.parametrize("guard", Guard)
def test_a_change_without_an_answer_that_appears_some_seconds_later_is_ours(guard) -> None:
    """A run that is called failed before it would have lost an MX that moves a moment later."""
    (swap,), clock, _ = run(Late(7, guard))
    assert swap.state is SwapState.ALREADY and clock.monotonic() < 16


def test_a_host_that_answered_with_an_error_is_not_waited_for() -> None:
    (swap,), clock, _ = run(Scripted(lost("server"), lost("server"), guard=Guard.WEAK))
    assert swap.state is SwapState.UNKNOWN and clock.monotonic() < 2


@pytest.mark.parametrize("guard", [Guard.WEAK, Guard.NONE])
def test_where_nothing_guards_it_a_lost_order_is_not_sent_again(guard) -> None:
    """Both could arrive, and the second over somebody else's change."""
    writer = Scripted(lost(), guard=guard)
    (swap,), _, _ = run(writer)
    assert swap.state is SwapState.UNKNOWN and len(writer.sent) == 1


@pytest.mark.parametrize("error", [TimeoutError(), OSError("reset"), ValueError("bug"), InDoubt("cut off")])
def test_an_exception_of_the_back_end_is_a_lost_answer(error) -> None:
    """It may have come after the change."""
    writer = Scripted(error)
    (swap,), _, _ = run(writer)
    assert swap.state is SwapState.APPLIED and len(writer.sent) == 2
    writer = Scripted(error, error)
    assert run(writer)[0][0].state is SwapState.UNKNOWN


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Transient("no way", hint="wait"), "unreachable"),
        (Permanent("no key", hint="key"), "fault"),
        (Refused("no", hint="h"), "fault"),
    ],
)
def test_an_error_of_the_tree_says_that_nothing_was_done(error, code) -> None:
    writer = Scripted(error)
    (swap,), _, _ = run(writer)
    assert (swap.state, swap.code, swap.message, swap.hint) == (SwapState.REFUSED, code, error.message, error.hint)
    assert len(writer.sent) == 1


def test_too_few_results_or_other_things_are_lost_for_all() -> None:
    class Short(Scripted):
        async def swap(self, orders):
            await super().swap(orders)
            return []

    class Odd(Scripted):
        async def swap(self, orders):
            await super().swap(orders)
            return [True for _ in orders]

    for kind in (Short, Odd):
        (swap,), _, _ = run(kind())
        assert swap.state is SwapState.ALREADY, "the change was made: it is found by reading"


# -- not now ---------------------------------------------------------------------------------------------------------


def throttled(seconds=2.0):
    return Sent(DOMAIN, SentState.THROTTLED, "throttled", "not now", retry_after_s=seconds)


@pytest.mark.parametrize("guard", Guard)
def test_a_host_that_says_not_now_is_waited_for(guard) -> None:
    writer = Scripted(throttled(7.0), guard=guard)
    (swap,), clock, _ = run(writer)
    assert swap.state is SwapState.APPLIED and len(writer.sent) == 2 and 7.0 <= clock.monotonic() < 9.0


def test_a_host_that_always_says_not_now_is_given_up_and_said() -> None:
    writer = Scripted(*[throttled(1.0)] * 20)
    (swap,), clock, _ = run(writer)
    assert (swap.state, swap.code, swap.found) == (SwapState.REFUSED, "throttled", PRIMARY)
    assert len(writer.sent) == THROTTLE_TRIES and clock.monotonic() < 10


def test_a_wait_beyond_our_patience_is_not_begun() -> None:
    """Cloudflare blocks for five minutes: the run says so instead of sleeping."""
    writer = Scripted(throttled(300.0))
    (swap,), clock, _ = run(writer)
    assert swap.state is SwapState.REFUSED and clock.monotonic() < 1 and len(writer.sent) == 1


def test_not_now_without_a_time_waits_a_second() -> None:
    (swap,), clock, _ = run(Scripted(throttled(0.0)))
    assert swap.state is SwapState.APPLIED and 1.0 <= clock.monotonic() < 2.0


# -- what it shows afterwards ----------------------------------------------------------------------------------------


class Slow(Scripted):
    """Accepts at once and shows it after some readings (inline signing)."""

    def __init__(self, after) -> None:
        super().__init__()
        self.left = after

    async def read(self, domains):
        found = await super().read(domains)
        if not self.sent or self.left <= 0:
            return found
        self.left -= 1
        return [replace(r, mx=PRIMARY) for r in found]


def test_an_accepted_change_that_shows_late_is_waited_for() -> None:
    (swap,), clock, _ = run(Slow(5), settle="4s")
    assert swap.state is SwapState.APPLIED and 0.1 < clock.monotonic() < 4


def test_an_accepted_change_that_never_shows_is_in_doubt() -> None:
    """Not a conflict: nobody else's set stands there."""
    writer = Slow(10_000)
    (swap,), clock, _ = run(writer, settle="4s")
    assert (
        (swap.state, swap.code) == (SwapState.UNKNOWN, "not-visible")
        and 4 <= clock.monotonic() < 6
        and len(writer.sent) == 1
    )


def test_a_swap_that_cannot_be_read_back_is_in_doubt() -> None:
    class Blind(Scripted):
        async def read(self, domains):
            if self.sent:
                raise Transient("no answer")
            return await super().read(domains)

    (swap,), _, _ = run(Blind())
    assert swap.state is SwapState.UNKNOWN and swap.message == "the change was sent, and no answer"


@pytest.mark.parametrize("guard", [Guard.WEAK, Guard.NONE])
def test_without_a_guard_it_is_read_once_more_and_who_was_overwritten_is_told(guard) -> None:
    class Raced(Scripted):
        reads = 0

        async def read(self, domains):
            self.reads += bool(self.sent)
            if self.reads == 2:
                self.provider.put(DOMAIN, OTHER)
            return await super().read(domains)

    (swap,), _, _ = run(Raced(guard=guard))
    assert swap.state is SwapState.CONFLICT and swap.found == OTHER and swap.change


class Mixing(Scripted):
    """Somebody adds a record between our reading and our batch, which the batch does not see. ``again``: and adds it
    again whenever it is taken away."""

    def __init__(self, extra=OTHER.hosts, again=False) -> None:
        super().__init__(guard=Guard.WEAK)
        self.extra, self.again = extra, again

    async def _swap(self, order):
        said = await super()._swap(order)
        if len(self.sent) == 1 or self.again:
            there = self.provider.records[order.domain]
            self.provider.put(order.domain, MxSet((*there.hosts, *self.extra), there.ttl_s))
        return said


def test_a_mixture_with_somebody_elses_records_is_taken_apart_and_theirs_stays() -> None:
    """The end is one of the two whole sets: what they had made of the old one."""
    writer = Mixing()
    (swap,), _, _ = run(writer)
    assert swap.state is SwapState.CONFLICT and "our records were taken out again" in swap.message
    stands = writer.provider.records[DOMAIN]
    assert set(stands.hosts) == {*PRIMARY.hosts, *OTHER.hosts} and stands.ttl_s == PRIMARY.ttl_s
    assert swap.found == stands and len(writer.sent) == 2


def test_a_mixture_that_cannot_be_taken_apart_is_in_doubt_and_says_what_to_set() -> None:
    writer = Mixing(again=True)
    writer.extra = (*OTHER.hosts, *RELAY.hosts)  # it puts our own back, too
    (swap,), _, _ = run(writer)
    assert (swap.state, swap.code) == (SwapState.UNKNOWN, "mixed")
    assert "records of both" in swap.message and f"Set {DOMAIN} by hand" in swap.hint


def test_the_hosts_id_of_the_change_is_kept() -> None:
    (swap,), _, _ = run(Scripted())
    assert swap.change == "change-1"


# -- before it is sent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new", [MxSet((), 300), NULL, MxSet(RELAY.hosts, 1)])
def test_an_order_that_may_not_be_is_not_sent_and_the_others_are(new) -> None:
    writer = Scripted(min_ttl_s=60)
    writer.provider.zones.add("two.test")
    writer.provider.records["two.test"] = PRIMARY
    swaps, _, _ = run(writer, [SwapOrder(DOMAIN, PRIMARY, new), SwapOrder("two.test", PRIMARY, RELAY)])
    assert [s.state for s in swaps] == [SwapState.REFUSED, SwapState.APPLIED]
    assert [o.domain for o in writer.sent] == ["two.test"] and writer.provider.records[DOMAIN] == PRIMARY


@pytest.mark.parametrize("more", [{"uses_token": True}, {"compares_ttl": True}, {"guard": Guard.NONE}])
def test_hosts_that_need_it_are_read_just_before_and_get_what_was_read(more) -> None:
    """With the TTL as it stands there now and the token of that reading."""
    guard = more.pop("guard", Guard.STRONG)
    writer = Scripted(guard=guard, **more)
    moved = MxSet(PRIMARY.hosts, 60)
    writer.provider.put(DOMAIN, moved)
    (swap,), _, _ = run(writer)
    assert swap.state is SwapState.APPLIED
    assert writer.sent[0].old == moved and writer.sent[0].token == "1"
    (again,), _, _ = run(writer, [replace(ORDER, old=PRIMARY)])
    assert again.state is SwapState.ALREADY and len(writer.sent) == 1
    (conflict,), _, _ = run(writer, [replace(ORDER, new=OTHER)])
    assert conflict.state is SwapState.CONFLICT and len(writer.sent) == 1


def test_no_orders_need_no_host() -> None:
    writer = Scripted()
    assert run(writer, [])[0] == []


# -- the rest of the host --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Invalid("the environment variable KEY is not set"), Permanent("no key")])
def test_without_a_key_it_is_not_allowed_and_nobody_is_advised_to_override(error) -> None:
    """*Could not be shown* would offer to go on without a key."""

    class Keyless(Scripted):
        async def prove(self, orders):
            raise error

    _, _, host = run(Scripted(), [])
    host.writer = Keyless()
    (proof,) = asyncio.run(host.prove([ORDER]))
    assert (proof.permission, proof.message) == (Permission.NOT_ALLOWED, error.message)


@pytest.mark.parametrize(
    ("error", "trouble", "said"),
    [
        (Transient("no answer"), Trouble.SILENT, "no answer"),
        (Permanent("no key"), Trouble.ERROR, "no key"),
        (TimeoutError(), Trouble.SILENT, "cannot be reached (TimeoutError)"),
        (OSError("x"), Trouble.SILENT, "cannot be reached (OSError)"),
        (KeyError("zone"), Trouble.ERROR, "fault in the DNS back end: KeyError"),
    ],
)
def test_a_fault_while_reading_is_each_domains_problem(error, trouble, said) -> None:
    class Broken(Scripted):
        async def read(self, domains):
            raise error

        async def prove(self, orders):
            raise error

        async def warm(self, domains):
            raise error

    _, _, host = run(Scripted(), [])
    host.writer = Broken()
    reading, other = asyncio.run(host.read([DOMAIN, "two.test"]))
    assert reading.trouble is trouble and said in reading.problem and reading.mx is None and reading.zone == DOMAIN
    assert other.domain == "two.test" and other.problem == reading.problem
    (proof,) = asyncio.run(host.prove([ORDER]))
    assert proof.permission is (Permission.NOT_ALLOWED if isinstance(error, Permanent) else Permission.CANNOT_SAY)
    assert said in proof.message
    assert said in asyncio.run(host.warm([DOMAIN])).problems[DOMAIN]
    assert asyncio.run(host.prove([])) == [] == asyncio.run(host.read([]))


class Stumbling(Scripted):
    """Its first reads fail so, each after so many seconds."""

    def __init__(self, *faults, takes=0.0) -> None:
        super().__init__()
        self.faults, self.takes, self.reads = list(faults), takes, 0

    async def read(self, domains):
        self.reads += 1
        await self.host_clock.sleep(self.takes)
        if self.faults:
            raise self.faults.pop(0)
        return await super().read(domains)


def read_at(writer):
    writer.host_clock = FakeClock()
    settings = DnsSettings.model_validate({"kind": "x"})
    return asyncio.run(Host("main", writer, settings, writer.host_clock, {DOMAIN: DOMAIN}).read([DOMAIN]))[0]


@pytest.mark.parametrize("error", [Transient("it says 502"), OSError("reset"), TimeoutError()])
def test_one_passing_error_is_read_over(error) -> None:
    """A gateway that coughs once refuses no plan."""
    writer = Stumbling(error)
    assert read_at(writer).mx == PRIMARY and writer.reads == 2


def test_after_four_passing_errors_it_is_the_domains_problem() -> None:
    writer = Stumbling(*[Transient(f"it says 50{n}") for n in range(5)])
    assert read_at(writer).problem == "it says 503" and writer.reads == 4
    assert 3.0 < writer.host_clock.monotonic() < 5.0


@pytest.mark.parametrize(("error", "takes"), [(Permanent("no such account"), 0.0), (TimeoutError(), 5.0)])
def test_a_lasting_error_and_one_that_took_long_are_not_asked_again(error, takes) -> None:
    writer = Stumbling(error, takes=takes)
    assert read_at(writer).mx is None and writer.reads == 1


def test_proofs_and_warmth_go_through() -> None:
    _, _, host = run(Scripted(), [])
    assert asyncio.run(host.prove([ORDER])) == [Proof(DOMAIN, Permission.ALLOWED)]
    assert asyncio.run(host.warm([DOMAIN])).zones == {DOMAIN: DOMAIN}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([Progress(DOMAIN, Step.PENDING)], "the host is still carrying it to its servers"),
        ([Progress(DOMAIN, Step.DONE)], ""),
        ([Progress(DOMAIN, Step.UNKNOWN)], ""),
        ([], ""),
        (Transient("x"), ""),
    ],
)
def test_a_host_that_reports_progress_is_asked_how_far_its_change_has_got(answer, said) -> None:
    """What it says is told; the swap stays what was read."""

    class Reporting(Scripted):
        async def progress(self, sent):
            assert [s.change for s in sent] == ["change-1"]
            if isinstance(answer, Exception):
                raise answer
            return answer

    (swap,), _, _ = run(Reporting(reports_progress=True))
    assert swap.state is SwapState.APPLIED and swap.message == said
    assert run(Reporting())[0][0].message == ""


def test_what_a_form_was_filled_with_is_what_the_servers_serve(monkeypatch) -> None:
    """A host without an interface shows nothing; its servers do, once they agree."""
    from bcp.contracts.dns import Answer

    _, _, host = run(Scripted(reads_back=False), [])
    served = [RELAY, RELAY]

    async def answers(domains):
        return [Answer(DOMAIN, f"192.0.2.{i}", m, 0, True) for i, m in enumerate(served)]

    monkeypatch.setattr(host, "answers", answers)
    assert asyncio.run(host.read([DOMAIN]))[0].mx == RELAY
    served[:] = [RELAY, PRIMARY]
    assert asyncio.run(host.read([DOMAIN]))[0].mx == PRIMARY, "they do not agree: what the host says stays"


def test_settings_that_lack_what_every_host_needs_are_refused() -> None:
    with pytest.raises(Invalid, match="DnsSettings"):
        make_host("main", Scripted(), PluginSettings(kind="odd"), FakeClock(), {})
    assert make_host("main", Scripted(), DnsSettings(kind="x"), FakeClock(), {}).capabilities == Capabilities()


def test_closing_closes_the_back_end() -> None:
    class Closing(Scripted):
        closed = 0

        async def close(self):
            self.closed += 1

    _, _, host = run(writer := Closing(), [])
    asyncio.run(host.close())
    assert writer.closed == 1


def test_a_reading_of_another_type_is_a_fault() -> None:
    class Odd(Scripted):
        async def read(self, domains):
            return ["10 relay.test."]

    _, _, host = run(Scripted(), [])
    host.writer = Odd()
    (reading,) = asyncio.run(host.read([DOMAIN]))
    assert isinstance(reading, Reading) and "fault in the DNS back end" in reading.problem


class Busy(Scripted):
    """Cannot say it so many times, as a host that is asked to slow down; then it can."""

    def __init__(self, times: int, **more) -> None:
        super().__init__(**more)
        self.times, self.proofs = times, 0

    async def prove(self, orders):
        self.proofs += 1
        if self.proofs <= self.times:
            return [Proof(o.domain, Permission.CANNOT_SAY, "slow down") for o in orders]
        return await super().prove(orders)


@pytest.mark.parametrize(
    ("writer", "permission", "asked"),
    [
        (Busy(0), Permission.ALLOWED, 1),
        (Busy(1), Permission.ALLOWED, 2),
        (Busy(2), Permission.ALLOWED, 3),
        (Busy(3), Permission.CANNOT_SAY, 3),
        (Busy(9, proves=False), Permission.CANNOT_SAY, 1),
    ],
)
def test_a_proof_that_a_busy_host_could_not_say_is_asked_for_again(writer, permission, asked) -> None:
    """A host that never can is not asked twice."""
    host = Host("main", writer, DnsSettings.model_validate({"kind": "memory"}), FakeClock(), {})
    (proof,) = asyncio.run(host.prove([ORDER]))
    assert (proof.permission, writer.proofs) == (permission, asked)


def test_a_back_end_that_keeps_to_its_limit_itself_is_not_held_back_from_outside() -> None:
    """Two brakes in a row would leave a part of the limit unused."""
    for paces in (True, False):
        writer = Scripted(paces=paces, calls_per_s=5.0, burst=5)
        host = Host("main", writer, DnsSettings.model_validate({"kind": "memory"}), FakeClock(), {})
        assert host._pace.limited is not paces
