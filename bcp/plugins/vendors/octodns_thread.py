"""Blocking work of a library that may hang: in a thread that nothing waits for, bounded in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Gate:
    """May the write still begin? Whoever stops waiting closes it; a write that has begun cannot be called back."""

    def __init__(self) -> None:
        self._lock, self._closed, self.begun = threading.Lock(), False, False

    def begin(self) -> bool:
        """Called by the thread, just before it writes."""
        with self._lock:
            self.begun = not self._closed
            return self.begun

    def close(self) -> bool:
        """Called when nobody waits any more. True: nothing was written, and nothing will be."""
        with self._lock:
            self._closed = True
            return not self.begun


async def in_thread(work: Callable[[], T], timeout_s: float) -> T:
    """What the work gives, or raises. Raises ``TimeoutError`` after so many seconds; the thread is left to itself and
    does not keep the process alive."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(value: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)  # type: ignore[arg-type]  # a value is always there without an error

    def go() -> None:
        value, error = None, None
        try:
            value = work()
        except Exception as caught:
            error = caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, value, error)

    threading.Thread(target=go, daemon=True, name="octodns").start()
    return await asyncio.wait_for(done, timeout_s)
