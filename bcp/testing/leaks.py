"""What work leaves behind in this process: files and connections, threads, tasks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

HANDLES = Path("/proc/self/fd")
BEATS = 10
"""Turns of the loop in which the other side may notice that a connection is closed."""


def held() -> set[str]:
    """What is open, each by what it is and by a number of its own: what is closed meanwhile, by whatever else goes on
    in the process, hides nothing that was opened."""
    found = {f"thread {t.ident} {t.name}" for t in threading.enumerate()}
    with contextlib.suppress(RuntimeError):  # no loop here
        found |= {f"task {t.get_name()}" for t in asyncio.all_tasks()}
    for handle in HANDLES.iterdir() if HANDLES.is_dir() else ():
        with contextlib.suppress(OSError):  # the listing itself is over
            found.add(f"file {handle.name} {handle.readlink()}")
    return found


async def left_by(work: Callable[[], Awaitable[object]], times: int) -> str:
    """Do it once, and then so many times more. What adds up, in words; empty: nothing does."""
    await work()
    before = held()
    for _ in range(times):
        await work()
    for _ in range(BEATS):
        await asyncio.sleep(0)
    more = held() - before
    for kind, plural in (("file", "open files and connections"), ("thread", "threads"), ("task", "tasks that go on")):
        count = sum(m.startswith(kind) for m in more)
        if count > times * 0.6:
            return f"{count} more {plural} after {times} times"
    return ""
