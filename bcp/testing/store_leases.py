"""What every store promises of leases: see ``bcp.testing.store``, which has these tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from bcp.contracts.store import LeaseLost, State
from bcp.kernel.errors import BcpError
from bcp.testing.clock import FakeClock
from bcp.testing.halts import at_once
from bcp.testing.store_kit import DONE, HOLDS, STARTED, add, fails, meta, plan, refused, write
from bcp.testing.suite import Spoken


class LeaseSuite(Spoken):
    """Two runs whose targets overlap never work side by side."""

    def make(self, folder: Path) -> State:
        """A new, empty state."""
        raise NotImplementedError

    def again(self, state: State) -> State:
        """The same data, as another process sees it."""
        raise NotImplementedError

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
        with other.runs.lock("run-2") as lock:  # it lives, and was refused: it has nothing of what it asked for
            assert lock.take()
            refused("one-run-per-target", lambda: other.leases.take("run-2", ["mx:b", "mx:c"]))
            self.lease(other, "run-3", ["mx:c"])
        assert [h.run for h in other.leases.holders(["mx:a"])] == ["run-1"]
        assert [h.run for h in state.leases.holders()] == ["run-1", "run-3"]

    def test_of_many_that_take_a_target_at_once_one_has_it(self, tmp_path: Path) -> None:
        """Each from a thread of its own, as from a process: a look and what is written after it are one step."""
        state = self.make(tmp_path)
        state.leases.holders()  # its file is there

        def take(number: int) -> Any:
            return self.lease(self.again(state), f"run-{number}", ["mx:a", f"mx:own{number}"])

        got = at_once(6, take, BcpError)
        held = [h.run for h in state.leases.holders(["mx:a"])]
        assert len(got) == 1, f"{len(got)} of 6 runs were given mx:a at the same moment"
        assert len(held) == 1, f"mx:a is held by {held}"

    def test_a_lock_is_for_one(self, tmp_path: Path) -> None:
        """Of one run only, and free again when it was let go."""
        state = self.make(tmp_path)
        mine, theirs = state.runs.lock("run-1"), self.again(state).runs.lock("run-1")
        assert mine.take() and not theirs.take(), "two have the lock of one run"
        assert state.runs.is_live("run-1") and not state.runs.is_live("run-2"), "who is live does not follow the locks"
        other = state.runs.lock("run-2")
        assert other.take(), "the lock of another run is taken, too"
        other.release()
        mine.release()
        assert theirs.take(), "what was let go is not free"
        theirs.release()

    def test_other_targets_of_the_same_name_are_free(self, tmp_path: Path) -> None:
        """``mx:a`` is not ``service:a``, and not ``mx:a.b``."""
        state = self.make(tmp_path)
        self.lease(state, "run-1", ["mx:a"])
        for number, name in enumerate(("service:a", "mx:a.b", "mx:b", "group:mx:a"), 2):
            try:
                self.lease(state, f"run-{number}", [name])
            except BcpError as error:
                raise AssertionError(f"mx:a is held, and {name} is refused: {error.message}") from error
        held = [h.run for h in state.leases.holders(["mx:a"])]
        assert held == ["run-1"], f"run-1 has mx:a, and asked for its holders it tells {held}"

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


async def _raises(work: Callable[[], Any]) -> None:
    try:
        await work()
    except LeaseLost:
        return
    raise AssertionError("a stale lease could write")
