"""What adds up is a leak; the pool of the loop has a bound of its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bcp.testing.leaks import left_by


def test_the_loops_own_pool_may_grow() -> None:
    """Each time one more is under way at once, so that the pool needs one more thread."""
    most = []

    async def work() -> None:
        most.append(None)
        together = threading.Barrier(min(4, len(most)))
        await asyncio.gather(*(asyncio.to_thread(together.wait, 20) for _ in range(together.parties)))

    assert asyncio.run(left_by(work, 3)) == ""


@pytest.mark.parametrize("times", [3, 6])
def test_threads_of_ones_own_that_stay_are_a_leak(times) -> None:
    end = threading.Event()

    async def work() -> None:
        threading.Thread(target=end.wait, args=(20,), daemon=True).start()

    try:
        assert asyncio.run(left_by(work, times)) == f"{times} more threads after {times} times"
    finally:
        end.set()
