"""The end of a step goes to disk with the beginning of the next: one commit, in order, nothing told before it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bcp.contracts.journal import ClaimState
from bcp.engine.notes import Notes
from bcp.engine.state import Node, replay
from bcp.kernel.errors import StorageError
from bcp.store.sqlite import runfile
from bcp.store.sqlite.journal import PATIENCE, SqliteJournal
from bcp.testing.clock import FakeClock

NODES = [Node("one", "activation", (), False, False), Node("two", "activation", ("one",), False, False)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run-1.db"
    runfile.create(path, {"plan": {}, "nodes": [n.to_data() for n in NODES]})
    return path


class Counting(SqliteJournal):
    """Knows how many operations each commit had. May be told to fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, FakeClock())
        self.commits: list[int] = []
        self.full = False

    def _commit(self, operations):
        self.commits.append(len(operations))
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        return super()._commit(operations)


def noted(journal, told) -> tuple[Notes, asyncio.Event]:
    turn = asyncio.Event()
    state = replay(NODES, journal.events())
    return Notes(journal, state, FakeClock(), lambda p: told.append((p.kind, p.step)), turn), turn


def kinds(path: Path) -> list[str]:
    return [e.kind for e in runfile.read_record(path).events]


async def hands_on(journal, notes, turn) -> None:
    """One ends, and two claims as soon as the loop says that it may."""
    ended = asyncio.ensure_future(notes.over("one", status="ok"))
    await turn.wait()
    assert notes.state.steps["one"].status == "ok", "what comes next may begin"
    claim = await journal.claim("run-1/two#0", "two", {}, event="step_started")
    assert claim.state is ClaimState.GO
    await ended


def test_the_end_of_one_and_the_claim_of_the_next_are_one_commit(path) -> None:
    journal, told = Counting(path), []

    async def play() -> None:
        notes, turn = noted(journal, told)
        await hands_on(journal, notes, turn)

    asyncio.run(play())
    assert journal.commits == [2] and kinds(path) == ["step_finished", "step_started"]
    assert told == [("step_finished", "one")]
    journal.close()


def test_if_that_commit_fails_neither_is_there_and_nobody_was_told(path) -> None:
    """The next effect is not begun, and what was done is in doubt for the next process."""
    journal, told = Counting(path), []
    journal.full = True

    async def play() -> None:
        notes, turn = noted(journal, told)
        ended = asyncio.ensure_future(notes.over("one", status="ok"))
        await turn.wait()
        with pytest.raises(StorageError):
            await journal.claim("run-1/two#0", "two", {})
        with pytest.raises(StorageError):
            await ended

    asyncio.run(play())
    assert kinds(path) == [] and told == []
    journal.close()


def test_without_a_next_it_is_on_disk_after_a_few_turns(path) -> None:
    journal, told = Counting(path), []

    async def play() -> None:
        notes, _ = noted(journal, told)
        ended = asyncio.ensure_future(notes.over("one", status="ok"))
        for _ in range(PATIENCE):
            await asyncio.sleep(0)
            assert journal.commits == [] and told == []
        await ended

    asyncio.run(play())
    assert journal.commits == [1] and kinds(path) == ["step_finished"] and told == [("step_finished", "one")]
    journal.close()


def test_what_is_in_a_hurry_takes_along_what_is_not(path) -> None:
    """A settlement that nobody waits for is no reason for a sync of its own."""
    journal = Counting(path)

    async def play() -> None:
        await journal.claim("k", "one", {})
        soon = [journal.settle_soon("k", {"state": "ok"}), journal.record_soon("step_finished", step="one")]
        await journal.record("phase_started")
        await asyncio.gather(*soon)

    asyncio.run(play())
    assert journal.commits == [1, 3] and kinds(path) == ["claimed", "settled", "step_finished", "phase_started"]
    journal.close()


def test_a_journal_that_cannot_wait_writes_at_once(path) -> None:
    """Back ends of others need not have it."""
    journal, told = Counting(path), []

    class Plain:
        run_id = "run-1"

        def __getattr__(self, name):
            if name == "record_soon":
                raise AttributeError(name)
            return getattr(journal, name)

    async def play() -> None:
        state = replay(NODES, journal.events())
        notes = Notes(Plain(), state, FakeClock(), lambda p: told.append(p.kind), asyncio.Event())  # type: ignore[arg-type]
        await notes.over("one", status="ok")

    asyncio.run(play())
    assert journal.commits == [1] and told == ["step_finished"]
    journal.close()
