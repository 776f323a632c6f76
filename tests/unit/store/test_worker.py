"""The thread that does what it is handed: in order, once, answered on the loop."""

from __future__ import annotations

import asyncio
import functools
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bcp.store.worker import Worker


def alone(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test on a loop of its own."""

    @functools.wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


@alone
async def test_work_is_done_in_order_and_answered_on_the_loop() -> None:
    """All of it in one thread that is not the loop's."""
    worker, here, order = Worker("w"), threading.get_ident(), []
    done = asyncio.Event()

    def work(n: int) -> int:
        order.append((n, threading.get_ident()))
        return n * n

    answers: list[tuple[int, BaseException | None, int]] = []

    def answered(found: int, error: BaseException | None) -> None:
        answers.append((found, error, threading.get_ident()))
        if len(answers) == 3:
            done.set()

    for n in range(3):
        worker.hand(lambda n=n: work(n), answered)
    await done.wait()
    worker.close()
    assert [n for n, _ in order] == [0, 1, 2] and len({t for _, t in order}) == 1 and order[0][1] != here
    assert answers == [(0, None, here), (1, None, here), (4, None, here)]


@alone
async def test_what_it_raises_comes_back_and_the_thread_lives_on() -> None:
    """Also what is no ``Exception``: it belongs to whoever asked."""
    worker = Worker("w")
    for kind in (ValueError, SystemExit):

        def fail(kind: type[BaseException] = kind) -> None:
            raise kind("no")

        errors: asyncio.Queue[BaseException | None] = asyncio.Queue()
        worker.hand(fail, lambda _, error: errors.put_nowait(error))
        assert type(await errors.get()) is kind
    assert await worker.do(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await worker.do(lambda: 1 // 0)
    worker.close()


@alone
async def test_who_is_cancelled_leaves_the_work_to_be_done() -> None:
    """The answer finds nobody, and that is no fault."""
    worker, go, did = Worker("w"), threading.Event(), []
    task = asyncio.create_task(worker.do(lambda: (go.wait(120), did.append(1))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert await worker.do(lambda: list(did)) == [1]
    worker.close()


@alone
async def test_closing_waits_for_what_was_handed_over() -> None:
    """A second time does nothing."""
    worker, did = Worker("w"), []
    for n in range(5):
        worker.hand(lambda n=n: did.append(n), lambda *_: None)
    worker.close()
    assert did == [0, 1, 2, 3, 4]
    worker.close()


def test_a_loop_that_is_gone_does_not_end_the_thread() -> None:
    """The work of a loop that was closed meanwhile is done, and nobody is told."""
    worker, go = Worker("w"), threading.Event()

    async def leave() -> None:
        worker.hand(go.wait, lambda *_: pytest.fail("nobody is there"))

    asyncio.run(leave())
    go.set()
    assert asyncio.run(worker.do(lambda: 5)) == 5
    worker.close()


def test_a_worker_that_nobody_holds_ends_its_thread() -> None:
    """A journal that was never closed leaves no thread behind."""
    worker = Worker("forgotten")
    (thread,) = [t for t in threading.enumerate() if t.name == "forgotten"]
    del worker
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()
