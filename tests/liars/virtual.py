"""An event loop whose time is free: when nothing can happen any more at this instant, it is the next timer's instant.

The sockets are real. Both ends of every connection live in this one loop, so that what was written is readable at once:
a loop that finds nothing readable, no thread at work and no program running has nothing to wait for but time.
"""

from __future__ import annotations

import asyncio
import io
import selectors
import time as real
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from bcp.store.worker import Done, Worker

LOOKS = 2
"""So often in a row nothing must be there before time moves: the kernel may still carry a packet."""
PATIENCE_S = 0.0005
REAL_WAIT_S = 0.05
RESOLUTION_S = 1e-6
"""What is due within this is due now. asyncio adds the clock's own, a nanosecond, and after 2^24 seconds of games a
nanosecond more is the same number: a timer of this very instant was never due, and the loop turned without end."""
STALL_S = 5.0
"""Of real time: a thread that is still at work then is not waited for any longer."""


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type,misc]
    """Polls; moves the loop's time where there is nothing else to wait for."""

    loop: VirtualLoop
    _waited = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.loop.lose_patience()
        found = super().select(0)
        if found or timeout == 0:
            return found
        for _ in range(LOOKS):
            if found := super().select(PATIENCE_S):
                return found
        if timeout is None or (self.loop.elsewhere and self._patient()):
            return super().select(REAL_WAIT_S)
        self._waited = 0.0
        self.loop.moved += timeout
        return []

    def _patient(self) -> bool:
        """A thread is waited for, but not for ever."""
        self._waited += REAL_WAIT_S
        return self._waited <= STALL_S


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` stands still while there is work, and jumps to the next timer when there is none."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.moved = 0.0
        self.elsewhere = 0
        """Threads and programs at work: while there are any, time does not move."""
        self._patience_s = self._since = 0.0
        super().__init__(selector)
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        return self.moved

    @property
    def patience_s(self) -> float:
        """Real seconds from now after which a game that still goes on has failed; 0: none."""
        return self._patience_s

    @patience_s.setter
    def patience_s(self, seconds: float) -> None:
        self._patience_s, self._since = seconds, real.monotonic()

    def lose_patience(self) -> None:
        """Raises ``AssertionError`` with the stack of every task, when patience is over."""
        if self._patience_s and real.monotonic() - self._since > self._patience_s:
            self.patience_s = 0.0
            out = io.StringIO()
            for task in asyncio.all_tasks(self):
                task.print_stack(file=out)
            raise AssertionError(f"the game does not end; it is {self.moved} in it\n{out.getvalue()}")

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """As it is, and counted until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self.elsewhere += 1
        future.add_done_callback(self._back)
        return future

    def _back(self, _: Future[Any] | asyncio.Future[Any]) -> None:
        self.elsewhere -= 1

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """As it is; time stands still while the program runs."""
        transport, protocol = await super().subprocess_exec(*args, **kwargs)
        self.elsewhere += 1
        lost = transport._process_exited  # type: ignore[attr-defined]

        def exited(code: int) -> None:
            self.elsewhere -= 1
            lost(code)

        transport._process_exited = exited  # type: ignore[attr-defined]
        return transport, protocol


class LoopClock:
    """The loop's time as a ``Clock``."""

    def __init__(self, loop: VirtualLoop, start: float) -> None:
        self.loop, self.start = loop, start - loop.time()

    def now(self) -> float:
        """Wall time."""
        return self.start + self.loop.time()

    def monotonic(self) -> float:
        """Steady time."""
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait, for nothing."""
        await asyncio.sleep(max(0.0, seconds))


def _held(hand: Callable[..., None]) -> Callable[..., None]:
    """Time waits for the threads of journals too."""

    def go(worker: Worker, work: Callable[[], Any], done: Done) -> None:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            hand(worker, work, done)
            return
        loop.elsewhere += 1

        def back(found: Any, error: BaseException | None) -> None:
            loop.elsewhere -= 1
            done(found, error)

        hand(worker, work, back)

    return go


Worker.hand = _held(Worker.hand)  # type: ignore[method-assign]
