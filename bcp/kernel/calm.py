"""The garbage collector, calmed while many small things are made:
it then does not look through everything that was loaded."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLD = 20_000
"""New objects before the youngest are looked through; Python's own is 700 (docs.python.org, gc.set_threshold)."""
_before: list[tuple[int, int, int]] = []
_for_good: list[None] = []


def begin() -> None:
    """For a process that begins: modules are many objects that all stay. To look through them while they are loaded,
    and again and again when the process ends, is a tenth of the CPU of a short command. So garbage is collected in
    larger lots, and what is left at the end goes back to the machine as a whole."""
    gc.set_threshold(THRESHOLD)
    atexit.register(gc.freeze)


def leave_alone() -> None:
    """What is loaded now stays to the end of the process: it is never looked through again.

    For a process that has begun and now serves: one look through all of its modules holds everybody up for 40 ms.
    """
    gc.collect()
    gc.freeze()
    _for_good.append(None)


@contextmanager
def calm() -> Iterator[None]:
    """What exists now is left alone until the end; what is made meanwhile is collected, less often.
    May be nested and side by side."""
    _before.append(gc.get_threshold())
    if len(_before) == 1:
        if not _for_good:
            gc.freeze()
        gc.set_threshold(max(_before[0][0], THRESHOLD), *_before[0][1:])
    try:
        yield
    finally:
        first = _before[0]
        _before.pop()
        if not _before:
            gc.set_threshold(*first)
            if not _for_good:
                gc.unfreeze()


_still: list[None] = []


@contextmanager
def still() -> Iterator[None]:
    """Nothing is looked through until the end: for a thread that makes a million small things and lets them go again.

    One look through them holds up every thread for a tenth of a second. What is made inside must be gone at the end.
    """
    _still.append(None)
    gc.disable()
    try:
        yield
    finally:
        _still.pop()
        if not _still:
            gc.enable()
