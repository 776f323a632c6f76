"""A piece of asynchronous work in a thread and an event loop of its own, which stands still on its way so that others
come in between: what lies between two steps is met every time, and not by luck.

In one event loop, whatever is done without an ``await`` in between looks as if it were one step. What is kept in files
or at a server can be seen and changed in between by other processes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")
HALT_S = 0.05
"""So long others may take while it stands still: who waits for a lock that it holds would wait for ever."""
STAND_S, MEET_S = 0.0005, 10.0
"""Of threads side by side: how long each stands still, and how long they wait for one another."""
OUTSIDE = frozenset({"posix", "nt", "io", "_io", "fcntl", "socket", "_socket", "ssl", "_ssl", "sqlite3", "mmap"})
"""Modules in C whose calls leave the process. What it keeps in its own memory nobody else can change."""
WITHIN = frozenset({"getpid", "getppid", "getuid", "geteuid", "getgid", "fspath", "urandom", "times", "strerror"})
"""Calls of theirs that nobody else could notice."""
UNDISTURBED_S = 1.0
"""So long one thread goes on where it does not leave the process: what it has in memory is its own."""
LOOP = os.path.dirname(asyncio.__file__)
SENDS = frozenset({"connect", "connect_ex", "send", "sendto", "sendmsg"})


def folders(thing: object) -> list[str]:
    """Where the modules of its class lie, and of those that it inherits from."""
    files = {getattr(sys.modules.get(c.__module__), "__file__", None) for c in type(thing).__mro__}
    return sorted({os.path.dirname(f) for f in files if f and not f.startswith(os.path.dirname(os.__file__) + os.sep)})


def leaves(called: Any) -> bool:
    """Does this function in C leave the process?"""
    module = called.__module__ or type(called.__self__).__module__
    return module in OUTSIDE and called.__name__ not in WITHIN


def at_once(count: int, work: Callable[[int], T], refused: type[Exception]) -> list[T]:
    """In so many threads at the same moment, each of which stands still for a moment before every call that leaves the
    process: others come in between. Results of those that were not refused."""
    start = threading.Barrier(count)

    def stand(frame: Any, event: str, what: Any) -> None:
        if event == "c_call" and leaves(what):
            time.sleep(STAND_S)

    def one(number: int) -> list[T]:
        start.wait(MEET_S)
        sys.setprofile(stand)
        try:
            return [work(number)]
        except refused:
            return []
        finally:
            sys.setprofile(None)

    before = sys.getswitchinterval()
    sys.setswitchinterval(UNDISTURBED_S)
    try:
        with ThreadPoolExecutor(count) as threads:
            return [found for some in threads.map(one, range(count)) for found in some]
    finally:
        sys.setswitchinterval(before)


class Halting(Generic[T]):
    """Its steps are counted: every call that leaves the process and every line in the folders that ``lines`` names.
    Before each of those that ``at`` names, ``meanwhile`` runs in the loop of whoever awaits ``run``, and
    the work stands still until it is over (or for ``HALT_S``)."""

    def __init__(
        self, work: Callable[[], Coroutine[Any, Any, T]], at: range | None = None, *, lines: Sequence[str] = ()
    ) -> None:
        self._work, self._at, self._lines = work, at or range(0), tuple(lines)
        self.steps = 0
        self.awaits = False
        """It spoke to others by its event loop: who is in the same loop comes in between at each ``await``."""

    async def run(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> T:
        """Its result. What it raises, and what ``meanwhile`` raises, is raised here."""
        self._loop = asyncio.get_running_loop()
        self._meanwhile = meanwhile
        self._end: asyncio.Future[T] = self._loop.create_future()
        self._wrong: BaseException | None = None
        threading.Thread(target=self._go, daemon=True).start()
        found = await self._end
        if self._wrong is not None:
            raise self._wrong
        return found

    def _go(self) -> None:
        profile, trace, trace_all = sys.getprofile(), sys.gettrace(), threading.gettrace()
        try:
            sys.setprofile(self._called)
            threading.setprofile(self._called)  # of threads that it begins
            if self._lines:
                sys.settrace(self._entered)
                threading.settrace(self._entered)
            found = asyncio.run(self._work())
            end = partial(self._end.set_result, found)
        except BaseException as error:
            end = partial(self._end.set_exception, error)
        finally:  # before anybody is told: whoever begins a thread then must not be looked at
            threading.setprofile(None)
            sys.setprofile(profile)
            if self._lines:
                threading.settrace(trace_all)
                sys.settrace(trace)
        self._loop.call_soon_threadsafe(end)

    def _called(self, frame: Any, event: str, what: Any) -> None:
        if event == "c_call" and leaves(what):
            self._step()
            code = frame.f_code
            if what.__name__ in SENDS and code.co_filename.startswith(LOOP) and code.co_name != "_write_to_self":
                self.awaits = True

    def _entered(self, frame: Any, event: str, what: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(self._lines) else None

    def _line(self, frame: Any, event: str, what: Any) -> Any:
        if event == "line":
            self._step()
        return self._line

    def _step(self) -> None:
        self.steps += 1
        if self.steps in self._at and self._meanwhile is not None:
            over = threading.Event()
            self._loop.call_soon_threadsafe(self._halt, over)
            over.wait(HALT_S)

    def _halt(self, over: threading.Event) -> None:
        task = self._loop.create_task(self._come_between())
        task.add_done_callback(lambda _: over.set())

    async def _come_between(self) -> None:
        assert self._meanwhile is not None
        try:
            await self._meanwhile()
        except BaseException as error:
            self._wrong = error
