"""Many domains over several hosts: order, rate, faults of one host, what is said meanwhile, and the end of a run."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from unit.mx.worlds import PRIMARY, RELAY

from bcp.contracts.action import StepInfo
from bcp.contracts.dns import ByHand, Capabilities, Domain, Guard, Swap, SwapOrder, SwapState
from bcp.contracts.services import Halt
from bcp.kernel.errors import Refused, Transient
from bcp.mx.many import AT_ONCE, NOT_BEGUN, PORTION, SAY_EVERY_S, as_before, elsewhere, how_far, least_seconds, swap_all
from bcp.testing.clock import FakeClock


class Slow:
    """A host that takes ``each_s`` for one domain, and may break at one of its portions."""

    def __init__(self, clock, each_s=0.0, breaks=None, **promises) -> None:
        self.clock, self.each_s, self.breaks, self.capabilities = clock, each_s, breaks, Capabilities(**promises)
        self.portions: list[list[str]] = []

    async def swap(self, orders):
        self.portions.append([o.domain for o in orders])
        await self.clock.sleep(self.each_s * len(orders))
        if self.breaks == len(self.portions) - 1:
            raise Transient("the line is dead")
        return [Swap(o.domain, SwapState.APPLIED, o.new) for o in orders]


class Told(list):
    async def __call__(self, text: str) -> None:
        self.append(text)


def world(hosts, counts, **more):
    """``counts`` domains at each of ``hosts``, taken in turn as importance has them."""
    names = [(f"d{i}-{n}.test", n) for i in range(max(counts.values())) for n in hosts if i < counts[n]]
    domains = {d: Domain(d, n, PRIMARY) for d, n in names}
    clock = next(iter(hosts.values())).clock
    services = SimpleNamespace(clock=clock, dns=hosts, domains=domains, halt=Halt(), **more)
    return services, [SwapOrder(d, PRIMARY, RELAY) for d in domains]


def run(services, orders):
    """How each ended, and what was said."""
    told = Told()
    return asyncio.run(swap_all(orders, services, StepInfo("mx", "k", say=told), services.halt)), told


def test_all_of_them_in_order_and_hosts_apart() -> None:
    """Results as asked for; each host gets its own, the most important first, in portions."""
    clock = FakeClock()
    hosts = {"a": Slow(clock), "b": Slow(clock, calls_per_s=1000.0, burst=10_000, calls_a_zone=4)}
    services, orders = world(hosts, {"a": PORTION + 1, "b": AT_ONCE + 1})
    swaps, told = run(services, orders)
    assert [s.domain for s in swaps] == [o.domain for o in orders]
    assert all(s.state is SwapState.APPLIED for s in swaps) and not told
    for name, host in hosts.items():
        asked = [d for portion in host.portions for d in portion]
        assert asked == [o.domain for o in orders if o.domain.endswith(f"-{name}.test")]
    assert [len(p) for p in hosts["a"].portions] == [PORTION, 1]
    assert [len(p) for p in hosts["b"].portions] == [AT_ONCE, 1]


@pytest.mark.parametrize("at", [0, 1])
def test_a_host_that_breaks_stops_no_other(at) -> None:
    """Its portion is in doubt, because the change may have been sent; its other portions are tried, and so is the
    other host."""
    clock = FakeClock()
    hosts = {"a": Slow(clock, breaks=at), "b": Slow(clock)}
    services, orders = world(hosts, {"a": 2 * PORTION, "b": 3})
    swaps, _ = run(services, orders)
    broken = set(hosts["a"].portions[at])
    assert {s.domain for s in swaps if s.state is SwapState.UNKNOWN} == broken and len(broken) == PORTION
    assert {s.code for s in swaps if s.domain in broken} == {"fault"}
    assert all("the line is dead" in s.message for s in swaps if s.domain in broken)
    assert all(s.state is SwapState.APPLIED for s in swaps if s.domain not in broken)


def test_how_far_it_is_is_said_with_what_is_left_of_the_time() -> None:
    """Not at once, not twice in five seconds, and not when it is over."""
    clock = FakeClock()
    host = Slow(clock, each_s=SAY_EVERY_S / PORTION)
    services, orders = world({"a": host}, {"a": 4 * PORTION})
    _, told = run(services, orders)
    assert told == [
        "250 of 1000 domains moved; about 15s to go",
        "500 of 1000 domains moved; about 10s to go",
        "750 of 1000 domains moved; about 5s to go",
    ]


def test_a_run_that_is_ended_begins_no_further_portion() -> None:
    """What was sent was sent; the rest is refused, so that nobody waits for it to be found out."""
    clock = FakeClock()
    host = Slow(clock)
    services, orders = world({"a": host}, {"a": 2 * PORTION})
    sent, swap = [], host.swap

    async def then_end(part):
        services.halt.on = True
        sent.extend(o.domain for o in part)
        return await swap(part)

    host.swap = then_end
    swaps, _ = run(services, orders)
    assert [s.domain for s in swaps if s.state is SwapState.APPLIED] == sent and len(sent) == PORTION
    assert {(s.state, s.code) for s in swaps[PORTION:]} == {(SwapState.REFUSED, NOT_BEGUN)}


def test_the_line() -> None:
    """Who did not move is named, three of them at most."""
    assert how_far(0, [], 10, 1.0) == "0 of 10 domains moved; about an unknown time to go"
    assert how_far(1, ["a", "b", "c", "d"], 10, 10.0) == (
        "1 of 10 domains moved, not moved: a, b, c and 1 more; about 10s to go"
    )


def test_the_slowest_host_says_how_long_it_takes_at_least() -> None:
    """Hosts work side by side. A host without a limit, and domains that nobody moves, count nothing."""
    clock = FakeClock()
    hosts = {
        "a": Slow(clock),
        "b": Slow(clock, calls_a_zone=5, calls_per_s=1.0),
        "c": Slow(clock, calls_a_zone=5, calls_per_s=10.0),
    }
    services, orders = world(hosts, {"a": 100, "b": 3, "c": 10})
    assert least_seconds([o.domain for o in orders], services) == pytest.approx(15.0)
    assert least_seconds(["unknown.test"], services) == 0.0
    hands = ByHand(("alice",), (), str, give_up_s=600.0, appear_s=60.0)
    services.dns["a"].capabilities = Capabilities(guard=Guard.NONE, by_hand=hands)
    assert least_seconds([o.domain for o in orders], services) == pytest.approx(660.0), "people take their time"


@pytest.mark.parametrize(
    ("states", "apart"),
    [
        ({"a": SwapState.APPLIED, "b": SwapState.UNKNOWN}, True),
        ({"a": SwapState.ALREADY, "b": SwapState.UNKNOWN}, True),
        ({"a": SwapState.CONFLICT, "b": SwapState.UNKNOWN}, False),
        ({"a": SwapState.UNKNOWN, "b": SwapState.UNKNOWN}, False),
        ({"a": SwapState.APPLIED, "aa": SwapState.UNKNOWN}, False),
        ({"a": SwapState.APPLIED, "aa": SwapState.UNKNOWN, "b": SwapState.APPLIED}, True),
        ({"a": SwapState.APPLIED, "aa": SwapState.UNKNOWN, "b": SwapState.UNKNOWN}, False),
    ],
)
def test_doubt_at_another_host_than_what_moved(states, apart) -> None:
    """At the same host it may be the same fault: then all of it is in doubt."""
    swaps = [Swap(d, s) for d, s in states.items()]
    assert elsewhere(swaps, {"a": "one", "aa": "one", "b": "two"}) is apart


@pytest.mark.parametrize(
    ("swaps", "right"),
    [
        ([Swap("a.test", SwapState.UNKNOWN, PRIMARY)], True),
        ([Swap("a.test", SwapState.UNKNOWN, PRIMARY), Swap("b.test", SwapState.REFUSED)], True),
        ([Swap("a.test", SwapState.UNKNOWN, PRIMARY), Swap("b.test", SwapState.APPLIED, RELAY)], False),
        ([Swap("a.test", SwapState.UNKNOWN, RELAY)], False),
        ([Swap("a.test", SwapState.UNKNOWN)], False),
        ([Swap("a.test", SwapState.UNKNOWN, PRIMARY, code="mixed")], False),
    ],
)
def test_nothing_is_left_of_a_doubt_where_the_old_mx_was_read_at_last(swaps, right) -> None:
    """Then there is nothing to undo or to hold: a run that says that it holds would have mail at the relay."""
    assert as_before(swaps, {s.domain: PRIMARY.to_data() for s in swaps}) is right


@pytest.mark.parametrize(("each_s", "asked", "moved"), [(0.1, 1, 3 * PORTION), (1.0, 2, PORTION)])
def test_a_process_that_was_frozen_in_the_middle_judges_again_before_the_rest(each_s, asked, moved) -> None:
    """What took far longer than it has to: the service may be well meanwhile, and the rest stays where it is."""
    clock, judged = FakeClock(), list[float]()

    async def still() -> None:
        judged.append(clock.monotonic())
        if len(judged) > 1:
            raise Refused("not done, because the service works again", rule="no-longer-holds", hint="Look.")

    services, orders = world({"a": Slow(clock, each_s)}, {"a": 3 * PORTION})
    swaps = asyncio.run(swap_all(orders, services, StepInfo("mx", "k", say=Told(), still=still), services.halt))
    assert len(judged) == asked and sum(s.state is SwapState.APPLIED for s in swaps) == moved
    rest = {(s.state, s.message, s.hint, s.code) for s in swaps[moved:]}
    assert rest <= {(SwapState.REFUSED, "not done, because the service works again", "Look.", NOT_BEGUN)}


def test_what_a_rate_limit_takes_is_no_freeze() -> None:
    clock, judged = FakeClock(), list[int]()

    async def still() -> None:
        judged.append(1)

    hosts = {"a": Slow(clock, 1.0, calls_per_s=4.0, burst=1, calls_a_zone=4)}
    services, orders = world(hosts, {"a": 3 * AT_ONCE})
    asyncio.run(swap_all(orders, services, StepInfo("mx", "k", say=Told(), still=still), services.halt))
    assert len(judged) == 1
