"""An event loop whose time moves only when nothing is left to do, and lives in it that can be ended as by ``kill -9``.

Everything that a game plays with runs in one such loop: the lab's servers, the daemon, the commands. Sockets are real
(loopback), threads are real; only waiting costs nothing. A ``Life`` is a process as far as a game is concerned: what
runs in it ends between two steps of the loop, without any of its ``finally``, and its locks are free.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import threading
import time as real
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from bcp.store.files.locks import FileLock
from bcp.store.worker import Done, Worker

T = TypeVar("T")
LIFE: ContextVar[Life | None] = ContextVar("life", default=None)
STUCK_S = 60.0
"""Real time after which a game that waits for a thread is broken."""
SPIN = 100_000
"""Turns of the loop in one instant after which something waits for itself."""
GRAVEYARD: list[Any] = []
"""What killed lives left: kept, so that no ``finally`` of theirs is run by the collector."""


class Killed(BaseException):
    """Thrown into a thread whose life was ended while it waited for the loop."""


class Life:
    """What would be a process."""

    def __init__(self, name: str) -> None:
        self.name, self.dead = name, False
        self.left = -1
        """So many steps of the loop until it is killed; less than 0: it is not."""
        self.tasks: list[asyncio.Task[Any]] = []
        self.locks: list[FileLock] = []
        self.waiting: list[Any] = []
        """Futures that threads of this life wait for."""

    def kill(self) -> None:
        """Nothing of it runs any more; the kernel frees its locks."""
        self.dead = True
        GRAVEYARD.append((self.tasks, self.waiting))
        for lock in self.locks:
            lock.release()
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_exception(Killed())


def _life_of(context: Any) -> Life | None:
    return context.get(LIFE) if context is not None else None


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 1000.0
        self._busy = 0
        self._heard = False
        """Did packets come in this instant? Then others may follow."""
        self._lock = threading.Lock()
        self.steps = self._rounds = 0
        self.set_task_factory(_factory)

    def time(self) -> float:
        """Virtual seconds."""
        return self._virtual

    def busy(self, more: int) -> None:
        """A thread begins (1) or ends (-1) to work: time stands still meanwhile."""
        with self._lock:
            self._busy += more
        if more < 0:
            self.call_soon_threadsafe(int)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """As always, and time waits for it."""
        with self._lock:
            self._busy += 1
        context = copy_context()

        def work() -> T:
            try:
                return context.run(func, *args)
            finally:
                with self._lock:
                    self._busy -= 1

        try:
            return super().run_in_executor(executor, work)
        except BaseException:
            with self._lock:
                self._busy -= 1
            raise

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
        """A game has no signals of its own: Ctrl-C ends the player."""
        raise NotImplementedError

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        while scheduled and scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(scheduled)._scheduled = False
        events = self._selector.select(0)
        if not events and not ready:
            events = self._idle()
        self._heard = self._heard or bool(events)
        self._process_events(events)
        while scheduled and scheduled[0]._when <= self._virtual:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        self._rounds = self._rounds + 1 if events or ready else 0
        if self._rounds > SPIN:
            raise AssertionError(f"the loop turns without time passing: {[repr(h) for h in list(ready)[:6]]}")
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled and not self._is_dead(handle):
                handle._run()

    def _process_events(self, event_list: Any) -> None:
        """Sockets of the dead are heard no more: what lies in them would wake us for ever."""
        alive = []
        for key, mask in event_list:
            lives = [_life_of(h._context) for h in key.data if h is not None]
            if any(life is not None and life.dead for life in lives):
                self._selector.unregister(key.fileobj)
            else:
                alive.append((key, mask))
        super()._process_events(alive)

    def _idle(self) -> Any:
        """Nothing is ready: wait for threads, else for late packets, else let time pass."""
        began = real.monotonic()
        while True:
            with self._lock:
                busy = self._busy
            events = self._selector.select(0.05 if busy else 0)
            if not events and not busy and self._heard:  # loopback delivers at once, as good as always
                os.sched_yield()
                events = self._selector.select(0)
            if events or self._ready:
                return events
            if not busy:
                break
            if real.monotonic() - began > STUCK_S:
                raise AssertionError("the game waits for a thread that does not end")
        self._heard, self._rounds = False, 0
        if self._scheduled:
            self._virtual = max(self._virtual, self._scheduled[0]._when)
        return []

    def _is_dead(self, handle: asyncio.Handle) -> bool:
        life = _life_of(handle._context)
        if life is None:
            return False
        if life.dead:
            return True
        self.steps += 1
        if life.left >= 0:
            life.left -= 1
            if life.left < 0:
                life.kill()
                return True
        return False


def _factory(loop: asyncio.AbstractEventLoop, work: Any, context: Any = None, **more: Any) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context, **more)
    life = _life_of(context) if context is not None else LIFE.get()
    if life is not None:
        life.tasks = [t for t in life.tasks if not t.done()] if len(life.tasks) % 200 == 199 else life.tasks
        life.tasks.append(task)
    return task


def live(life: Life, work: Callable[[], T]) -> T:
    """Call it as that life."""
    context = copy_context()
    context.run(LIFE.set, life)
    return context.run(work)


def begin(loop: VirtualLoop, life: Life, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task of that life."""
    return live(life, lambda: loop.create_task(work))


class Time:
    """Stands in for the module ``time`` in our own modules: the loop's time, and a wall clock that can be set."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop, self.offset = loop, real.time() - loop.time()

    def time(self) -> float:
        """The wall clock."""
        return self.loop.time() + self.offset

    def monotonic(self) -> float:
        """The steady clock."""
        return self.loop.time()

    def strftime(self, form: str, *at: Any) -> str:
        """The wall clock's, where nothing is given."""
        return real.strftime(form, *(at or (real.localtime(self.time()),)))

    def __getattr__(self, name: str) -> Any:
        return getattr(real, name)


def _held(hand: Callable[..., None]) -> Callable[..., None]:
    """Time waits for the threads of journals too."""

    def go(worker: Worker, work: Callable[[], Any], done: Done) -> None:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            hand(worker, work, done)
            return
        context = copy_context()
        loop.busy(1)

        def working() -> Any:
            try:
                return context.run(work)
            finally:
                loop.busy(-1)

        hand(worker, working, done)

    return go


Worker.hand = _held(Worker.hand)  # type: ignore[method-assign]
