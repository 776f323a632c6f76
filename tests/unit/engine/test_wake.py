"""An answer reaches its gate at once in the process that heard it, whatever the poll for other processes is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bcp.engine.approvals import JournalApprovals
from bcp.engine.ear import Ear
from bcp.engine.runner import Runner
from bcp.kernel.clock import SystemClock
from bcp.kernel.errors import GateClosed
from bcp.store.memory.journal import MemoryJournal, MemoryRun

NEVER_S = 3_600.0
"""A poll that no test waits for."""


class Journal:
    """Takes events."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def record(self, kind: str, **data: Any) -> None:
        """An event."""
        self.events.append(kind)


def answer(yes: bool) -> dict[str, Any]:
    """Of alice, now, as the run's state keeps it."""
    return {"by": "alice", "at": SystemClock().now(), "yes": yes, "checksum": "sum", "step": "gate"}


def approvals(journal: Journal) -> JournalApprovals:
    """A service whose poll never comes."""
    return JournalApprovals(
        journal, SystemClock(), lambda refs: frozenset({"alice"}), initiator="bob", checksum="sum", standing=dict,
        listener=lambda p: None, poll_s=NEVER_S,
    )  # fmt: skip


@pytest.mark.parametrize("yes", [True, False])
def test_an_answer_ends_the_wait_without_a_poll(yes: bool) -> None:
    """Whichever it is; and the gate is closed in the journal."""

    async def run() -> None:
        journal = Journal()
        service = approvals(journal)
        waiting = asyncio.ensure_future(service.wait("gate", ["x"], 1, 600.0, exclude_initiator=True))
        while "gate_opened" not in journal.events:
            await asyncio.sleep(0)
        service.remember([answer(yes)])
        if yes:
            assert (await asyncio.wait_for(waiting, 120)).approved_by == ("alice",)
        else:
            with pytest.raises(GateClosed):
                await asyncio.wait_for(waiting, 120)
        assert journal.events[-1] == "gate_closed"

    asyncio.run(run())


def test_an_answer_that_came_before_the_wait_is_not_waited_for() -> None:
    """It stands in the list already."""

    async def run() -> None:
        journal = Journal()
        service = approvals(journal)
        service.opened = {"gate": {"opened": SystemClock().now() - 5.0, "deadline": SystemClock().now() + 600.0}}
        service.remember([answer(True)])
        found = await asyncio.wait_for(service.wait("gate", ["x"], 1, 600.0, exclude_initiator=True), 120)
        assert found.approved_by == ("alice",)

    asyncio.run(run())


def test_a_woken_runner_reads_what_it_was_told(monkeypatch) -> None:
    """One that is not woken reads at its next poll; each wake is one read."""
    monkeypatch.setattr("bcp.engine.runner.POLL_S", NEVER_S)

    async def run() -> None:
        runner = object.__new__(Runner)
        runner._ear, runner.broken, reads = Ear(MemoryJournal(MemoryRun.made("run", {}, 0), SystemClock())), None, []

        async def hear() -> None:
            reads.append(1)

        monkeypatch.setattr(runner, "_hear", hear)
        loop = asyncio.ensure_future(runner._watch_signals())
        for expected in (1, 2, 3):
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(reads) == expected
            runner.wake()
        loop.cancel()

    asyncio.run(run())
