"""The conformance suite of the store room: derive from it, say how a state is made, and run it with pytest.

    class TestMine(StoreSuite):
        def make(self, folder):          # a new, empty state
            return MyState(...)
        def again(self, state):          # the same data, as another process sees it
            return MyState(...)

Every test is a promise of ``bcp.contracts.store``. ``bcp.testing.lease_machine`` plays leases at random.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from bcp.contracts.journal import ClaimState, Draft
from bcp.contracts.store import Anchor, LeaseLost, RunQuery, State
from bcp.kernel.errors import BcpError, Invalid, Refused, StorageError
from bcp.testing.clock import FakeClock
from bcp.testing.suite import Spoken


def plan(
    *domains: str, uses: str = "dns.mx.switch", group: str = "", parent: str = "", kind: str = "real", **more: Any
) -> dict[str, Any]:
    """A plan as plain data, with one step."""
    made = {"id": "mx", "uses": uses, "outputs": {}, "changes": []}
    return {
        "domains": list(domains),
        "steps": [made],
        "group": group,
        "parent": parent,
        "kind": kind,
        "checksum": "c" * 64,
        "playbook": "p",
        "initiator": "alice",
        "automatic": False,
        "configuration": "f",
        "created": 100.0,
        **more,
    }


def meta(planned: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What a run of that plan is started with."""
    node = {"id": "mx", "phase": "activation", "needs": [], "optional": False, "undo": True}
    return {"plan": planned, "nodes": [node], "parent": planned["parent"], "group": planned["group"], **more}


def add(
    state: State, run_id: str, planned: Mapping[str, Any], *events: tuple[str, str, dict[str, Any]], **more: Any
) -> None:
    """A run with these events (kind, step, data)."""
    state.runs.create(run_id, meta(planned, **more))
    write(state, run_id, *events)


def write(state: State, run_id: str, *events: tuple[str, str, dict[str, Any]]) -> None:
    """More events of a run."""

    async def work() -> None:
        journal = state.runs.open(run_id, FakeClock(1000.0))
        for kind, step, data in events:
            await journal.record(kind, step=step, **data)
        journal.close()

    asyncio.run(work())


STARTED: tuple[str, str, dict[str, Any]] = ("run_started", "", {})
HOLDS = ("phase_started", "", {"phase": "hold"})
DONE = ("run_finished", "", {"status": "done"})
SWITCHED = (("step_started", "mx", {"attempt": 0}), ("step_finished", "mx", {"status": "ok"}))


def refused(rule: str, work: Callable[[], object]) -> Refused:
    """It must refuse by this rule."""
    try:
        work()
    except Refused as error:
        assert error.rule == rule, f"refused by {error.rule!r}, not by {rule!r}"
        assert error.hint, "a refusal says what to do next"
        return error
    raise AssertionError(f"not refused by {rule}")


def fails(kind: type[BcpError], work: Callable[[], object]) -> BcpError:
    """It must raise this."""
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


class StoreSuite(Spoken):
    """What every store must do."""

    def make(self, folder: Path) -> State:
        """A new, empty state."""
        raise NotImplementedError

    def again(self, state: State) -> State:
        """The same data, as another process sees it."""
        raise NotImplementedError

    # -- runs ----------------------------------------------------------------------------------------------------

    def test_a_run_is_read_as_it_was_made(self, tmp_path: Path) -> None:
        """Plan, nodes and what else it was started with; it has no event yet, and its chain is whole."""
        state = self.make(tmp_path)
        state.runs.create("run-1", meta(plan("a.test"), incident="inc-1"), fence=7)
        found = state.runs.view("run-1")
        assert found.meta["plan"]["domains"] == ["a.test"] and not found.events and not found.damage
        card = state.runs.card("run-1")
        assert (card.status, card.incident, card.fence, card.targets) == ("new", "inc-1", 7, ("mx:a.test",))
        assert card.head == found.head and card.moves_mx and state.runs.exists("run-1")

    def test_an_id_is_used_once(self, tmp_path: Path) -> None:
        """Whoever comes second is told."""
        state = self.make(tmp_path)
        state.runs.create("run-1", meta(plan("a.test")))
        fails(StorageError, lambda: state.runs.create("run-1", meta(plan("b.test"))))
        assert state.runs.view("run-1").meta["plan"]["domains"] == ["a.test"]

    def test_a_run_that_is_not_there(self, tmp_path: Path) -> None:
        """Is not found, and is no fault."""
        state = self.make(tmp_path)
        assert not state.runs.exists("run-1") and state.runs.ids() == [] and state.runs.newest(3) == []
        assert state.runs.cards(RunQuery()) == [] and not state.runs.is_live("run-1")
        fails(Invalid, lambda: state.runs.card("run-1"))
        assert not state.runs.exists("../run-1") and not state.runs.exists("")

    def test_runs_are_found_by_the_ends_of_their_ids(self, tmp_path: Path) -> None:
        """The whole id wins over ids that begin with it."""
        state = self.make(tmp_path)
        for run_id in ("run-1-ab", "run-2-ab", "run-2-ab-c"):
            state.runs.create(run_id, meta(plan("a.test")))
        assert state.runs.match("run-2-ab") == ["run-2-ab"] and state.runs.match("ab") == ["run-1-ab", "run-2-ab"]
        assert state.runs.match("run-2") == ["run-2-ab", "run-2-ab-c"] and state.runs.match("%") == []
        assert state.runs.newest(2) == ["run-2-ab-c", "run-2-ab"] and state.runs.ids()[0] == "run-1-ab"

    def test_a_claim_is_made_once(self, tmp_path: Path) -> None:
        """Ours to do; in doubt until it is settled; done afterwards, with the first outcome."""
        state = self.make(tmp_path)
        state.runs.create("run-1", meta(plan("a.test")))

        async def work() -> None:
            journal = state.runs.open("run-1", FakeClock())
            first = await journal.claim("k", "mx", {"to": "relay"}, event="step_started")
            second = await journal.claim("k", "mx", {"to": "other"})
            assert first.state is ClaimState.GO and second.state is ClaimState.IN_DOUBT
            assert second.request == {"to": "relay"} and second.claimed_at == first.claimed_at
            await journal.settle("k", {"state": "done"})
            await journal.settle("k", {"state": "failed"})
            third = await journal.claim("k", "mx", {})
            assert third.state is ClaimState.DONE and third.outcome == {"state": "done"}
            await journal.claim_soon("l", "mx", {})
            await journal.doubt("l", "no answer")
            await journal.settle_soon("l", {"state": "void"})
            journal.close()

        asyncio.run(work())
        found = self.again(state).runs.view("run-1")
        assert [(e.key, e.state) for e in found.effects] == [("k", "settled"), ("l", "settled")]
        assert [e.kind for e in found.events] == ["step_started", "settled", "claimed", "in_doubt", "settled"]
        assert state.runs.damage("run-1") == "" and [e.seq for e in found.events] == [1, 2, 3, 4, 5]

    def test_what_is_told_is_heard_once_and_in_order(self, tmp_path: Path) -> None:
        """From another process; what it means is written in the same breath as that it was read."""
        state = self.make(tmp_path)
        state.runs.create("run-1", meta(plan("a.test")))
        for number, kind in enumerate(("approve", "abort")):
            self.again(state).runs.tell("run-1", kind, "alice", {"n": number}, 5.0 + number)

        async def work() -> None:
            journal = state.runs.open("run-1", FakeClock())
            heard = await journal.unread()
            assert [(s.kind, s.actor, s.data, s.at) for s in heard] == [
                ("approve", "alice", {"n": 0}, 5.0),
                ("abort", "alice", {"n": 1}, 6.0),
            ]
            await journal.consume(heard[:1], [Draft("approved", "gate", "alice", {"x": 1})])
            assert [s.kind for s in await journal.unread()] == ["abort"]
            newest = journal.events()[-1]
            assert (newest.kind, newest.step, newest.actor, newest.data) == ("approved", "gate", "alice", {"x": 1})
            journal.close()

        asyncio.run(work())
        assert state.runs.damage("run-1") == ""

    # -- the index -----------------------------------------------------------------------------------------------

    def test_the_index_answers_each_question(self, tmp_path: Path) -> None:
        """By target, state, parent, kind, playbook, incident, checksum, time; the newest first."""
        state = self.make(tmp_path)
        add(state, "run-1", plan("a.test", "b.test"), STARTED, *SWITCHED, HOLDS, incident="inc-1")
        add(state, "run-2", plan("b.test", parent="run-1", checksum="d" * 64), STARTED, DONE)
        add(state, "run-3", plan("c.test", kind="drill", playbook="q"), STARTED)
        add(state, "run-4", plan("a.test", uses="notify", group="comms:x", automatic=True))

        def ids(**query: Any) -> list[str]:
            mine = [c.id for c in state.runs.cards(RunQuery(**query))]
            assert mine == [c.id for c in self.again(state).runs.cards(RunQuery(**query))]
            return mine

        assert ids() == ["run-4", "run-3", "run-2", "run-1"] and ids(newest=1) == ["run-4"]
        assert (
            ids(targets={"mx:b.test"}) == ["run-2", "run-1"] and ids(targets={"mx:b.test", "mx:c.test"})[0] == "run-3"
        )
        assert ids(status={"holding"}) == ["run-1"] and ids(unfinished=True) == ["run-4", "run-3", "run-1"]
        assert ids(parent="run-1") == ["run-2"] and ids(parent="") == ["run-4", "run-3", "run-1"]
        assert ids(kind="drill") == ["run-3"] and ids(playbook="q") == ["run-3"] and ids(checksum="d" * 64) == ["run-2"]
        assert (
            ids(moves_mx=False) == ["run-4"] and ids(automatic=True) == ["run-4"] and ids(incident="inc-1") == ["run-1"]
        )
        assert ids(since=1000.5) == [] and len(ids(since=99.0)) == 4

    def test_a_holding_run_is_found_behind_many(self, tmp_path: Path) -> None:
        """There is no window in which one looks."""
        state = self.make(tmp_path)
        add(state, "run-000", plan("a.test"), STARTED, *SWITCHED, HOLDS)
        for number in range(1, 70):
            add(state, f"run-{number:03}", plan("b.test"), STARTED, DONE)
        (found,) = state.runs.cards(RunQuery(status={"holding"}))
        assert found.id == "run-000" and found.stands and found.moved_at == 1000.0

    def test_a_card_follows_its_run(self, tmp_path: Path) -> None:
        """Also in a process that asked before."""
        state = self.make(tmp_path)
        other = self.again(state)
        add(state, "run-1", plan("a.test"), STARTED, ("gate_opened", "mx", {}))
        assert other.runs.card("run-1").status == "waiting" and other.runs.card("run-1").gate
        write(state, "run-1", ("gate_closed", "mx", {}), *SWITCHED, DONE)
        found = other.runs.card("run-1")
        assert (found.status, found.gate, found.changed, found.ended) == ("done", False, True, 1000.0)
        write(state, "run-1", ("acknowledged", "", {}))
        assert other.runs.card("run-1").seq == state.runs.view("run-1").events[-1].seq

    # -- leases --------------------------------------------------------------------------------------------------

    def lease(self, state: State, run: str, names: Collection[str], *, parent: str = "") -> tuple[Any, Any]:
        """Lock and lease of a run, as a process takes them."""
        lock = state.runs.lock(run)
        assert lock.take(), f"{run} is worked on"
        try:
            return lock, state.leases.take(run, names, parent=parent)
        except BaseException:
            lock.release()
            raise

    def test_overlapping_targets_never_side_by_side(self, tmp_path: Path) -> None:
        """In whatever order they are named, and in whatever process."""
        state = self.make(tmp_path)
        self.lease(state, "run-1", ["mx:a", "mx:b"])
        other = self.again(state)
        for names in (["mx:b", "mx:a"], ["mx:a"], ["mx:b", "mx:c"]):
            refused("one-run-per-target", lambda names=names: self.lease(other, "run-2", names))  # type: ignore[misc]
        self.lease(other, "run-3", ["mx:c"])
        assert [h.run for h in other.leases.holders(["mx:a"])] == ["run-1"]
        assert [h.run for h in state.leases.holders()] == ["run-1", "run-3"]

    def test_what_a_run_gave_up_may_be_taken_while_it_works_on(self, tmp_path: Path) -> None:
        """What it has still nobody else gets; going on asks for no more."""
        state = self.make(tmp_path)
        lock, lease = self.lease(state, "run-1", ["mx:a.test", "mx:b.test"])
        end = ("step_finished", "mx", {"status": "ok", "outputs": {"left": {"b.test": {"state": "conflict"}}}})
        planned = plan("a.test", "b.test")
        planned["steps"][0]["outputs"] = {"before": {"a.test": {}, "b.test": {}}}
        add(state, "run-1", planned, STARTED, ("step_started", "mx", {"attempt": 0}))
        write(state, "run-1", end, HOLDS)
        self.lease(self.again(state), "run-3", ["mx:b.test"])
        refused("one-run-per-target", lambda: self.lease(self.again(state), "run-4", ["mx:a.test", "mx:c.test"]))
        lease.check()
        lock.release()
        self.lease(state, "run-1", state.runs.card("run-1").targets)

    def test_a_dead_process_frees_what_never_became_a_run(self, tmp_path: Path) -> None:
        """But a run that is not over keeps its targets, whoever died."""
        state = self.make(tmp_path)
        lock, _ = self.lease(state, "run-1", ["mx:a"])
        lock.release()
        lock, _ = self.lease(state, "run-2", ["mx:a"])
        add(state, "run-2", plan("a"), STARTED)
        lock.release()
        refused("one-run-per-target", lambda: self.lease(self.again(state), "run-3", ["mx:a"]))
        write(state, "run-2", DONE)
        self.lease(self.again(state), "run-3", ["mx:a"])

    def test_an_unfinished_run_holds_without_any_lease(self, tmp_path: Path) -> None:
        """One that was copied in, or made by an older version."""
        state = self.make(tmp_path)
        add(state, "run-1", plan("a.test"), STARTED, HOLDS)
        refused("one-run-per-target", lambda: self.lease(state, "run-2", ["mx:a.test"]))

    def test_the_way_back_runs_beside_its_parent_and_nobody_else(self, tmp_path: Path) -> None:
        """Neither a second way back, nor a new run, nor the child of another."""
        state = self.make(tmp_path)
        self.lease(state, "run-1", ["mx:a", "mx:b"])
        add(state, "run-1", plan("a", "b"), STARTED, HOLDS)
        lock, _ = self.lease(state, "run-2", ["mx:a"], parent="run-1")
        add(state, "run-2", plan("a", parent="run-1"), STARTED)
        refused("one-run-per-target", lambda: self.lease(state, "run-3", ["mx:a"], parent="run-1"))
        refused("one-run-per-target", lambda: self.lease(state, "run-4", ["mx:b"]))
        refused("one-run-per-target", lambda: self.lease(state, "run-5", ["mx:b"], parent="run-0"))
        write(state, "run-2", DONE)
        lock.release()
        self.lease(state, "run-6", ["mx:a", "mx:b"], parent="run-1")

    def test_the_parent_may_go_on_while_its_child_works(self, tmp_path: Path) -> None:
        """It holds, and sends updates."""
        state = self.make(tmp_path)
        lock, _ = self.lease(state, "run-1", ["mx:a"])
        add(state, "run-1", plan("a"), STARTED, HOLDS)
        lock.release()
        self.lease(state, "run-2", ["mx:a"], parent="run-1")
        add(state, "run-2", plan("a", parent="run-1"), STARTED)
        self.lease(state, "run-1", ["mx:a"])

    def test_numbers_only_grow_and_an_old_one_is_worth_nothing(self, tmp_path: Path) -> None:
        """A holder that slept finds out before it writes, in the table and in the run itself."""
        state = self.make(tmp_path)
        lock, first = self.lease(state, "run-1", ["mx:a"])
        state.runs.create("run-1", meta(plan("a")), fence=first.fence)
        first.check()

        async def work() -> None:
            slept = state.runs.open("run-1", FakeClock(), first)
            await slept.claim("k", "mx", {})
            lock.release()  # the kernel believes that it is dead
            other = self.again(state)
            _, second = self.lease(other, "run-1", ["mx:a"])
            assert second.fence > first.fence
            lost = fails(LeaseLost, first.check)
            assert isinstance(lost, LeaseLost) and lost.rule == "lease-lost"
            await _raises(lambda: slept.claim("l", "mx", {}))
            await _raises(slept.check)
            awake = other.runs.open("run-1", FakeClock(), second)
            await awake.claim("m", "mx", {})
            for write_ in (
                lambda: slept.record("x"),
                lambda: slept.settle("k", {}),
                lambda: slept.claim("n", "mx", {}),
            ):
                await _raises(write_)
            awake.close()
            slept.close()
            fails(LeaseLost, lambda: state.runs.open("run-1", FakeClock(), first))

        asyncio.run(work())
        found = state.runs.view("run-1")
        assert [e.key for e in found.effects] == ["k", "m"] and state.runs.damage("run-1") == ""
        assert [e.data["fence"] for e in found.events if e.kind == "claimed"] == [first.fence, first.fence + 1]

    def test_what_was_given_up_is_free_and_its_number_is_not_given_again(self, tmp_path: Path) -> None:
        """A run that was refused at the last check."""
        state = self.make(tmp_path)
        lock, first = self.lease(state, "run-1", ["mx:a"])
        state.leases.give_up("run-1")
        lock.release()
        _, second = self.lease(state, "run-2", ["mx:a"])
        state.leases.begun("run-2")
        assert second.fence > first.fence and state.leases.history() == [(second.fence, "run-2")]
        fails(LeaseLost, first.check)

    # -- plans, audit --------------------------------------------------------------------------------------------

    def test_plans_are_kept_and_used_once(self, tmp_path: Path) -> None:
        """Whoever marks it first has it."""
        state = self.make(tmp_path)
        state.plans.write("plan-1", {"checksum": "c", "text": "ä"})
        state.plans.write("plan-2", {"checksum": "d"})
        other = self.again(state)
        assert other.plans.read("plan-1")["text"] == "ä" and other.plans.listed() == ["plan-2", "plan-1"]
        assert other.plans.listed(1) == ["plan-2"] and other.plans.used_by("c") == ""
        state.plans.mark_used("c", "run-1", 1.0)
        assert "run-1" in refused("plan-used", lambda: other.plans.mark_used("c", "run-2", 2.0)).message
        assert other.plans.used_by("c") == "run-1"
        fails(Invalid, lambda: state.plans.read("plan-3"))
        fails(Invalid, lambda: state.plans.read("../plan-1"))

    def test_anchors_are_read_back_the_last_of_each(self, tmp_path: Path) -> None:
        """In another process, too."""
        state = self.make(tmp_path)
        assert state.audit.read().anchors == {}
        for head, status in (("a" * 64, "begun"), ("b" * 64, "done")):
            state.audit.anchor(Anchor("run-1", head, status, 1.5, 3))
        found = self.again(state).audit.read()
        assert found.anchors["run-1"] == Anchor("run-1", "b" * 64, "done", 1.5, 3) and not found.damage


async def _raises(work: Callable[[], Any]) -> None:
    try:
        await work()
    except LeaseLost:
        return
    raise AssertionError("a stale lease could write")
