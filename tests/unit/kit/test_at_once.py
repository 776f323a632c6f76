"""A gate counts in each event loop by itself: a command plans in one and runs in the next."""

from __future__ import annotations

import asyncio

import pytest

from bcp.kit.at_once import AtOnce


async def _most(gate: AtOnce, count: int) -> int:
    """How many were inside at the same time."""
    inside, most = 0, 0

    async def one() -> None:
        nonlocal inside, most
        async with gate.here:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(count)))
    return most


@pytest.mark.parametrize("at_once", [1, 4])
def test_so_many_at_once_in_every_loop(at_once) -> None:
    """With waiting in the first loop, which binds asyncio's own semaphore to it."""
    gate = AtOnce(at_once)
    assert [asyncio.run(_most(gate, 9)) for _ in range(3)] == [at_once] * 3


def test_a_loop_that_was_cut_inside_does_not_hold_the_next_one_up() -> None:
    gate = AtOnce()

    async def stay() -> None:
        async with gate.here:
            await asyncio.Event().wait()

    async def cut() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.gather(stay(), stay())

    asyncio.run(cut())
    assert asyncio.run(_most(gate, 3)) == 1
