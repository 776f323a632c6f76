"""A host that can no longer be read after a write (its credential has just ended, say): its servers know what became of
it. And what is said of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from unit.mx.test_host import ORDER, Scripted
from unit.mx.worlds import DOMAIN, OTHER, PRIMARY, RELAY
from unit.plugins.actions.test_dns_mx_switch import ARGS, NAMES, World

from bcp.contracts.action import Happened
from bcp.contracts.dns import Answer, Guard, MxSet, Sent, SentState, Swap, SwapState, Trouble
from bcp.contracts.dns_settings import DnsSettings
from bcp.kernel.errors import PartlyDone
from bcp.mx.converge import Seen
from bcp.mx.host import Host
from bcp.mx.many import CARRIED, CARRYING, summary, told
from bcp.pages.words import words
from bcp.plugins.actions.dns_mx_switch import Switch
from bcp.testing.clock import FakeClock

ENDED = "Entra refuses our credential."


class Ended(Scripted):
    """Its credential ends with the first write: nothing can be read any more."""

    async def read(self, domains):
        found = await super().read(domains)
        if not self.sent:
            return found
        return [replace(r, mx=None, problem=ENDED, trouble=Trouble.NOT_ALLOWED) for r in found]


def swapped(writer, order, *served, patience="100ms"):
    clock = FakeClock()
    settings = DnsSettings.model_validate({"kind": "x", "settle": patience})
    host = Host("main", writer, settings, clock, {DOMAIN: DOMAIN})

    async def answers(domains):
        return [Answer(DOMAIN, f"192.0.2.{n}", *a) for n, a in enumerate(served)]

    host.answers = answers
    return asyncio.run(host.swap([order]))[0]


OLD_SERVED, NEW_SERVED, SILENT = (PRIMARY, 1, True), (RELAY, 1, True), (None, 0, False, "no answer")


@pytest.mark.parametrize(
    ("served", "state"),
    [
        ((NEW_SERVED, NEW_SERVED), SwapState.APPLIED),
        ((NEW_SERVED, SILENT), SwapState.APPLIED),
        ((NEW_SERVED, OLD_SERVED), SwapState.UNKNOWN),
        ((OLD_SERVED,), SwapState.UNKNOWN),
        ((SILENT,), SwapState.UNKNOWN),
        ((), SwapState.UNKNOWN),
    ],
)
@pytest.mark.parametrize("guard", [Guard.STRONG, Guard.WEAK])
def test_what_was_accepted_and_cannot_be_read_back_is_what_the_servers_serve(served, state, guard) -> None:
    swap = swapped(Ended(guard=guard), ORDER, *served)
    assert swap.state is state and "Entra refuses our credential" in swap.message
    assert swap.found == (RELAY if state is SwapState.APPLIED else None)


def test_a_lost_answer_is_no_change_of_ours_for_sure_and_a_no_stays_a_no() -> None:
    lost = Ended(Sent(DOMAIN, SentState.LOST, "silent", "no answer"))
    assert swapped(lost, ORDER, NEW_SERVED).state is SwapState.ALREADY
    no = Ended(Sent(DOMAIN, SentState.REFUSED, "credential", ENDED))
    assert swapped(no, ORDER, OLD_SERVED).state is SwapState.REFUSED


def test_a_ttl_alone_is_not_read_from_the_servers() -> None:
    order = replace(ORDER, new=MxSet(PRIMARY.hosts, 60))
    assert swapped(Ended(), order, (order.new, 1, True)).state is SwapState.UNKNOWN


def test_a_credential_that_ends_in_mid_run_leaves_some_moved_and_some_not_and_nobody_in_doubt() -> None:
    """The first was accepted; of the others the host says for sure that it was not asked."""
    world = World()
    plan, writer, sent = world.plan(), world.host.writer, []
    read, swap = writer.read, writer._swap

    async def blind(domains):
        found = await read(domains)
        return [replace(r, mx=None, problem=ENDED, trouble=Trouble.NOT_ALLOWED) if sent else r for r in found]

    async def ends(order):
        sent.append(order.domain)
        return await swap(order) if len(sent) == 1 else Sent(order.domain, SentState.REFUSED, "credential", ENDED)

    writer.read, writer._swap = blind, ends
    with pytest.raises(PartlyDone, match=r"NOT moved: two\.test: refused: .*the same: three\.test") as caught:
        world.perform(plan)
    states = caught.value.outputs["states"]
    assert states == {"one.test": "applied", "two.test": "refused", "three.test": "refused"}


def test_what_was_interrupted_is_found_at_the_servers_where_the_host_cannot_be_read() -> None:
    world = World()
    plan = world.plan()
    step = world.step(plan)

    async def blind(domains):
        found = await type(world.host.writer).read(world.host.writer, domains)
        return [replace(r, mx=None, problem=ENDED, trouble=Trouble.NOT_ALLOWED) for r in found]

    world.host.writer.read = blind
    for name in NAMES[:2]:
        world.provider.put(name, RELAY)
    found = asyncio.run(Switch().probe(ARGS, world.services, step))
    assert found.happened is Happened.UNKNOWN and found.detail.startswith("2 of 3 moved; ")
    world.provider.put(NAMES[2], RELAY)
    assert asyncio.run(Switch().probe(ARGS, world.services, step)).happened is Happened.YES
    world.provider.put(NAMES[2], OTHER)
    assert asyncio.run(Switch().probe(ARGS, world.services, step)).happened is Happened.UNKNOWN


def test_each_reason_is_said_once() -> None:
    no = [Swap(f"d{n}.test", SwapState.REFUSED, message="no") for n in range(4)]
    both = [no[0], Swap("x.test", SwapState.CONFLICT, message="other"), *no[1:]]
    assert told(both) == "d0.test: refused: no; the same: d1.test, d2.test, d3.test; x.test: conflict: other"


def test_a_host_that_still_carries_it_is_not_called_served_by_all() -> None:
    """One address may be many machines: all that were asked are not all that there are."""
    swaps = [Swap("a.test", SwapState.APPLIED, RELAY, CARRYING), Swap("b.test", SwapState.APPLIED, RELAY, "TTL 60")]
    text = summary(swaps, {"a.test": RELAY}, Seen(asked=4))
    assert text.endswith(f"; b.test: TTL 60; served by every authoritative address that was asked; {CARRIED}")
    assert summary(swaps[:1], {"a.test": RELAY}, Seen(("x",))).endswith(f"; NOT everywhere: x; {CARRIED}")
    assert summary(swaps[1:], {"a.test": RELAY}, Seen()).endswith("TTL 60; served by every authoritative address")


def test_what_is_said_of_a_host_that_still_carries_it_is_said_in_german_too() -> None:
    text = summary([Swap("a.test", SwapState.APPLIED, RELAY, CARRYING)], {"a.test": RELAY}, Seen(asked=4))
    assert "umgestellt, von jeder gefragten" in (said := words("de").told(text, "noted.")) and "alten MX" in said


def _behind(world, seconds):
    """What reads at this host is behind, by so much from the first write on; its servers are, too."""
    writer, began = world.host.writer, []
    read, swap, served = writer.read, writer._swap, world.answers
    behind = {n: world.provider.served(n) for n in NAMES}

    def late():
        return began and world.clock.monotonic() - began[0] < seconds

    async def sent(order):
        began.append(world.clock.monotonic())
        return await swap(order)

    async def reads(domains):
        return [replace(r, mx=behind[r.domain]) if late() else r for r in await read(domains)]

    async def answers(domains):
        return [replace(a, mx=behind[a.domain]) if late() else a for a in await served(domains)]

    writer._swap, writer.read, world.host.answers = sent, reads, answers
    return began


def test_a_change_that_was_accepted_is_waited_for_where_reading_is_behind() -> None:
    """*It did not happen* was said of it, and mail was at the relay without a way back."""
    world = World()
    plan = world.plan()
    began = _behind(world, 9.0)
    outcome = world.perform(plan)
    assert outcome.changed and set(outcome.outputs["states"].values()) == {"applied"} and len(began) == 3


def test_a_refused_condition_after_a_lost_answer_is_no_conflict_while_reading_is_behind() -> None:
    """The first one was made; what is read is old, and the second one is refused for that."""
    world = World()
    plan, writer = world.plan(), world.host.writer
    began = _behind(world, 9.0)
    swap, first = writer._swap, set()

    async def lost(order):
        told = await swap(order)
        fresh = order.domain not in first
        first.add(order.domain)
        return Sent(order.domain, SentState.LOST, "silent", "no answer") if fresh else told

    writer._swap = lost
    outcome = world.perform(plan)
    assert set(outcome.outputs["states"].values()) == {"already"} and len(began) == 6
