"""Rounds of a watch, as it writes them down: a verdict that stays the same is printed once, and yet it is new."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bcp.detect.history import History


def after_rounds(home: Path, more: int, alive: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until the watch whose configuration is in ``home`` has written so many rounds more, each in ``seconds``."""
    history = History(home / ".bcp" / "history.db")
    for _ in range(more):
        before, deadline = history.latest(), time.monotonic() + seconds
        while history.latest() == before:
            assert alive(), "the watch has ended"
            assert time.monotonic() < deadline, f"no new round in {seconds} s"
            time.sleep(0.05)


def whole_lines(path: Path) -> list[str]:
    """The lines of a file that is being written; the last one may be half there."""
    return path.read_text().rpartition("\n")[0].splitlines()
