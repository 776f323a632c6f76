"""Libraries that block, in a thread of their own with a deadline.

The thread is a daemon: a library that never ends (an answer that drips for hours) holds neither the event loop nor the
end of the process, as a pool of threads would.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], timeout_s: float) -> T:
    """What ``work`` gives or raises. Raises ``TimeoutError`` after so many seconds; the thread is left behind."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            found = work()
        except Exception as error:  # handed to whoever waits
            _tell(loop, done, done.set_exception, error)
        except BaseException as error:  # handed over as it is, it would end this process: a daemon that watches
            _tell(loop, done, done.set_exception, RuntimeError(f"it wants to end the program ({error!r})"))
        else:
            _tell(loop, done, done.set_result, found)

    threading.Thread(target=run, daemon=True).start()
    async with asyncio.timeout(timeout_s):
        return await done


def _tell(loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], tell: Callable[[Any], None], what: Any) -> None:
    """Hand the end over, where somebody still waits for it."""
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(lambda: None if done.done() else tell(what))
