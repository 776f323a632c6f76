"""The garbage collector, calmed while many small things are made:
it then does not look through everything that was loaded."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLD = 20_000
"""New objects before the youngest are looked through; Python's own is 700 (docs.python.org, gc.set_threshold)."""
_before: list[tuple[int, int, int]] = []


@contextmanager
def calm() -> Iterator[None]:
    """What exists now is left alone until the end; what is made meanwhile is collected, less often.
    May be nested and side by side."""
    _before.append(gc.get_threshold())
    if len(_before) == 1:
        gc.freeze()
        gc.set_threshold(max(_before[0][0], THRESHOLD), *_before[0][1:])
    try:
        yield
    finally:
        first = _before[0]
        _before.pop()
        if not _before:
            gc.set_threshold(*first)
            gc.unfreeze()
