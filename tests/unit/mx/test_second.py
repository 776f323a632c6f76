"""A second way to the same zone: used where the first is of no use, never beside it, and said."""

from __future__ import annotations

import asyncio

import pytest
from unit.mx.worlds import OTHER, PRIMARY, RELAY

from bcp.contracts.dns import Guard, Permission, Proof, Reading, Sent, SentState, SwapOrder, SwapState, Trouble
from bcp.contracts.dns_settings import DnsSettings
from bcp.kernel.errors import Transient
from bcp.mx.check import second_way
from bcp.mx.host import Host
from bcp.mx.second import SecondWay
from bcp.testing.clock import FakeClock
from bcp.testing.memory_dns import MemoryDns, MemorySettings, MemoryWriter

NAMES = ("one.test", "two.test")
ORDERS = [SwapOrder(n, PRIMARY, RELAY) for n in NAMES]


class Door(MemoryWriter):
    """One way to the provider, which can be shut: for all, or after it has carried out an order."""

    down = ""
    """``""``; ``away``: nobody answers; ``no``: our credential is refused; ``after``: away once it has been asked."""
    sent = 0

    async def read(self, domains):
        if self.down in {"away", "gone"}:
            return [Reading(d, "", None, problem="no answer", trouble=Trouble.SILENT) for d in domains]
        if self.down == "no":
            return [Reading(d, "", None, problem="the key ended", trouble=Trouble.NOT_ALLOWED) for d in domains]
        return await super().read(domains)

    async def swap(self, orders):
        if self.down == "away":
            raise Transient("nobody answers")
        if self.down == "no":
            return [Sent(o.domain, SentState.REFUSED, "credential", "the key ended") for o in orders]
        self.sent += len(orders)
        if self.down.startswith("after"):
            if self.down == "after":
                await super().swap(orders)
            self.down = "gone"
            return [Sent(o.domain, SentState.LOST, "silent", "the answer was lost") for o in orders]
        return await super().swap(orders)


class Ways:
    """One provider with two doors."""

    def __init__(self, first=Guard.STRONG, second=Guard.STRONG) -> None:
        self.provider, self.clock = MemoryDns(set(NAMES), dict.fromkeys(NAMES, PRIMARY)), FakeClock()
        self.doors, hosts = [], []
        for name, guard in (("api", first), ("hidden", second)):
            door = Door(
                name, MemorySettings(kind="memory", guard=guard, min_ttl=60 if name == "api" else 30), self.clock, {}
            )
            door.provider = self.provider
            self.doors.append(door)
            settings = DnsSettings.model_validate({"kind": "memory", "settle": "100ms"})
            hosts.append((name, Host(name, door, settings, self.clock, {})))
        self.host = SecondWay(*hosts)

    def swap(self, *orders):
        return asyncio.run(self.host.swap(orders or ORDERS))

    def read(self):
        return asyncio.run(self.host.read(NAMES))

    def prove(self):
        return asyncio.run(self.host.prove(ORDERS))


def test_while_the_first_way_works_the_second_is_not_touched() -> None:
    ways = Ways()
    assert [r.detour for r in ways.read()] == ["", ""]
    assert [(s.state, s.message) for s in ways.swap()] == [(SwapState.APPLIED, "")] * 2
    assert ways.doors[1].sent == 0 and ways.provider.changes == {"one.test": 1, "two.test": 1}


@pytest.mark.parametrize("down", ["away", "no"])
@pytest.mark.parametrize("read_first", [True, False])
@pytest.mark.parametrize("guards", [(Guard.STRONG, Guard.WEAK), (Guard.WEAK, Guard.STRONG), (Guard.STRONG, Guard.NONE)])
def test_where_the_first_is_of_no_use_the_second_reads_and_writes_and_it_is_said(down, read_first, guards) -> None:
    """Whether that is known from reading or seen at the write; each domain is written once."""
    ways = Ways(*guards)
    ways.doors[0].down = down
    if read_first:
        found = ways.read()
        assert [r.mx for r in found] == [PRIMARY, PRIMARY] and "second way hidden, because api" in found[0].detour
        assert ways.host.capabilities.guard is guards[1]
    swaps = ways.swap()
    assert [s.state for s in swaps] == [SwapState.APPLIED] * 2
    assert all("by the second way hidden, because api is of no use now" in s.message for s in swaps)
    assert ways.doors[0].sent == 0 and ways.provider.changes == {"one.test": 1, "two.test": 1}


def test_it_goes_back_to_the_first_as_soon_as_that_can_be_read_again() -> None:
    ways = Ways()
    ways.doors[0].down = "away"
    ways.read()
    ways.doors[0].down = ""
    assert [r.detour for r in ways.read()] == ["", ""]
    ways.swap()
    assert (ways.doors[0].sent, ways.doors[1].sent) == (2, 0)


def test_what_the_first_refuses_for_the_order_is_not_tried_by_the_second() -> None:
    """A conflict, a failing server, a throttle: it was reached, and said no."""
    ways = Ways()
    ways.provider.put("one.test", OTHER)
    ways.provider.fail.add("two.test")
    one, two = ways.swap()
    assert (one.state, two.state, ways.doors[1].sent) == (SwapState.CONFLICT, SwapState.REFUSED, 0)


def test_somebody_elses_change_is_a_conflict_by_the_second_way_too() -> None:
    ways = Ways()
    ways.doors[0].down = "away"
    ways.provider.put("one.test", OTHER)
    one, two = ways.swap()
    assert one.state is SwapState.CONFLICT and one.found == OTHER and two.state is SwapState.APPLIED


def test_what_was_sent_and_cannot_be_read_any_more_is_read_by_the_second_before_anything_is_sent() -> None:
    ways = Ways()
    ways.doors[0].down = "after"
    assert [s.state for s in ways.swap()] == [SwapState.ALREADY] * 2
    assert ways.doors[1].sent == 0 and ways.provider.changes == {"one.test": 1, "two.test": 1}


@pytest.mark.parametrize(
    ("guards", "state", "sent"),
    [((Guard.STRONG, Guard.STRONG), SwapState.APPLIED, 1), ((Guard.STRONG, Guard.WEAK), SwapState.UNKNOWN, 0)],
)
def test_a_lost_order_goes_once_more_only_where_both_ways_refuse_a_stale_one(guards, state, sent) -> None:
    """It never arrived, which nobody can know."""
    ways = Ways(*guards)
    ways.doors[0].down = "after-nothing"
    (swap,) = ways.swap(ORDERS[0])
    assert swap.state is state and ways.doors[1].sent == sent
    assert ways.provider.served("one.test") == (RELAY if sent else PRIMARY)


def test_where_neither_can_be_read_both_reasons_are_said_and_nothing_is_sent() -> None:
    ways = Ways()
    ways.doors[0].down, ways.doors[1].down = "away", "no"
    assert ways.read()[0].problem == "no answer; by the second way hidden: the key ended"
    assert [s.state for s in ways.swap()] == [SwapState.REFUSED] * 2 and not ways.provider.changes
    ways = Ways()
    ways.doors[0].down, ways.doors[1].down = "after", "away"
    assert [s.state for s in ways.swap()] == [SwapState.UNKNOWN] * 2 and ways.doors[1].sent == 0


def test_the_second_way_is_proved_while_the_first_works() -> None:
    ways = Ways()
    found = asyncio.run(ways.host.prove_second(ORDERS))
    assert [p.permission for p in found] == [Permission.ALLOWED] * 2 and second_way(found[0], "hidden").state == "ok"
    ways.doors[1].down = "no"
    (found, _) = asyncio.run(ways.host.prove_second(ORDERS))
    line = second_way(found, "hidden")
    assert (line.state, line.rule) == ("fail", "dns.second-way") and "the key ended" in line.message
    assert second_way(Proof("a", Permission.CANNOT_SAY), "x").state == "warn"


def test_a_way_to_another_zone_is_no_second_way() -> None:
    ways = Ways()
    ways.doors[1].provider = MemoryDns(set(NAMES), dict.fromkeys(NAMES, OTHER))
    (found, _) = asyncio.run(ways.host.prove_second(ORDERS))
    assert found.permission is Permission.NOT_ALLOWED and "same zone" in found.hint


def test_what_it_promises_is_what_the_way_that_is_gone_does() -> None:
    ways = Ways(Guard.STRONG, Guard.WEAK)
    assert ways.host.capabilities.guard is Guard.STRONG and ways.host.capabilities.min_ttl_s == 60
    assert [p.permission for p in ways.prove()] == [Permission.ALLOWED] * 2
    ways.doors[0].down = "away"
    ways.read()
    assert ways.host.capabilities.guard is Guard.WEAK and ways.host.capabilities.min_ttl_s == 60
    assert [p.permission for p in ways.prove()] == [Permission.CANNOT_SAY] * 2
