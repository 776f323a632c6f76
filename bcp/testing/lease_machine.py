"""A random player for leases: processes take overlapping sets, die, are taken over, end, go back, and wake up late.

Needs hypothesis. What must hold at every moment: no two runs that are not related hold a name in common, numbers only
grow, and whoever lost a lease cannot write by it.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from bcp.contracts.store import LeaseLost, Lock, State
from bcp.kernel.errors import Refused
from bcp.testing.clock import FakeClock
from bcp.testing.store import DONE, STARTED, add, plan, write

NAMES = ("a", "b", "c", "d")


class LeaseMachine(RuleBasedStateMachine):
    """See the module. ``lease_machine`` makes one for a store."""

    make: Callable[[Path], State]
    again: Callable[[State], State]

    held = Bundle("held")
    lost = Bundle("lost")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="bcp-leases-"))
        self.state = type(self).make(self.folder)
        self.count = self.highest = 0
        self.open: dict[str, tuple[frozenset[str], str]] = {}
        """Runs that are not over: names and parent."""
        self.locks: dict[str, Lock] = {}

    def teardown(self) -> None:
        """Leave nothing."""
        for lock in self.locks.values():
            lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _take(self, run: str, names: frozenset[str], parent: str) -> Any:
        state = type(self).again(self.state)
        lock = state.runs.lock(run)
        assert lock.take()
        try:
            lease = state.leases.take(run, {f"mx:{n}" for n in names}, parent=parent)
        except Refused:
            lock.release()
            raise
        assert lease.fence > self.highest, "a number was given twice"
        self.highest = lease.fence
        self.locks[run] = lock
        return lease

    def _conflicts(self, run: str, names: frozenset[str], parent: str) -> bool:
        return any(
            names & theirs and run not in {other, above} and other != parent
            for other, (theirs, above) in self.open.items()
            if other != run
        )

    @rule(target=held, names=st.frozensets(st.sampled_from(NAMES), min_size=1), back=st.booleans())
    def begin(self, names: frozenset[str], back: bool) -> Any:
        """A new run, or one that goes back from the oldest that is not over."""
        self.count += 1
        run = f"run-{self.count:04}"
        parent = next((r for r, (n, p) in self.open.items() if not p and n & names), "") if back else ""
        expected = self._conflicts(run, names, parent)
        try:
            lease = self._take(run, names, parent)
        except Refused as error:
            assert expected and error.rule == "one-run-per-target"
            return (run, None)
        assert not expected, "two runs have a target in common"
        add(self.state, run, plan(*names, parent=parent), STARTED)
        self.open[run] = (names, parent)
        return (run, lease)

    @rule(target=lost, one=consumes(held))
    def taken_over(self, one: Any) -> Any:
        """Its process is believed dead; another goes on with the run."""
        run, lease = one
        if lease is None or run not in self.open:
            return (run, None)
        self.locks.pop(run).release()
        names, parent = self.open[run]
        try:
            self._take(run, names, parent)
        except Refused:
            assert self._conflicts(run, names, parent)
        else:
            return (run, lease)
        return (run, None)

    @rule(one=consumes(held))
    def over(self, one: Any) -> None:
        """The run ends, and its process."""
        run, lease = one
        if lease is not None and run in self.open:
            write(self.state, run, DONE)
            self.locks.pop(run).release()
            del self.open[run]

    @rule(one=held)
    def still_ours(self, one: Any) -> None:
        """Whoever holds may write."""
        if one[1] is not None:
            one[1].check()

    @rule(one=lost)
    def wakes_up(self, one: Any) -> None:
        """Whoever slept may not."""
        run, lease = one
        if lease is None:
            return
        try:
            lease.check()
            raise AssertionError("a lost lease still holds")
        except LeaseLost:
            pass

        async def writes() -> None:
            journal = self.state.runs.open(run, FakeClock(), lease)
            await journal.claim(f"late-{self.count}", "mx", {})

        try:
            asyncio.run(writes())
        except LeaseLost:
            return
        raise AssertionError("a lost lease wrote a claim")

    @invariant()
    def nobody_shares(self) -> None:
        """No two holders have a name in common, but a run and the one that goes back from it."""
        holders = self.state.leases.holders()
        for i, one in enumerate(holders):
            for two in holders[i + 1 :]:
                related = one.run == two.parent or two.run == one.parent
                assert related or not one.names & two.names, f"{one.run} and {two.run}"


def lease_machine(make: Callable[[Path], State], again: Callable[[State], State]) -> type[LeaseMachine]:
    """The player for one store. Its ``TestCase`` is for pytest."""
    return type("Leases", (LeaseMachine,), {"make": staticmethod(make), "again": staticmethod(again)})
