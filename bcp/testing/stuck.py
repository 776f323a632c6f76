"""Where a thread with an event loop waits outside of the loop: in a call that blocks, while nobody else has a turn.

It is looked at from another thread, now and then. A machine that is busy makes nobody wait in one place: whoever works,
is ready to work, or waits for a disk is not stuck. Linux tells it; elsewhere nobody is ever stuck.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from pathlib import Path
from types import FrameType

LOOK_S = 0.04
"""Between two looks."""
STUCK_S = 0.12
"""In one and the same wait for so long, it is stuck."""
_SWITCHES = re.compile(rb"^voluntary_ctxt_switches:\t(\d+)$", re.MULTILINE)


class Stuck:
    """One thread, looked at by whoever calls ``look``."""

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread
        self._wait, self._since = b"", 0.0
        self.where = ""
        """The first place in which it was stuck, as file:line; empty: nowhere."""

    def look(self) -> None:
        """One more time."""
        now = time.monotonic()
        wait, where = self._now()
        if not wait or wait != self._wait:
            self._wait, self._since = wait, now
        elif now - self._since >= STUCK_S and not self.where:
            self.where = where

    def _now(self) -> tuple[bytes, str]:
        """Which wait it is in (the kernel counts them), and where; nothing, where it is in none or waits as a loop
        does."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        if frame is None or frame.f_code.co_filename.endswith("selectors.py") or _begins_a_thread(frame):
            return b"", ""
        where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        try:
            folder = f"/proc/self/task/{self._thread.native_id}"
            with open(f"{folder}/status", "rb") as file:
                status = file.read()
        except OSError:
            return b"", ""
        found = _SWITCHES.search(status)
        return (found[1], where) if found and b"\nState:\tS" in status else (b"", "")


def _begins_a_thread(frame: FrameType) -> bool:
    """Does it wait for a thread to begin? So does every loop that uses some, for as long as the machine is busy."""
    look: FrameType | None = frame
    for _ in range(4):
        if look is None:
            return False
        if look.f_code is threading.Thread.start.__code__:
            return True
        look = look.f_back
    return False
