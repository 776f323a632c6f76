"""A run reads what it was told: at once when woken, at the poll otherwise, and not where a commit has just looked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bcp.contracts.journal import Journal
from bcp.engine.ear import Ear
from bcp.kernel.clock import SystemClock
from bcp.plugins.engines.embedded import EmbeddedStore
from bcp.store.memory.journal import MemoryJournal, MemoryRun

POLL_S = 0.02


def memory() -> MemoryJournal:
    """A journal that does not know whether anybody told anything."""
    return MemoryJournal(MemoryRun.made("run", {}, 0), SystemClock())


def test_a_wake_is_one_read_and_leaves_no_timer() -> None:
    """However often it is woken before it is read."""

    async def run() -> None:
        ear = Ear(memory())
        ear.wake()
        ear.wake()
        await asyncio.wait_for(ear.next(3600.0), 120)
        waiting = asyncio.ensure_future(ear.next(3600.0))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert ear._timer is not None and ear._timer.cancelled()

    asyncio.run(run())


def test_silence_ends_with_a_look() -> None:
    """A journal that knows nothing is read at every poll."""

    async def run() -> None:
        ear = Ear(memory())
        for _ in range(3):
            await asyncio.wait_for(ear.next(POLL_S), 120)

    asyncio.run(run())


def test_where_commits_look_nobody_polls_and_a_word_is_heard_all_the_same() -> None:
    """As long as the count grows nobody reads; once it stands still somebody does."""

    async def run() -> None:
        journal = memory()
        ear, polls = Ear(journal), 0

        def counted(tick: Callable[..., None]) -> Callable[..., None]:
            def go(*args: object) -> None:
                nonlocal polls
                polls += 1
                if polls < 5:
                    journal.untold += 1
                tick(*args)

            return go

        ear._tick = counted(ear._tick)  # type: ignore[method-assign]
        await asyncio.wait_for(ear.next(POLL_S), 120)
        assert polls == 5

    asyncio.run(run())


def test_a_commit_knows_whether_another_process_wrote(tmp_path) -> None:
    """Before the first read it does not know; after a word of somebody else only a read makes it know again."""
    store, path = EmbeddedStore(), tmp_path / "run-x.db"
    store.create(path, {"plan": {}, "nodes": []})

    async def run() -> None:
        journal: Journal = store.open(path, SystemClock())
        counts = []

        async def commit() -> None:
            await journal.record("note")
            counts.append(journal.untold)

        await commit()
        assert await journal.unread() == []
        await commit()
        await commit()
        store.tell(path, "abort", "alice", {}, 1.0)
        await commit()
        await commit()
        (found,) = await journal.unread()
        await journal.consume([found])
        await commit()
        assert counts == [0, 1, 2, 2, 2, 4]
        journal.close()

    asyncio.run(run())
