"""May a write in a thread still begin? For a library that may hang, and whose work nobody can call back."""

from __future__ import annotations

import threading


class Latch:
    """Whoever stops waiting closes it; a write that has begun cannot be called back."""

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
