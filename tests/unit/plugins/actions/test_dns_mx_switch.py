"""``dns.mx.switch``: what it plans, what it does when one of several domains does not move, and how it is undone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from unit.mx.worlds import NULL, OTHER, PRIMARY, RELAY

from bcp.contracts.action import Happened, StepInfo
from bcp.contracts.dns import (
    Answer,
    ByHand,
    Capabilities,
    Chain,
    Domain,
    Guard,
    MxHost,
    MxSet,
    Reading,
    Signed,
    Swap,
    SwapState,
    Trouble,
    Wildcard,
)
from bcp.contracts.dns_settings import DnsSettings
from bcp.contracts.services import Halt
from bcp.engine.dry import DryDns
from bcp.kernel.errors import InDoubt, Invalid, PartlyDone, Permanent, Transient
from bcp.mx.converge import Seen
from bcp.mx.host import Host
from bcp.mx.many import summary, told
from bcp.plugins.actions.dns_mx_check import CheckArgs, MxCheck
from bcp.plugins.actions.dns_mx_switch import Switch, SwitchArgs, _interrupted, _Plan
from bcp.testing.clock import FakeClock
from bcp.testing.memory_dns import MemoryDns, MemorySettings, MemoryWriter

NAMES = ("one.test", "two.test", "three.test")
STEP = StepInfo("mx", "run/mx#0")
ARGS = SwitchArgs(domains=list(NAMES), converge="1s")


class World:
    """Three domains at one host in memory; its servers serve what it has."""

    def __init__(self, guard=Guard.STRONG, **relays) -> None:
        self.provider = MemoryDns(set(NAMES), dict.fromkeys(NAMES, PRIMARY))
        self.clock = FakeClock()
        writer = MemoryWriter("main", MemorySettings(kind="memory", guard=guard), self.clock, {})
        writer.provider = self.provider
        self.host = Host(
            "main", writer, DnsSettings.model_validate({"kind": "memory", "settle": "100ms"}), self.clock, {}
        )
        for name in ("look_up", "text", "tlsa", "signed", "delegations", "mta_sts", "answers"):
            setattr(self.host, name, getattr(self, name))
        self.services = SimpleNamespace(
            clock=self.clock,
            dry=False,
            domains={n: Domain(n, "main", PRIMARY) for n in NAMES},
            dns={"main": self.host},
            relays=relays or {"mx-backup": SimpleNamespace(mx=RELAY.hosts)},
            recorded={},
            accepted=None,
            inside=None,
            halt=Halt(),
        )

    async def answers(self, domains):
        return [Answer(d, "192.0.2.1", self.provider.served(d), 0, True) for d in domains]

    async def look_up(self, host):
        from bcp.contracts.dns import HostFacts

        return HostFacts(host, ("192.0.2.9",))

    async def text(self, name):
        return ()

    async def tlsa(self, host):
        return ()

    async def signed(self, domains):
        from bcp.contracts.dns import Signed

        return [Signed() for _ in domains]

    async def delegations(self, domains):
        from bcp.contracts.dns import Delegation

        return [Delegation(d) for d in domains]

    async def mta_sts(self, domain):
        from bcp.contracts.dns import StsPolicy

        return StsPolicy()

    def plan(self, args=ARGS):
        return asyncio.run(Switch().plan(args, self.services, STEP))

    def step(self, plan):
        return replace(STEP, extra={"outputs": plan.outputs})

    def perform(self, plan, args=ARGS):
        return asyncio.run(Switch().perform(args, self.services, self.step(plan)))

    def undo(self, outputs, args=ARGS):
        return asyncio.run(Switch().undo(args, outputs, self.services, STEP))

    @property
    def mx(self):
        return [self.provider.served(n) for n in NAMES]


# -- planning --------------------------------------------------------------------------------------------------------


def test_a_plan_shows_before_and_after_of_every_domain() -> None:
    plan = World().plan()
    assert [(c.target, c.before, c.after) for c in plan.changes] == [
        (f"MX {n}.", str(PRIMARY), str(RELAY)) for n in NAMES
    ]
    assert (
        plan.refusals == ()
        and plan.outputs["after"]["one.test"] == RELAY.to_data()
        and plan.outputs["old_ttl_s"] == 3600
    )
    assert plan.facts == {"mx": {n: PRIMARY.to_data() for n in NAMES}} and plan.outputs["safe_at"] == 0
    assert all(c.felt_after_s == 3600.0 and "caches keep the old MX for up to 1h" in c.note for c in plan.changes)


def test_one_unsound_domain_refuses_the_plan_and_the_others_are_still_shown() -> None:
    world = World()
    world.provider.records["two.test"] = NULL
    plan = world.plan()
    assert [r.rule for r in plan.refusals] == ["dns.null-mx"] and len(plan.changes) == 2


def test_a_domain_that_points_there_already_is_said_and_left_alone() -> None:
    world = World()
    world.provider.records["two.test"] = RELAY
    plan = world.plan()
    assert len(plan.changes) == 2 and f"two.test points there already: {RELAY}" in plan.notes
    outcome = world.perform(plan)
    assert "two.test" not in outcome.outputs["states"] and world.provider.changes == {"one.test": 1, "three.test": 1}


def test_nothing_to_do_is_an_unchanged_step() -> None:
    world = World()
    world.provider.records.update(dict.fromkeys(NAMES, RELAY))
    outcome = world.perform(world.plan())
    assert not outcome.changed and outcome.summary.startswith("3 domain(s) point to") and world.provider.changes == {}


def test_a_host_without_compare_and_swap_says_so_beside_each_change() -> None:
    plan = World(Guard.NONE).plan()
    assert {c.note for c in plan.changes} == {"no compare-and-swap on this provider"}
    assert any("no compare-and-swap on this provider" in n for n in plan.notes)


@pytest.mark.parametrize(("to", "relay"), [("relay", ""), ("relay", "c"), ("c", "")])
def test_a_relay_that_is_not_clear_is_our_input(to, relay) -> None:
    two = {"a": SimpleNamespace(mx=RELAY.hosts), "b": SimpleNamespace(mx=OTHER.hosts)}
    with pytest.raises(Invalid, match="relay"):
        World(**two).plan(SwitchArgs(domains=list(NAMES), to=to, relay=relay))


def test_the_way_back_needs_no_relay() -> None:
    world = World(a=SimpleNamespace(mx=RELAY.hosts), b=SimpleNamespace(mx=OTHER.hosts))
    world.provider.records.update(dict.fromkeys(NAMES, RELAY))
    assert len(world.plan(SwitchArgs(domains=list(NAMES), to="before")).changes) == 3


def test_which_facts_it_makes_true_depends_on_the_way() -> None:
    assert Switch().claims_facts(ARGS) == ("mx-on-relay",)
    for to in ("before", "primary"):
        assert Switch().claims_facts(SwitchArgs(domains=[], to=to)) == ("mx-on-primary",)


# -- one of several --------------------------------------------------------------------------------------------------


def test_one_domains_conflict_leaves_the_others_where_they_were_moved() -> None:
    """Undoing them would send their mail back to what is down."""
    world = World()
    plan = world.plan()
    world.provider.put("two.test", OTHER)
    with pytest.raises(PartlyDone, match="2 of 3 domain") as caught:
        world.perform(plan)
    assert world.mx == [RELAY, OTHER, RELAY]
    outputs = caught.value.outputs
    assert outputs["states"] == {"one.test": "applied", "two.test": "conflict", "three.test": "applied"}
    assert outputs["left"]["two.test"]["state"] == "conflict" and str(OTHER) in outputs["left"]["two.test"]["why"]
    assert "NOT moved: two.test" in caught.value.message and not outputs["everywhere"] and outputs["lagging"] == []


def test_its_undo_puts_back_what_it_moved_and_does_not_speak_of_the_other() -> None:
    """The run never changed it: there is nothing to advise."""
    world = World()
    plan = world.plan()
    world.provider.put("two.test", OTHER)
    with pytest.raises(PartlyDone) as caught:
        world.perform(plan)
    outcome = world.undo(caught.value.outputs)
    assert world.mx == [PRIMARY, OTHER, PRIMARY] and outcome.summary == "2 domain(s) put back"


class TwoHosts(World):
    """``three.test`` is kept at another host, which nobody reaches."""

    def __init__(self, trouble=Trouble.UNREACHABLE) -> None:
        super().__init__()

        class Dead:
            capabilities = Capabilities()

            async def read(self, domains):
                return [Reading(d, "", None, problem="it cannot be reached", trouble=trouble) for d in domains]

            async def swap(self, orders):
                raise AssertionError("nothing is sent for a domain that no plan has")

        self.services.dns["dead"] = Dead()
        self.services.domains["three.test"] = Domain("three.test", "dead", PRIMARY)


@pytest.mark.parametrize("trouble", [Trouble.UNREACHABLE, Trouble.SILENT, Trouble.NOT_ALLOWED])
def test_a_host_that_is_dead_from_the_beginning_does_not_hold_up_the_others(trouble) -> None:
    """Its domains are named in the plan, and again when it has run; the step ends as partly done."""
    world = TwoHosts(trouble)
    plan = world.plan()
    assert [c.target for c in plan.changes] == ["MX one.test.", "MX two.test."] and plan.refusals == ()
    assert any("dead is LEFT OUT (three.test): it cannot be reached" in n for n in plan.notes)
    assert set(plan.facts["mx"]) == {"one.test", "two.test"}
    with pytest.raises(PartlyDone, match="2 of 3 domain") as caught:
        world.perform(plan)
    assert world.mx == [RELAY, RELAY, PRIMARY] and "NOT moved: three.test" in caught.value.message
    outputs = caught.value.outputs
    assert set(outputs["left"]) == {"three.test"} and not outputs["everywhere"] and "Plan again" in caught.value.hint
    assert world.undo(outputs).summary == "2 domain(s) put back" and world.mx == [PRIMARY] * 3


def test_a_doubt_about_such_a_plan_is_settled_by_reading_what_it_has() -> None:
    world = TwoHosts()
    plan = world.plan()
    for name in ("one.test", "two.test"):
        world.provider.put(name, RELAY)
    found = asyncio.run(Switch().probe(ARGS, world.services, world.step(plan)))
    assert found.happened is Happened.YES and set(found.outcome.outputs["left"]) == {"three.test"}


def test_what_is_in_doubt_is_told_with_what_moved() -> None:
    world = World()
    plan = world.plan()
    world.provider.put("one.test", RELAY)
    real = world.host.read

    async def read(domains):
        return [
            r if r.domain == "one.test" else Reading(r.domain, "", None, problem="broke off", trouble=Trouble.SILENT)
            for r in await real(domains)
        ]

    world.host.read = read
    found = asyncio.run(Switch().probe(ARGS, world.services, world.step(plan)))
    assert found.happened is Happened.UNKNOWN
    assert found.detail == "1 of 3 moved; not known (two.test, three.test): broke off"


@pytest.mark.parametrize("trouble", [Trouble.NO_ZONE, Trouble.TWO_ZONES, Trouble.ERROR])
def test_what_is_wrong_with_a_domain_itself_is_refused_as_before(trouble) -> None:
    assert len(TwoHosts(trouble).plan().refusals) == 1


def test_where_no_host_can_be_read_nobody_is_left_out() -> None:
    world = TwoHosts()
    args = SwitchArgs(domains=["three.test"])
    assert [r.rule for r in world.plan(args).refusals] == ["dns.silent"]


def test_a_look_beforehand_names_the_host_that_cannot_be_asked_and_goes_on() -> None:
    world = TwoHosts()
    outcome = asyncio.run(MxCheck().perform(CheckArgs(domains=list(NAMES)), world.services, STEP))
    assert set(outcome.outputs["mx"]) == {"one.test", "two.test"} and outcome.outputs["writable"]
    assert "dead is LEFT OUT (three.test)" in outcome.summary
    with pytest.raises(Transient, match="cannot be reached"):
        asyncio.run(MxCheck().perform(CheckArgs(domains=["three.test"]), world.services, STEP))


def test_when_none_moved_the_step_fails() -> None:
    world = World()
    plan = world.plan()
    for name in NAMES:
        world.provider.put(name, OTHER)
    with pytest.raises(Permanent, match=r"one\.test: conflict") as caught:
        world.perform(plan)
    assert not isinstance(caught.value, PartlyDone) and world.mx == [OTHER] * 3
    assert not caught.value.outputs, "a run whose switch left nothing has nothing to undo, and nothing to hold"


def test_what_may_pass_is_a_passing_failure() -> None:
    """The step's own retry has something to try."""
    world = World()
    plan = world.plan()
    world.provider.throttle = 1000
    with pytest.raises(Transient, match="not now"):
        world.perform(plan)


def test_one_in_doubt_is_in_doubt() -> None:
    world = World()
    plan = world.plan()

    async def swap(orders):
        states = [SwapState.APPLIED, SwapState.UNKNOWN, SwapState.CONFLICT]
        return [Swap(o.domain, s, message="m") for o, s in zip(orders, states, strict=True)]

    world.host.swap = swap
    with pytest.raises(InDoubt, match=r"two\.test") as caught:
        world.perform(plan)
    assert caught.value.outputs["states"]["one.test"] == "applied" and not caught.value.outputs["everywhere"]


@pytest.mark.parametrize(
    ("attempt", "found", "outcome"),
    [
        (0, PRIMARY, Permanent),
        (1, PRIMARY, InDoubt),
        (2, PRIMARY, InDoubt),
        (1, OTHER, Permanent),
        (1, None, Permanent),
    ],
)
def test_a_condition_that_is_refused_to_a_repeat_may_have_been_made_by_the_first(attempt, found, outcome) -> None:
    """What reads the old set then is a cache, or lies. What somebody else wrote is a conflict, however often."""
    world = World()
    plan = world.plan()

    async def swap(orders):
        return [Swap(o.domain, SwapState.CONFLICT, found, "m", "h", "stale") for o in orders]

    world.host.swap = swap
    with pytest.raises(outcome, match="earlier attempt" if outcome is InDoubt else "m"):
        asyncio.run(Switch().perform(ARGS, world.services, replace(world.step(plan), attempt=attempt)))


def test_what_was_sent_twice_in_vain_is_not_sent_a_third_time() -> None:
    """The old set still reads: a person looks at the host."""
    world = World()
    again = replace(world.step(world.plan()), attempt=1)
    found = asyncio.run(Switch().probe(ARGS, world.services, again))
    assert found.happened is Happened.UNKNOWN and "twice" in found.detail


def test_a_long_list_of_failures_is_cut() -> None:
    text = told([Swap(f"d{i}.test", SwapState.CONFLICT, message="m") for i in range(7)])
    assert text.endswith("; and 2 more") and "d4.test" in text and "d5.test" not in text


# -- wildcards -------------------------------------------------------------------------------------------------------


def test_a_domain_from_a_wildcard_gets_its_own_record_and_keeps_it_on_the_way_back() -> None:
    world = World()
    del world.provider.records["two.test"]
    world.provider.wildcards["*.test"] = PRIMARY
    plan = world.plan()
    assert plan.refusals == () and plan.outputs["created"] == {"two.test": "*.test"}
    assert "from the wildcard *.test" in plan.changes[1].before
    outcome = world.perform(plan)
    assert outcome.outputs["states"]["two.test"] == "applied" and world.provider.records["two.test"] == RELAY
    world.undo(outcome.outputs)
    assert world.provider.records["two.test"] == PRIMARY, "a record of its own, never a deletion"


# -- in doubt, and undone --------------------------------------------------------------------------------------------


def test_the_probe_finds_what_was_done_and_sends_again_what_was_not() -> None:
    world = World()
    plan = world.plan()
    probe = lambda: asyncio.run(Switch().probe(ARGS, world.services, world.step(plan)))  # noqa: E731
    assert probe().happened is Happened.NO
    world.perform(plan)
    found = probe()
    assert found.happened is Happened.YES and found.outcome.outputs["states"] == dict.fromkeys(NAMES, "already")
    world.provider.records["three.test"] = OTHER
    assert probe().happened is Happened.NO
    world.provider.zones.discard("three.test")
    assert probe().happened is Happened.UNKNOWN


def test_a_host_that_shows_the_old_mx_while_the_new_one_is_served_is_in_doubt() -> None:
    """It lies, or what reads it is a cache: *it did not happen* would leave mail at the relay, and no way back."""
    world = World()
    plan = world.plan()
    world.perform(plan)

    async def read(domains):
        return [Reading(d, d, PRIMARY) for d in domains]

    world.host.read = read
    found = asyncio.run(Switch().probe(ARGS, world.services, world.step(plan)))
    assert found.happened is Happened.UNKNOWN and f"192.0.2.1 serves {RELAY}" in found.detail


def test_a_host_without_any_condition_that_says_what_no_server_serves_is_in_doubt() -> None:
    """It may show what it was told, and not what it has. Its probe does not believe it either."""
    world = World(guard=Guard.NONE)
    plan = world.plan()

    async def answers(domains):
        return [Answer(d, "192.0.2.1", PRIMARY) for d in domains]

    world.host.answers = answers
    with pytest.raises(InDoubt, match="no authoritative server serves it") as caught:
        world.perform(plan)
    assert caught.value.outputs["states"]["one.test"] == "applied"
    found = asyncio.run(Switch().probe(ARGS, world.services, world.step(plan)))
    assert found.happened is Happened.UNKNOWN and "192.0.2.1 serves" in found.detail


def test_what_was_never_answered_and_reads_as_before_leaves_nothing_to_hold() -> None:
    """With outputs the run would hold, and say of mail that never moved that it was left where it is."""
    world = World()
    plan = world.plan()

    async def swap(orders):
        return [Swap(o.domain, SwapState.UNKNOWN, o.old, "no answer") for o in orders]

    world.host.swap = swap
    with pytest.raises(InDoubt) as caught:
        world.perform(plan)
    assert not caught.value.outputs


def test_a_domain_without_any_mx_is_in_doubt_and_nothing_is_sent_again() -> None:
    """A host that deletes before it creates leaves it so: somebody has to look, and it is said what to set."""
    world = World()
    plan = world.plan()
    world.provider.records["two.test"] = None
    found = asyncio.run(Switch().probe(ARGS, world.services, world.step(plan)))
    assert found.happened is Happened.UNKNOWN
    assert found.detail.startswith("two.test has no MX at all. Mail for two.test fails: set its MX by hand at once")


def test_undo_where_no_mx_is_left_says_what_to_set_at_once() -> None:
    """A host that deletes before it creates leaves it so: that is nobody else's change, and nothing to leave alone."""
    world = World()
    outcome = world.perform(world.plan())
    world.provider.records["two.test"] = None
    with pytest.raises(Permanent) as caught:
        world.undo(outcome.outputs)
    assert "two.test: it has no MX at all" in caught.value.message and "somebody else" not in caught.value.message
    assert caught.value.hint == f"Mail for two.test fails: set its MX at once to {PRIMARY}."


@pytest.mark.parametrize(("waited_s", "attempt", "happened"), [(10, 0, "no"), (10, 1, "no"), (61, 0, "unknown")])
def test_what_people_were_asked_for_is_in_doubt_once_it_is_given_up(waited_s, attempt, happened) -> None:
    """The old MX is served, and somebody may still enter the new one: that is no failure which leaves all as it was.
    Before that time (a run was killed meanwhile) they are simply asked again."""
    world = World()
    plan = world.plan()
    hands = ByHand(("alice",), ("bob",), lambda orders: "", 10.0, 60.0, 5.0)
    by_hand = SimpleNamespace(capabilities=Capabilities(guard=Guard.NONE, by_hand=hands), read=world.host.read)
    world.services.dns = {"main": by_hand}
    step = replace(world.step(plan), claimed_at=world.clock.now() - waited_s, attempt=attempt)
    found = asyncio.run(Switch().probe(ARGS, world.services, step))
    assert found.happened is Happened(happened)
    assert ("somebody may still enter it" in found.detail) is (happened == "unknown")


def test_what_was_moved_before_an_interruption_is_known_and_can_be_put_back() -> None:
    """Killed after the first of three domains: the probe says which, and the undo moves that one alone."""
    world = World()
    plan = world.plan()
    look = lambda: asyncio.run(Switch().probe(ARGS, world.services, world.step(plan)))  # noqa: E731
    assert look().outcome is None, "nothing was moved"
    world.provider.records["one.test"] = plan_after = MxSet.from_data(plan.outputs["after"]["one.test"])
    found = look()
    assert found.happened is Happened.NO
    assert found.outcome.outputs["states"] == {"one.test": "already", "two.test": "refused", "three.test": "refused"}
    assert plan_after.same(world.mx[0])
    world.undo(found.outcome.outputs)
    assert all(PRIMARY.same(m) for m in world.mx)


def test_a_domain_between_its_hosts_is_not_called_untouched() -> None:
    """One of the hosts that serve it has the new set: it must be read, and put back there, by whoever undoes."""
    plan = _Plan({"one.test": PRIMARY}, {"one.test": RELAY})
    hosts = (("a", RELAY), ("b", PRIMARY))
    found = _interrupted(Reading("one.test", "one.test", RELAY, hosts=hosts), plan)
    assert found.state is SwapState.UNKNOWN and "a has" in found.message and "b has" in found.message
    assert _interrupted(Reading("one.test", "one.test", PRIMARY), plan).state is SwapState.REFUSED
    assert _interrupted(Reading("one.test", "one.test", RELAY), plan).state is SwapState.ALREADY


def test_undo_leaves_alone_what_somebody_changed_since_and_advises_nobody_to_overwrite_it() -> None:
    world = World()
    outcome = world.perform(world.plan())
    world.provider.put("two.test", OTHER)
    with pytest.raises(Permanent, match="not put back") as caught:
        world.undo(outcome.outputs)
    assert world.mx == [PRIMARY, OTHER, PRIMARY]
    assert "two.test: changed since by somebody else" in caught.value.message and "not touched" in caught.value.message
    assert "two.test is not ours any more: leave it" in caught.value.hint and "set " not in caught.value.hint


def test_undo_of_what_cannot_be_put_back_says_what_to_do_by_hand() -> None:
    world = World()
    outcome = world.perform(world.plan())
    world.provider.fail.add("two.test")
    with pytest.raises(Permanent, match="the server failed") as caught:
        world.undo(outcome.outputs)
    assert world.mx == [PRIMARY, RELAY, PRIMARY]
    assert caught.value.hint == f"If two.test still has MX {RELAY}, set it to {PRIMARY}."


def test_an_old_ttl_that_the_host_does_not_take_keeps_no_mail_at_the_relay(monkeypatch) -> None:
    """An abort ended with MX at the relay, because a host that takes 60 s and more had served 5."""
    world = World()
    outcome = world.perform(world.plan())
    least = replace(world.host.capabilities, min_ttl_s=PRIMARY.ttl_s + 60)
    monkeypatch.setattr(type(world.host.writer), "capabilities", property(lambda writer: least))
    world.undo(outcome.outputs)
    assert [m.hosts for m in world.mx] == [PRIMARY.hosts] * 3 and {m.ttl_s for m in world.mx} == {PRIMARY.ttl_s + 60}


def test_undo_of_what_cannot_be_read_says_so() -> None:
    world = World()
    outcome = world.perform(world.plan())

    async def read(domains):
        return [Reading(d, d, None, problem="no answer", trouble=Trouble.SILENT) for d in domains]

    world.host.read = read
    with pytest.raises(Permanent, match=r"one\.test: no answer"):
        world.undo(outcome.outputs)
    assert world.mx == [RELAY] * 3


def test_undo_twice_does_nothing_the_second_time() -> None:
    world = World()
    outcome = world.perform(world.plan())
    world.undo(outcome.outputs)
    count = dict(world.provider.changes)
    assert world.undo(outcome.outputs).summary == "0 domain(s) put back" and world.provider.changes == count


def test_undo_of_a_change_of_the_ttl_alone() -> None:
    world = World()
    world.provider.records.update(dict.fromkeys(NAMES, MxSet(RELAY.hosts, 900)))
    args = SwitchArgs(domains=list(NAMES), ttl=300, converge="1s")
    outcome = world.perform(world.plan(args), args)
    assert outcome.changed and [m.ttl_s for m in world.mx] == [300] * 3
    world.undo(outcome.outputs, args)
    assert [m.ttl_s for m in world.mx] == [900] * 3


def test_an_undo_that_loses_a_race_leaves_the_winner() -> None:
    world = World()
    outcome = world.perform(world.plan())

    async def swap(orders):
        return [Swap(o.domain, SwapState.CONFLICT, OTHER, "m") for o in orders]

    world.host.swap = swap
    with pytest.raises(Permanent) as caught:
        world.undo(outcome.outputs)
    assert caught.value.hint.count("not ours any more") == 3


# -- a dry run, and the check ----------------------------------------------------------------------------------------


def test_a_dry_run_proves_and_writes_nothing() -> None:
    world = World()
    plan = world.plan()
    world.services.dry, world.services.dns = True, {"main": DryDns(world.host)}
    assert DryDns(world.host).capabilities == Capabilities()
    outcome = world.perform(plan)
    assert world.mx == [PRIMARY] * 3 and outcome.outputs["states"] == dict.fromkeys(NAMES, "applied")
    world.host.writer.settings = MemorySettings(kind="memory", allowed=False)
    with pytest.raises(Permanent, match="may not write"):
        world.perform(plan)


def check(world, **args):
    return asyncio.run(MxCheck().perform(CheckArgs(domains=list(NAMES), **args), world.services, STEP))


def test_the_check_reads_compares_and_proves() -> None:
    world = World()
    outcome = check(world)
    assert outcome.outputs == {
        "mx": {n: PRIMARY.to_data() for n in NAMES},
        "agree": True,
        "max_ttl_s": 3600,
        "writable": True,
    }
    assert outcome.summary == "3 domain(s) readable and writable" and world.provider.changes == {}
    assert check(world, write=False).summary == "3 domain(s) readable"


def test_the_check_refuses_in_the_plan_what_would_fail() -> None:
    world = World()
    world.host.writer.settings = MemorySettings(kind="memory", allowed=False)
    with pytest.raises(Transient, match="we could not change its MX"):
        check(world)
    (refusal,) = asyncio.run(MxCheck().plan(CheckArgs(domains=list(NAMES)), world.services, STEP)).refusals
    assert refusal.rule == "dns-not-ready"
    assert check(world, write=False).outputs["writable"] is False
    for mx in (None, NULL):
        broken = World()
        if mx is None:
            del broken.provider.records["one.test"]
        else:
            broken.provider.records["one.test"] = mx
        with pytest.raises(Transient, match=r"one\.test"):
            check(broken)


def test_a_host_that_cannot_say_does_not_fail_the_check_and_is_said() -> None:
    outcome = check(World(Guard.NONE))
    assert "whether we may write cannot be shown" in outcome.summary and outcome.outputs["writable"] is False


def test_unknown_domains_are_our_input() -> None:
    with pytest.raises(Invalid, match=r"not in bcp\.yaml"):
        asyncio.run(MxCheck().perform(CheckArgs(domains=["x.test"]), World().services, STEP))


def test_a_reading_from_a_wildcard_is_not_what_was_written() -> None:
    from bcp.plugins.actions.dns_mx_switch import _moved, _ours_stands, _Plan

    plan = _Plan({"a": PRIMARY}, {"a": MxSet(PRIMARY.hosts, 60)})
    made_up = Reading("a", "a", MxSet(PRIMARY.hosts, 60), wildcard=Wildcard("*"))
    assert not _moved(made_up, plan) and not _ours_stands(made_up, RELAY, PRIMARY)
    assert _moved(Reading("a", "a", MxSet(PRIMARY.hosts, 60)), plan) and not _moved(Reading("a", "a", PRIMARY), plan)
    assert not _ours_stands(Reading("a", "a", PRIMARY, problem="x"), RELAY, PRIMARY)
    assert MxHost(1, "a.") < MxHost(2, "a.")


# -- a run that is ended ---------------------------------------------------------------------------------------------


def test_a_run_that_is_ended_before_its_turn_moves_nothing_and_its_undo_is_not_held_up() -> None:
    """To stop is why an undo begins: it moves mail back however firmly the run was told to stop."""
    world = World()
    plan = world.plan()
    world.services.halt.on = True
    with pytest.raises(Permanent, match="ended before its turn"):
        world.perform(plan)
    assert world.mx == [PRIMARY] * 3
    world.services.halt.on = False
    done = world.perform(plan)
    world.services.halt.on = True
    world.undo(done.outputs)
    assert world.mx == [PRIMARY] * 3


def test_the_time_of_the_step_covers_what_the_rate_limit_leaves() -> None:
    """Three domains of five calls each at one call a second take 15 seconds in any case."""
    world = World()
    assert Switch().least_s(ARGS, world.services) == 0.0
    world.services.dns["main"] = SimpleNamespace(capabilities=Capabilities(calls_a_zone=5, calls_per_s=1.0))
    assert Switch().least_s(ARGS, world.services) == pytest.approx(15.0)


# -- DNSSEC ----------------------------------------------------------------------------------------------------------


def test_what_was_signed_is_asked_about_again_and_bogus_after_the_switch_is_said() -> None:
    """Who validates sees no MX there: mail neither goes to the relay nor back."""
    world, asked = World(), []

    def signed(*chains):
        left = list(chains)

        async def answer(domains):
            asked.append(tuple(domains))
            found = left.pop(0) if len(left) > 1 else left[0]
            return [found if d == "one.test" else Signed(Chain.INSECURE) for d in domains]

        return answer

    world.host.signed = signed(Signed(Chain.SECURE, 2e9))
    plan = world.plan()
    assert plan.outputs["signed"] == ["one.test"]
    world.host.signed, asked[:] = signed(Signed(Chain.BOGUS)), []
    outcome = world.perform(plan)
    assert outcome.outputs["bogus"] == ["one.test"] and "do NOT hold" in outcome.summary
    assert asked == [("one.test",)] * 3, "only what was signed, and more than once"


def test_signatures_that_come_a_moment_later_are_no_alarm_and_unsigned_zones_are_not_asked() -> None:
    world = World()
    turns = [Signed(Chain.SECURE), Signed(Chain.BOGUS), Signed(Chain.SECURE)]

    async def answer(domains):
        found = turns.pop(0)
        return [found for _ in domains]

    world.host.signed = answer
    outcome = world.perform(world.plan())
    assert outcome.outputs["bogus"] == [] and "DNSSEC" not in outcome.summary and turns == []
    plain = World()
    plan = plain.plan()

    async def never(domains):
        raise AssertionError("nobody was signed")

    plain.host.signed = never
    assert plain.perform(plan).outputs["bogus"] == []


def test_a_resolver_that_is_silent_after_the_switch_is_no_alarm() -> None:
    world = World()

    async def secure(domains):
        return [Signed(Chain.SECURE) for _ in domains]

    async def silent(domains):
        raise Transient("no answer")

    world.host.signed = secure
    plan = world.plan()
    world.host.signed = silent
    assert world.perform(plan).outputs["bogus"] == []


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ("applied applied", "2 of 2 domain(s) switched to"),
        (
            "applied already",
            "1 of 2 domain(s) switched to 10 relay.out.test. (TTL 60), 1 found there when read, served",
        ),
        ("already already", "2 domain(s) point to"),
    ],
)
def test_whose_answer_was_lost_is_not_told_as_left_behind(states, said) -> None:
    """Read after that, it stands there: *1 of 2 switched* alone would send people to look for the other."""
    swaps = [Swap(f"d{i}.test", SwapState(s)) for i, s in enumerate(states.split())]
    after = {s.domain: MxSet((MxHost(10, "relay.out.test."),), 60) for s in swaps}
    assert summary(swaps, after, Seen()).startswith(said)


@pytest.mark.parametrize(
    ("was", "asked"),
    [
        (Signed(Chain.SECURE), True),
        (Signed(Chain.SECURE, 2e9), True),
        (Signed(Chain.UNKNOWN, 2e9), True),
        (Signed(Chain.INSECURE), False),
        (Signed(Chain.UNKNOWN), False),
    ],
)
def test_what_has_signatures_is_asked_about_again_though_no_resolver_validates(was, asked) -> None:
    world = World()

    async def answer(domains):
        return [was for _ in domains]

    world.host.signed = answer
    assert bool(world.plan().outputs["signed"]) is asked


# -- until every address serves it -----------------------------------------------------------------------------------


def test_a_switch_is_over_when_every_address_serves_it_and_says_who_does_not() -> None:
    """Two quick updates: the next one finds what this one made, at every server."""
    world, looks = World(), []
    real = world.host.answers

    async def late(domains):
        looks.append(world.clock.steady)
        return await real(domains) if len(looks) > 3 else [Answer(d, "192.0.2.1", PRIMARY, 0, True) for d in domains]

    plan = world.plan()
    world.host.answers = late
    outcome = world.perform(plan)
    assert len(looks) == 4 and outcome.outputs["lagging"] == []
    assert "served by every authoritative address" in outcome.summary
    behind = World()
    plan, behind.host.answers = behind.plan(), never_there
    outcome = behind.perform(plan)
    assert len(outcome.outputs["lagging"]) == 3 and "served by every" not in outcome.summary


async def never_there(domains):
    return [Answer(d, "192.0.2.1", PRIMARY, 0, True) for d in domains]
