"""Helpers for tests that run the command: ``bcp.testing.command`` under the names by which tests know it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from bcp.testing.command import run_bcp as bcp

__all__ = ["ROOT", "SPECS", "bcp", "in_memory", "next_second"]
ROOT = Path(__file__).parent.parent
SPECS = ROOT.parent / "shared" / "specs"


def next_second() -> None:
    """Until the clock shows another second: what is dated to the second is then told apart."""
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.01)


MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 6 * 2**30
"""Free memory, and free room in its file system, of a machine whose tests may write there. They take a sixth of it."""


def in_memory(place: Path = MEMORY, meminfo: Path = Path("/proc/meminfo")) -> str:
    """Where tests may keep their files in memory; empty: nowhere, here.

    A test syncs as the product does, thousands of times, and six workers wait for one disk. A killed process loses
    nothing of what it wrote there either; a power cut is not what they play.
    """
    try:
        room = os.statvfs(place)
        found = re.search(r"MemAvailable: +(\d+) kB", meminfo.read_text())
    except OSError:
        return ""
    memory = int(found[1]) * 1024 if found else 0
    enough = min(memory, room.f_bavail * room.f_frsize) >= ENOUGH_BYTES
    usable = os.access(place, os.W_OK) and not room.f_flag & os.ST_NOEXEC  # some tests write a program and run it
    return str(place) if enough and usable else ""


def often(examples: int) -> int:
    """How many examples a property is tried with; ``BCP_MORE=10`` (``make soak``): ten times as many."""
    return examples * int(os.environ.get("BCP_MORE", "1"))
