"""Made-up outages by the hundred: what is proposed is judged by what is really broken."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from bcp.contracts.probe import Watched
from bcp.detect import worlds
from bcp.detect.worlds import Eyes, Fault, World, make, must_find, play

GAMES = int(os.environ.get("BCP_WORLDS", "60"))
"""Worlds a seed; `make worlds` plays 10,000."""
SEEDS = tuple(int(s) for s in os.environ.get("BCP_WORLD_SEEDS", "1 2 3").split())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(0)
def test_no_harm_and_no_miss(seed) -> None:
    """No switch and no failback that harms; every sure B, E and F found within the rule's time."""
    bad = {}
    for n in range(GAMES):
        course = play(make(seed * 1_000_000 + n))
        if course.harms or course.misses:
            bad[seed * 1_000_000 + n] = (*course.harms[:1], *course.misses[:1])
    assert not bad


def verdicts(course):
    return [(d.state, d.classes, d.action, d.stage, d.domains) for d in course.decisions]


@pytest.mark.parametrize("seed", range(12))
def test_the_order_of_looks_does_not_matter(seed) -> None:
    """Networks deliver in any order."""
    world = make(seed)
    assert verdicts(play(world)) == verdicts(play(world, shuffle=random.Random(seed)))


@pytest.mark.parametrize("seed", range(12))
def test_a_clock_that_is_set_changes_nothing(seed) -> None:
    """Not the state, not the class, not the moment of a proposal."""
    world = replace(make(seed), jumps=((20, 10_800.0), (60, -40_000.0)))
    jumped, calm = play(world), play(world, jumps=False)
    assert [(d.state, d.action, d.classes) for d in jumped.decisions] == [
        (d.state, d.action, d.classes) for d in calm.decisions
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_further_place_that_sees_all_well_never_makes_a_switch(seed) -> None:
    """More good evidence never makes it worse."""
    world = make(seed)
    faults = tuple(replace(f, places=f.places or world.places) for f in world.faults)
    world = replace(world, faults=faults, answers=False, jumps=())
    more = replace(
        world, places=(*world.places, "well"), networks={**world.networks, "well": "well"} if world.networks else {}
    )
    assert play(more).switches() <= play(world).switches()


ALL = tuple(
    Watched(n, k, p, medium=m)
    for n, k, p, m in (
        ("smtp-1", "smtp", "inbound", "smtp"),
        ("names", "dns", "dns", "dns"),
        ("control-smtp", "smtp", "edge", "smtp"),
    )
)


def test_truth_is_known_without_the_detector() -> None:
    """What is broken, in which round, and whether it has to be found."""
    steady, flapping = Fault("inbound", 10, 60), Fault("inbound", 10, 60, on=3, off=2)
    world = World(1, ("a",), {}, ALL, (steady,))
    assert world.broken(9) == frozenset() and world.broken(10) == {"B"} and world.broken(60) == frozenset()
    assert flapping.active(12) and not flapping.active(13) and flapping.active(15)
    assert must_find(world, steady) and not must_find(world, flapping)
    assert not must_find(world, Fault("inbound", 10, 60, share=0.5)) and not must_find(world, Fault("mailbox", 10, 60))
    assert not must_find(world, Fault("rejects", 10, 60))  # one recipient proves nothing
    assert not must_find(replace(world, faults=(steady, Fault("throttled", 1, 90))), steady)


def test_a_harmful_switch_is_seen() -> None:
    """The judge is not the detector: a proposal in peace, and for a part, is harm; for the outage it is none."""
    from bcp.detect.verdict import Decision

    world = World(
        1, ("a",), {}, ALL, (Fault("inbound", 10, 20), Fault("mailbox", 30, 40), Fault("inbound", 50, 60, share=0.5))
    )
    switch, back = Decision("down", action="switch"), Decision("healthy", action="failback")
    assert worlds.harm_of(world, 5, switch) and worlds.harm_of(world, 35, switch) and worlds.harm_of(world, 55, switch)
    assert not worlds.harm_of(world, 15, switch)
    assert worlds.harm_of(world, 15, back) and not worlds.harm_of(world, 25, back)


def test_an_end_that_no_look_can_meet_is_nobodys_fault() -> None:
    """Rejects end while a removed recipient goes on refusing, and nothing else is set to look: nobody can tell."""
    from bcp.detect.verdict import Decision

    faults = (Fault("rejects", 10, 51), Fault("removed", 30, 90))
    world = World(1, ("a",), {}, (ALL[0],), faults)
    switch = Decision("down", action="switch")
    assert not any(worlds.harm_of(world, n, switch) for n in range(51, 56)) and worlds.unseen_end(world, 55)
    assert worlds.harm_of(world, 56, switch) and not worlds.unseen_end(world, 56)
    assert not worlds.unseen_end(replace(world, faults=faults[1:]), 51)


def test_an_end_that_a_look_out_of_turn_would_have_met_is_harm() -> None:
    """A whole mail every five minutes, and the detector did not ask for one; or another recipient."""
    from bcp.detect.verdict import Decision

    trip = Watched("trip", "round-trip", "outbound", medium="smtp", every_s=300.0)
    faults = (Fault("rejects", 10, 51), Fault("removed", 30, 90))
    switch = Decision("down", action="switch")
    for more in (trip, Watched("smtp-2", "smtp", "inbound", medium="smtp")):
        world = World(1, ("a",), {}, (ALL[0], more), faults)
        assert all(worlds.harm_of(world, n, switch) for n in range(51, 56))


@pytest.mark.parametrize("begin", [10, 11, 12, 13, 14])
def test_removed_recipients_never_move_mx_where_whole_mails_are_sent(begin) -> None:
    """Wherever in the turn of the mails it begins: both at once, or one that stays while false rejects of all end."""
    trip = Watched("trip", "round-trip", "outbound", medium="smtp", every_s=300.0)
    second = Watched("smtp-2", "smtp", "inbound", medium="smtp")
    both = World(1, ("a",), {}, (ALL[0], second, trip), (Fault("removed", begin, 60), Fault("removed-2", begin, 60)))
    found = play(both)
    assert not found.harms and {"F"} >= {d.outage_class for d in found.decisions[begin + 2 : begin + 4]} - {"H"}
    assert not found.switches() and "H" in found.decisions[begin + 5].classes
    ends = World(1, ("a",), {}, (ALL[0], trip), (Fault("rejects", 5, begin), Fault("removed", begin - 3, 60)))
    assert not play(ends).harms
    real = play(replace(both, faults=(Fault("rejects", begin, 60),)))
    assert min(real.switches()) == begin + 2 and not real.misses  # as fast as without mails


@pytest.mark.parametrize(
    "number",
    [
        *(1_001_089, 1_001_793, 2_002_266, 2_003_202, 3_002_747, 3_003_294, 3_004_612, 3_005_709),
        *(1_003_848, 1_009_322, 1_009_979, 2_007_757, 3_006_304, 1_000_721, 1_001_400, 2_002_100, 3_001_456, 3_001_556),
    ],
)
def test_worlds_that_were_judged_wrong_once(number) -> None:
    """What was refused for good before lends its haste to nothing else, and an end that nobody saw is no harm."""
    course = play(make(number))
    assert not course.harms and not course.misses


def test_eyes_see_what_is_on_the_way() -> None:
    """A place that is cut off sees nothing but time-outs, its controls too."""
    world = World(1, ("place-0", "b"), {}, ALL, (Fault("cut-off", 0, 9, places=("b",)), Fault("names", 5, 9)))
    found = {(s.vantage, s.probe): s.result.value for s in Eyes(world).signals(0, 0.0)}
    assert {v for (p, _), v in found.items() if p == "b"} == {"fail"} and {
        v for (p, _), v in found.items() if not p
    } == {"ok"}
    assert {s.kind for s in Eyes(world).signals(5, 0.0) if not s.vantage} == {"unresolved", "servfail"}


@pytest.mark.parametrize("seed", [3000126, 3000500, 3002607, 3003678, 2009340])
def test_names_that_fail_half_of_the_time_move_nothing_while_we_are_refused(seed) -> None:
    """The way that finds the address tells of failures alone, then: all that it says is bad, and half of it is not."""
    world = make(seed)
    assert {"names", "sender"} <= {f.what for f in world.faults} and not play(world).harms


def test_no_switch_stands_after_the_end_because_our_mails_are_refused_like_our_looks() -> None:
    """False rejects end two rounds after our sender began to be refused: the mails' refusals are no news of them."""
    world = make(2002383)
    assert "sender" in {f.what for f in world.faults} and not play(world).harms
