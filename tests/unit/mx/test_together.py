"""Several hosts that serve one zone: all of them move or none does; a mixture is said, never left for granted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from unit.mx.worlds import OTHER, PRIMARY, RELAY
from unit.plugins.actions.test_dns_mx_switch import STEP
from unit.plugins.actions.test_dns_mx_switch import World as OneHost

from bcp.contracts.dns import Answer, Domain, Guard, HostFacts, MxSet, Permission, Serial, SwapOrder, SwapState, Trouble
from bcp.contracts.dns_settings import DnsSettings
from bcp.deeds.dns import policies
from bcp.kernel.errors import InDoubt, PartlyDone, Permanent, Transient
from bcp.mx.host import Host
from bcp.mx.joined import MIXED
from bcp.mx.together import Together
from bcp.plugins.actions.dns_mx_switch import Switch, SwitchArgs
from bcp.settings import load
from bcp.testing.clock import FakeClock
from bcp.testing.memory_dns import MemoryDns, MemorySettings, MemoryWriter
from bcp.wiring import make_app

NAMES = ("one.test", "two.test")
ORDERS = [SwapOrder(n, PRIMARY, RELAY) for n in NAMES]


class Hosts:
    """Providers with the same zones, and what they are together."""

    def __init__(self, guards=(Guard.STRONG, Guard.STRONG)) -> None:
        self.providers = [MemoryDns(set(NAMES), dict.fromkeys(NAMES, PRIMARY)) for _ in guards]
        self.writers = []
        self.clock = FakeClock()
        hosts = {}
        for name, provider, guard in zip(("host-a", "host-b", "host-c"), self.providers, guards, strict=False):
            writer = MemoryWriter(name, MemorySettings(kind="memory", guard=guard), self.clock, {})
            writer.provider = provider
            self.writers.append(writer)
            settings = DnsSettings.model_validate({"kind": "memory", "settle": "100ms"})
            hosts[name] = Host(name, writer, settings, self.clock, {})
        self.together = Together(hosts)

    def swap(self, *orders):
        return asyncio.run(self.together.swap(orders or ORDERS))

    def read(self, *names):
        return asyncio.run(self.together.read(names or NAMES))

    def mx(self, name=NAMES[0]):
        return [p.served(name) for p in self.providers]


@pytest.fixture(params=[(Guard.STRONG, Guard.WEAK), (Guard.WEAK, Guard.STRONG), (Guard.NONE, Guard.STRONG)])
def hosts(request) -> Hosts:
    return Hosts(request.param)


def test_a_switch_goes_to_all_of_them_and_back_from_all(hosts) -> None:
    swaps = hosts.swap()
    assert [s.state for s in swaps] == [SwapState.APPLIED] * 2 and "host-b: change-1" in swaps[0].change
    assert hosts.mx() == [RELAY, RELAY] and hosts.mx("two.test") == [RELAY, RELAY]
    assert [s.state for s in hosts.swap()] == [SwapState.ALREADY] * 2
    back = hosts.swap(*(SwapOrder(n, RELAY, PRIMARY) for n in NAMES))
    assert [s.state for s in back] == [SwapState.APPLIED] * 2 and hosts.mx() == [PRIMARY, PRIMARY]


def test_what_one_refuses_is_put_back_at_the_other_and_the_rest_moves(hosts) -> None:
    hosts.providers[1].fail.add("one.test")
    one, two = hosts.swap()
    assert (one.state, two.state) == (SwapState.REFUSED, SwapState.APPLIED) and one.code == "server"
    assert "host-b: the server failed; put back at host-a" in one.message
    assert hosts.mx() == [PRIMARY, PRIMARY] and hosts.mx("two.test") == [RELAY, RELAY]
    hosts.providers[1].fail.clear()
    assert hosts.swap()[0].state is SwapState.APPLIED, "and it may be tried again"


def test_whoever_moved_last_is_put_back_first() -> None:
    """What was sure first stays sure longest."""
    hosts, turns = Hosts((Guard.STRONG,) * 3), []
    hosts.providers[2].fail.add("one.test")

    def watched(name, real):
        async def swap(orders):
            turns.append((name, orders[0].new))
            return await real(orders)

        return swap

    for name, writer in zip("abc", hosts.writers, strict=True):
        writer.swap = watched(name, writer.swap)
    (swap,) = hosts.swap(ORDERS[0])
    assert swap.state is SwapState.REFUSED and hosts.mx() == [PRIMARY] * 3
    assert [name for name, new in turns if new == PRIMARY] == ["b", "a"]


def test_the_way_back_is_all_or_none_too(hosts) -> None:
    hosts.swap()
    hosts.providers[1].fail.add("one.test")
    (back,) = hosts.swap(SwapOrder("one.test", RELAY, PRIMARY))
    assert back.state is SwapState.REFUSED and hosts.mx() == [RELAY, RELAY]


def test_somebody_elses_change_at_one_is_touched_nowhere(hosts) -> None:
    hosts.providers[1].put("one.test", OTHER)
    before = [dict(p.changes) for p in hosts.providers]
    (swap,) = hosts.swap(ORDERS[0])
    assert swap.state is SwapState.CONFLICT and swap.found == OTHER and "host-b has" in swap.message
    assert [p.changes for p in hosts.providers] == before, "not even for a moment"


def test_a_host_that_cannot_be_read_stops_the_order_at_all_of_them() -> None:
    hosts = Hosts()
    hosts.providers[1].zones.discard("one.test")
    one, two = hosts.swap()
    assert one.state is SwapState.REFUSED and one.message.startswith("host-b: there is no zone")
    assert two.state is SwapState.APPLIED and hosts.mx()[0] == PRIMARY and hosts.providers[0].changes == {"two.test": 1}


def test_a_change_that_comes_between_is_a_conflict_and_put_back() -> None:
    """The first host moved; at the second somebody wrote after we had looked."""
    hosts = Hosts()
    real = hosts.writers[1].swap

    async def late(orders):
        hosts.providers[1].put("one.test", OTHER)
        return await real(orders)

    hosts.writers[1].swap = late
    (swap,) = hosts.swap(ORDERS[0])
    assert swap.state is SwapState.CONFLICT and swap.found == OTHER and "put back at host-a" in swap.message
    assert hosts.mx() == [PRIMARY, OTHER]


def test_where_putting_back_fails_it_is_called_a_mixture_with_what_to_do() -> None:
    hosts = Hosts()
    hosts.providers[1].fail.add("one.test")
    real = hosts.writers[0].swap

    async def once(orders):
        sent = await real(orders)
        hosts.providers[0].fail.add("one.test")
        return sent

    hosts.writers[0].swap = once
    (swap,) = hosts.swap(ORDERS[0])
    assert (swap.state, swap.code) == (SwapState.UNKNOWN, MIXED) and hosts.mx() == [RELAY, PRIMARY]
    assert "MIXTURE" in swap.message and "host-a was moved" in swap.message and "host-b was not" in swap.message
    assert f"at host-a to {PRIMARY}" in swap.hint and f"at host-b to {RELAY}" in swap.hint
    reading = hosts.read("one.test")[0]
    assert reading.hosts == (("host-a", RELAY), ("host-b", PRIMARY))
    hosts.providers[0].fail.clear()
    hosts.writers[0].swap = real
    (again,) = hosts.swap(ORDERS[0])
    assert again.state is SwapState.REFUSED and hosts.mx() == [PRIMARY, PRIMARY], "we moved it: we put it back"


def test_what_somebody_else_moved_is_not_put_back_by_us() -> None:
    hosts = Hosts()
    hosts.providers[0].put("one.test", RELAY)
    hosts.providers[1].fail.add("one.test")
    (swap,) = hosts.swap(ORDERS[0])
    assert (swap.state, swap.code) == (SwapState.UNKNOWN, MIXED) and hosts.mx() == [RELAY, PRIMARY]


def test_one_in_doubt_leaves_the_other_where_it_is_until_it_is_read() -> None:
    hosts = Hosts()

    async def fault(orders):
        raise RuntimeError("broken")

    hosts.together.hosts["host-b"].swap = fault
    (swap,) = hosts.swap(ORDERS[0])
    assert swap.state is SwapState.UNKNOWN and "broken" in swap.message
    assert f"host-a already has {RELAY}" in swap.message and hosts.mx() == [RELAY, PRIMARY]
    del hosts.together.hosts["host-b"].swap
    (again,) = hosts.swap(ORDERS[0])
    assert again.state is SwapState.APPLIED and hosts.mx() == [RELAY, RELAY]


@pytest.mark.parametrize("which", [0, 1])
def test_a_lost_answer_at_either_is_decided_by_reading(which) -> None:
    hosts = Hosts()
    hosts.providers[which].lose = 1
    assert hosts.swap(ORDERS[0])[0].state is SwapState.APPLIED and hosts.mx() == [RELAY, RELAY]
    assert [p.changes["one.test"] for p in hosts.providers] == [1, 1]


def test_of_many_writers_one_wins_at_all_of_them() -> None:
    """Each wants another relay. All go through the hosts in one order, so that the first host decides."""
    hosts = Hosts()
    wanted = [replace(RELAY, hosts=(RELAY.hosts[0]._replace(preference=p),)) for p in range(16)]

    async def race():
        both = [Together(hosts.together.hosts) for _ in wanted]
        return await asyncio.gather(
            *(t.swap([SwapOrder("one.test", PRIMARY, w)]) for t, w in zip(both, wanted, strict=True))
        )

    ends = [s.state for (s,) in asyncio.run(race())]
    assert ends.count(SwapState.APPLIED) == 1 and ends.count(SwapState.CONFLICT) == 15
    assert hosts.mx() == [wanted[ends.index(SwapState.APPLIED)]] * 2


def test_one_that_may_not_write_is_a_no_beforehand() -> None:
    hosts = Hosts()
    hosts.writers[1].settings = hosts.writers[1].settings.model_copy(update={"allowed": False})
    proof = asyncio.run(hosts.together.prove(ORDERS))[0]
    assert proof.permission is Permission.NOT_ALLOWED and proof.message.startswith("host-b: ") and proof.hint
    assert hosts.swap(ORDERS[0])[0].state is SwapState.REFUSED and hosts.mx() == [PRIMARY, PRIMARY]


def test_a_fault_while_it_is_read_is_nothing_sent() -> None:
    hosts = Hosts()

    async def silent(domains):
        raise OSError("no route")

    hosts.writers[0].read = silent
    reading = hosts.read("one.test")[0]
    assert reading.trouble is Trouble.SILENT and reading.problem.startswith("host-a: ")
    assert hosts.swap(ORDERS[0])[0].code == "unreadable-now" and hosts.mx() == [PRIMARY, PRIMARY]


# -- the action ------------------------------------------------------------------------------------------------------


class World(OneHost):
    """Two domains at two hosts; the servers of both are asked."""

    def __init__(self) -> None:
        super().__init__()
        self.both = Hosts()
        self.host = self.both.together
        for one in self.host.hosts.values():
            for name in ("look_up", "text", "tlsa", "signed", "delegations", "mta_sts"):
                setattr(one, name, getattr(self, name))
        for i, one in enumerate(self.host.hosts.values()):
            one.answers = lambda domains, i=i: self._serve(i, domains)
        domains = {n: Domain(n, "host-a+host-b", PRIMARY) for n in NAMES}
        self.services = SimpleNamespace(
            **{**vars(self.services), "domains": domains, "dns": {"host-a+host-b": self.host, **self.host.hosts}}
        )
        self.services.clock = self.both.clock

    async def _serve(self, i, domains):
        return [Answer(d, f"192.0.2.{i}", self.both.providers[i].served(d), 7, True) for d in domains]


ARGS = SwitchArgs(domains=list(NAMES), converge="1s")


def test_the_plan_shows_both_and_the_run_moves_and_undoes_both() -> None:
    world = World()
    plan = world.plan(ARGS)
    assert plan.refusals == () and [c.note.startswith("at host-a and host-b, or at none") for c in plan.changes] == [
        True,
        True,
    ]
    assert any("served by host-a and host-b: all of them are changed" in n for n in plan.notes)
    done = world.perform(plan, ARGS)
    assert done.outputs["everywhere"] and world.both.mx() == [RELAY, RELAY]
    world.undo(done.outputs, ARGS)
    assert world.both.mx() == [PRIMARY, PRIMARY]


def test_a_mixture_is_planned_over_and_comes_to_one_end() -> None:
    world = World()
    world.both.providers[0].put("one.test", RELAY)
    plan = world.plan(ARGS)
    assert any("MIXTURE" in n for n in plan.notes) and plan.refusals == ()
    assert plan.outputs["before"]["one.test"] == PRIMARY.to_data(), "what is replaced, not what is there already"
    world.perform(plan, ARGS)
    assert world.both.mx() == [RELAY, RELAY]


def test_hosts_that_disagree_about_something_else_are_refused() -> None:
    world = World()
    world.both.providers[1].put("one.test", OTHER)
    refused = {r.rule: r for r in world.plan(ARGS).refusals}
    assert "host-b has" in refused["dns.hosts-disagree"].message and not refused["dns.hosts-disagree"].overridable


def test_what_differs_by_its_ttl_alone_is_said_and_moved() -> None:
    world = World()
    world.both.providers[1].put("one.test", MxSet(PRIMARY.hosts, 7200))
    plan = world.plan(ARGS)
    assert plan.refusals == () and any("has several TTLs" in n for n in plan.notes)
    assert plan.outputs["before"]["one.test"]["ttl_s"] == 7200
    assert world.perform(plan, ARGS).outputs["everywhere"] and world.both.mx() == [RELAY, RELAY]


def test_a_run_whose_second_host_refuses_one_domain_says_so_and_leaves_no_mixture() -> None:
    world = World()
    plan = world.plan(ARGS)
    world.both.providers[1].fail.add("one.test")
    with pytest.raises(PartlyDone, match=r"NOT moved: one\.test: refused: host-b") as caught:
        world.perform(plan, ARGS)
    assert caught.value.outputs["left"]["one.test"] and world.both.mx() == [PRIMARY, PRIMARY]


def test_an_undo_of_a_mixture_ends_it() -> None:
    world = World()
    done = world.perform(world.plan(ARGS), ARGS)
    world.both.providers[0].put("one.test", PRIMARY)
    world.undo(done.outputs, ARGS)
    assert world.both.mx() == [PRIMARY, PRIMARY]
    world.both.providers[0].put("one.test", OTHER)
    world.both.providers[1].put("one.test", RELAY)
    with pytest.raises(Permanent, match=r"one\.test: changed since by somebody else"):
        world.undo(done.outputs, ARGS)
    assert world.both.mx() == [OTHER, RELAY]


def test_a_mixture_found_after_a_crash_is_not_taken_for_done_and_is_in_doubt_with_the_way_out() -> None:
    world = World()
    plan = world.plan(ARGS)
    world.both.providers[0].put("one.test", RELAY)
    found = asyncio.run(Switch().probe(ARGS, world.services, world.step(plan)))
    assert str(found.happened) == "no" and "guarded swap may be sent again" in found.detail
    for name in NAMES:
        world.both.providers[0].put(name, RELAY)
        world.both.providers[1].fail.add(name)
    with pytest.raises(InDoubt, match="MIXTURE") as caught:
        world.perform(plan, ARGS)
    assert "By hand, at once" in caught.value.hint
    assert STEP.attempt == 0


# -- what is looked up -----------------------------------------------------------------------------------------------


def test_names_are_looked_up_by_the_first_that_can() -> None:
    world = World()

    async def silent(name):
        raise Transient("no resolver answers")

    async def unknown(host):
        return HostFacts(host, problem="silent", trouble=Trouble.SILENT)

    first = world.host.hosts["host-a"]
    first.look_up, first.text, first.tlsa, first.mta_sts = unknown, silent, silent, silent
    assert asyncio.run(world.host.look_up("relay.test.")).addresses
    assert asyncio.run(world.host.text("x")) == () == asyncio.run(world.host.tlsa("x"))
    assert not asyncio.run(world.host.mta_sts("one.test")).announced
    world.host.hosts["host-b"].text = silent
    with pytest.raises(Transient):
        asyncio.run(world.host.text("x"))
    assert asyncio.run(world.host.warm(["one.test"])).zones == {"one.test": "one.test"}
    asyncio.run(world.host.close())


def test_serials_of_both_are_read_each_once() -> None:
    world = World()
    for i, one in enumerate(world.host.hosts.values()):

        async def serials(domains, i=i):
            return [Serial("one.test", "192.0.2.9", 1), Serial("one.test", f"192.0.2.{i}", i)]

        one.serials = serials
    found = asyncio.run(world.host.serials(["one.test"]))
    assert sorted((s.address, s.serial) for s in found) == [("192.0.2.0", 0), ("192.0.2.1", 1), ("192.0.2.9", 1)]


def test_the_configuration_names_several_hosts_and_they_are_one_to_whoever_acts(tmp_path) -> None:
    host = '{kind: rfc2136, server: "127.0.0.1:1", key: {name: bcp, secret: "env:X"}, depends_on: [%s]}'
    (tmp_path / "bcp.yaml").write_text(
        "version: 1\norganisation: {name: Corp}\ndomains: [{name: corp.test, dns: [main, second]}]\n"
        f"dns: {{second: {host % 'aws'}, main: {host % 'acme'}}}\n"
    )
    app = make_app(load(tmp_path / "bcp.yaml"), FakeClock())
    name = app.world.domains["corp.test"].dns
    assert list(app.world.dns) == ["second", "main", name] and name == "main+second"
    assert app.world.dns[name].capabilities.together == ("main", "second"), "in the order of the configuration"
    assert app.playbooks.catalogue().dns_fate == ("acme", "aws"), "it falls with either"
    found = policies(app)
    assert set(found) == {"main", "second"} and all("corp.test" in text for text in found.values())
