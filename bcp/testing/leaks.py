"""What work leaves behind: in this process files and connections, threads, tasks; on disk what is not synced."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

HANDLES = Path("/proc/self/fd")
BEATS = 10
"""Turns of the loop in which the other side may notice that a connection is closed."""
OF_THE_LOOP = "asyncio_"
"""How threads of the loop's own pool are called: on a busy machine it grows to its bound, and ends with the loop."""


def held() -> set[str]:
    """What is open, each by what it is and by a number of its own: what is closed meanwhile, by whatever else goes on
    in the process, hides nothing that was opened."""
    found = {f"thread {t.ident} {t.name}" for t in threading.enumerate() if not t.name.startswith(OF_THE_LOOP)}
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


class Synced:
    """Which file below a folder is written by Python, in threads that begin meanwhile, while nobody syncs anything.

    What a library in C writes by itself (SQLite, LMDB) is not seen, nor is it missed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.unsafe = ""

    def __enter__(self) -> Synced:
        self._before, self._stamps = threading.getprofile(), self._sizes()
        self._written, self._synced = False, False
        threading.setprofile(self._called)
        return self

    def __exit__(self, *error: object) -> None:
        threading.setprofile(self._before)
        changed = [p.name for p, size in self._sizes().items() if self._stamps.get(p) != size]
        if changed and self._written and not self._synced:
            self.unsafe = changed[0]

    def _sizes(self) -> dict[Path, int]:
        return {p: p.stat().st_size for p in self.folder.rglob("*") if p.is_file()}

    def _called(self, frame: Any, event: str, what: Any) -> None:
        if event != "c_call":
            return
        if what.__name__ in {"fsync", "fdatasync", "sync", "msync"}:
            self._synced = True
        elif what.__name__ in {"write", "writelines", "writev", "pwrite"}:
            file = getattr(what, "__self__", None)
            self._written = self._written or type(file).__module__ == "_io" or what.__module__ == "posix"
            with contextlib.suppress(OSError, ValueError, AttributeError, IndexError):
                flags = Path(f"/proc/self/fdinfo/{file.fileno()}").read_text().partition("flags:")[2].split()[0]  # type: ignore[union-attr]
                self._synced = self._synced or bool(int(flags, 8) & os.O_DSYNC)
        elif what.__name__ == "connect" and what.__module__ in {"sqlite3", "_sqlite3"}:
            self._synced = True  # it syncs by itself
