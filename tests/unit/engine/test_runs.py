"""The rules between runs: begun once, at most one a target, cool-down, automatic runs, the way back."""

from __future__ import annotations

import asyncio

import pytest

from bcp.engine.state import Node
from bcp.engine.store import Rest, Runs
from bcp.kernel.errors import Invalid, Refused
from bcp.store.memory.state import MemoryState
from bcp.store.sqlite.state import SqliteState
from bcp.testing.clock import FakeClock
from bcp.testing.store import DONE, HOLDS, STARTED, SWITCHED, add, plan, write

NODES = [Node("mx", "activation", (), undo=True)]
REST = Rest(cooldown_s=3600.0)


@pytest.fixture(params=["sqlite", "memory"])
def runs(request, tmp_path):
    """Both stores; the clock stands at the second in which ``write`` writes."""
    room = SqliteState(tmp_path / "state") if request.param == "sqlite" else MemoryState()
    return Runs(room, FakeClock(1000.0))


def begin(runs, planned, *, parent="", rest=REST, check=None, leave=True):
    """Begin, and die at once."""

    async def nothing():
        return None

    run, lease, lock = asyncio.run(runs.begin(planned, NODES, rest, check or nothing, parent=parent))
    if leave:
        lease.release()
        lock.release()
    return run


def refused(runs, planned, rule, **more):
    with pytest.raises(Refused) as caught:
        begin(runs, planned, **more)
    assert caught.value.rule == rule, caught.value.message
    return caught.value


def made(number, *domains, **more):
    return plan(*domains, checksum=f"{number:064}", **more)


def test_a_run_is_begun_with_its_lease_and_anchored(runs) -> None:
    """Its number is in the run; the audit file and the leases know it."""
    run = begin(runs, made(1, "a"))
    card = runs.card(run)
    assert card.fence == 1 and card.status == "new" and runs.status_of(card) == "interrupted"
    assert runs.room.audit.read().anchors[run].head == card.head and runs.room.leases.history() == [(1, run)]
    assert runs.find("last") == runs.find(run[-4:]) == runs.find(run) == run and runs.newest(5) == [run]


def test_no_two_runs_share_a_domain(runs) -> None:
    """Not while one works, not while it holds, in no order of the names; another domain is free."""
    run = begin(runs, made(1, "a", "b"), leave=False)
    for number, domains in enumerate((("b", "a"), ("a",), ("b", "c")), 2):
        assert run in refused(runs, made(number, *domains), "one-run-per-target").message
    begin(runs, made(5, "c"))


def test_a_plan_is_used_once(runs) -> None:
    """Also after its run is over."""
    run = begin(runs, made(1, "a"))
    write(runs.room, run, STARTED, DONE)
    assert run in refused(runs, made(1, "a"), "plan-used", rest=Rest()).message


def test_what_the_last_check_refuses_leaves_nothing(runs) -> None:
    """The target is free, the plan unused, and no run is there."""

    async def moved():
        raise Refused("the world has moved", rule="plan-stale")

    refused(runs, made(1, "a"), "plan-stale", check=moved)
    assert runs.ids() == [] and runs.room.leases.holders() == [] and runs.room.leases.history() == []
    begin(runs, made(1, "a"))


def test_whoever_loses_the_lease_during_the_check_does_not_begin(runs) -> None:
    """It slept while it read the facts."""

    async def slept():
        (holder,) = runs.room.leases.holders()
        runs.room.leases.take(holder.run, holder.names)

    with pytest.raises(Exception, match=r"lost|over") as caught:
        begin(runs, made(1, "a"), check=slept)
    assert caught.value.rule == "lease-lost" and runs.ids() == []


def test_a_target_rests_after_a_run_that_did_something(runs) -> None:
    """Over any shared domain, however many runs came between; a person can lift it, time does."""
    run = begin(runs, made(1, "a", "b"))
    write(runs.room, run, STARTED, *SWITCHED, DONE)
    for number in range(2, 60):
        add(runs.room, f"run-0{number:02}", made(number, "z"), STARTED, DONE)
    assert "rests" in refused(runs, made(90, "b"), "cooldown").message
    refused(runs, made(91, "b"), "cooldown", rest=Rest(3600.0, liftable=False))
    begin(runs, made(92, "c"))
    runs.clock.set(1000.0 + 3601.0)
    begin(runs, made(93, "b"))


def test_an_acknowledged_run_needs_no_rest_where_that_may_be_lifted(runs) -> None:
    """Somebody looked at it."""
    run = begin(runs, made(1, "a"))
    write(runs.room, run, STARTED, *SWITCHED, DONE)

    async def acknowledge():
        journal = runs.open(run)
        await journal.record("acknowledged", actor="alice")
        journal.close()

    asyncio.run(acknowledge())
    refused(runs, made(2, "a"), "cooldown", rest=Rest(3600.0, liftable=False))
    begin(runs, made(2, "a"))


def test_a_run_that_changed_nothing_needs_no_rest(runs) -> None:
    """It was turned away at its gate."""
    run = begin(runs, made(1, "a"))
    write(runs.room, run, STARTED, ("run_finished", "", {"status": "failed"}))
    begin(runs, made(2, "a"))


def test_automatic_runs_are_counted_by_domain(runs) -> None:
    """Once in 24 h, in whatever set the domain is; people may start more."""
    run = begin(runs, made(1, "a", "b", automatic=True, created=1000.0), rest=Rest())
    write(runs.room, run, STARTED, DONE)
    refused(runs, made(2, "b", "c", automatic=True), "automatic-limit", rest=Rest())
    person = begin(runs, made(3, "b"), rest=Rest())
    write(runs.room, person, STARTED, DONE)
    runs.clock.set(1000.0 + 86_401.0)
    begin(runs, made(4, "b", automatic=True, created=87_400.0), rest=Rest())


def test_the_way_back_needs_something_to_go_back_from(runs) -> None:
    """And then runs beside its parent, once; a second time when the first is over."""
    run = begin(runs, made(1, "a", "b"))
    refused(runs, made(2, "a", parent=run), "failback-too-early", parent=run)
    write(runs.room, run, STARTED, *SWITCHED, HOLDS)
    child = begin(runs, made(2, "a", parent=run), parent=run, leave=False)
    assert [c.id for c in runs.children(run, unfinished=True)] == [child]
    refused(runs, made(3, "a", "b", parent=run), "one-run-per-target", parent=run)
    write(runs.room, child, STARTED, ("run_finished", "", {"status": "failed"}))
    assert runs.children(run, unfinished=True) == [] and [c.id for c in runs.children(run)] == [child]
    assert [c.id for c in runs.holding()] == [run]


def test_a_second_way_back_after_the_first_one_failed(runs) -> None:
    """A domain must not be left on the relay because the first attempt did not work."""
    run = begin(runs, made(1, "a"))
    write(runs.room, run, STARTED, *SWITCHED, HOLDS)
    first = begin(runs, made(2, "a", parent=run), parent=run)
    write(runs.room, first, STARTED, ("run_finished", "", {"status": "failed"}))
    second = begin(runs, made(3, "a", parent=run), parent=run)
    assert {c.id for c in runs.children(run)} == {first, second}


def test_what_is_not_there_is_said(runs) -> None:
    """Nothing yet; none; several."""
    with pytest.raises(Invalid, match="no runs yet"):
        runs.find("last")
    for run in ("run-1-aa", "run-2-aa"):
        add(runs.room, run, plan("a"))
    with pytest.raises(Invalid, match="2 runs match"):
        runs.find("aa")
    with pytest.raises(Invalid, match="there is no run"):
        runs.find("zz")


def test_views_say_who_is_interrupted(runs) -> None:
    """Nobody works on it, and it should be working."""
    run = begin(runs, made(1, "a"), leave=False)
    assert asyncio.run(runs.look(run)).state.status == "new"
    assert runs.view(run).status() == "new" and runs.status_of(runs.card(run)) == "new" and runs.view(run).live
    write(
        runs.room,
        run,
        STARTED,
        ("step_started", "mx", {}),
        ("step_finished", "mx", {"status": "in_doubt"}),
        ("stopped", "", {"reason": "r"}),
    )
    assert runs.view(run).status() == runs.status_of(runs.card(run)) == "in_doubt" and runs.view(run).plan[
        "domains"
    ] == ["a"]


def test_what_stands_in_the_way_is_known_before_the_start(runs) -> None:
    """A plan says which run it would have to wait for, and changes nothing by asking."""
    assert runs.in_the_way(made(1, "a"), Rest()) is None and runs.ids() == []
    run = begin(runs, made(1, "a", "b"))
    found = runs.in_the_way(made(2, "b"), Rest())
    assert found is not None and found.rule == "one-run-per-target" and run in found.message
    assert runs.in_the_way(made(2, "c"), Rest()) is None
    write(runs.room, run, STARTED, *SWITCHED, HOLDS)
    assert runs.in_the_way(made(2, "a"), Rest()).rule == "one-run-per-target"
    assert runs.in_the_way(made(2, "a", parent=run), Rest(), run) is None, "the way back is no other run"


def test_a_rest_stands_in_the_way(runs) -> None:
    run = begin(runs, made(1, "a"), rest=Rest(cooldown_s=600.0))
    write(runs.room, run, STARTED, *SWITCHED, DONE)
    found = runs.in_the_way(made(2, "a"), Rest(cooldown_s=600.0))
    assert found is not None and found.rule == "cooldown" and found.hint.startswith("If you looked at it")
