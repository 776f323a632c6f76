"""One thread that does what it is handed, in order: one hop there, one hop back.

``run_in_executor`` makes two futures, chains them through locks and wakes the loop by a callback of a callback; a run
that commits twice a step would pay more for that than for its SQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Done = Callable[[Any, BaseException | None], None]
"""Called on the loop with what the work gave, or with what it raised."""
_Job = tuple[asyncio.AbstractEventLoop, Context, Callable[[], Any], Done]


class Worker:
    """The thread. It ends when it is closed, when nobody holds it any more, and before the interpreter does."""

    def __init__(self, name: str) -> None:
        queue: SimpleQueue[_Job | None] = SimpleQueue()
        thread = threading.Thread(target=_work, args=(queue,), name=name, daemon=True)
        thread.start()
        self._queue, self._end = queue, weakref.finalize(self, _stop, queue, thread)

    def hand(self, work: Callable[[], Any], done: Done) -> None:
        """Do this after all that was handed over before; ``done`` is called on the loop that runs here, in the context
        of now."""
        self._queue.put((asyncio.get_running_loop(), copy_context(), work, done))

    async def do(self, work: Callable[[], T]) -> T:
        """The same, awaited. Raises what the work raises. Cancelled meanwhile, the work is done all the same."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.hand(work, partial(_answer, future))
        return await future

    def close(self) -> None:
        """Do what was handed over, then end. A second time: nothing."""
        self._end()


def _work(queue: SimpleQueue[_Job | None]) -> None:
    while (job := queue.get()) is not None:
        loop, context, work, done = job
        found, error = None, None
        try:
            found = work()
        except BaseException as raised:  # it belongs to whoever waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done, found, error, context=context)
        del job, loop, context, work, done, found, error  # an idle thread keeps nothing alive


def _stop(queue: SimpleQueue[_Job | None], thread: threading.Thread) -> None:
    queue.put(None)
    if thread is not threading.current_thread():
        thread.join()


def _answer(future: asyncio.Future[Any], found: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(found)
