"""The conformance suite over both stores, and leases played at random."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings

from bcp.contracts.store import State
from bcp.store.memory.state import MemoryState
from bcp.store.sqlite.state import SqliteState
from bcp.testing.lease_machine import lease_machine
from bcp.testing.store import StoreSuite


class TestMemory(StoreSuite):
    """Nothing outlives the process: another process is the same object."""

    def make(self, folder: Path) -> State:
        return MemoryState()

    def again(self, state: State) -> State:
        return state


class TestSqlite(StoreSuite):
    """Another process has connections of its own."""

    def make(self, folder: Path) -> State:
        return SqliteState(folder / "state")

    def again(self, state: State) -> State:
        assert isinstance(state, SqliteState)
        return SqliteState(state.folder)


def _checked(machine, examples):
    case = machine.TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return case


TestMemoryLeases = _checked(lease_machine(lambda folder: MemoryState(), lambda s: s), 60)
TestSqliteLeases = _checked(
    lease_machine(lambda folder: SqliteState(folder / "state"), lambda s: SqliteState(s.folder)), 12
)
