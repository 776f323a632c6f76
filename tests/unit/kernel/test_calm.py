"""The garbage collector is as it was afterwards, and what was left alone for good stays so.

Each in a process of its own: what another test left alone for good cannot be taken back in this one.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

NESTED = """
import gc
from bcp.kernel.calm import THRESHOLD, calm
before = gc.get_threshold()
with calm():
    with calm():
        assert gc.get_freeze_count() > 0 and gc.get_threshold()[0] >= THRESHOLD > before[0]
    assert gc.get_freeze_count() > 0
assert gc.get_freeze_count() == 0 and gc.get_threshold() == before
"""
FOR_GOOD = """
import gc
from bcp.kernel.calm import calm, leave_alone
leave_alone()
frozen = gc.get_freeze_count()
with calm():
    assert gc.get_freeze_count() == frozen
assert gc.get_freeze_count() == frozen > 1000 and gc.get_threshold()[0] == 700
"""

BEGUN = """
import atexit, gc, os, weakref
from bcp.kernel.calm import THRESHOLD, begin, calm
atexit.register(lambda: gc.get_freeze_count() > 1000 or os._exit(3))
begin()
with calm():
    pass
assert gc.isenabled() and gc.get_threshold()[0] == THRESHOLD
class Ring: pass
ring = Ring(); ring.itself = ring; gone = weakref.ref(ring); del ring
kept = [[] for _ in range(2 * THRESHOLD)]
assert gone() is None
"""
CASES = [NESTED, FOR_GOOD, BEGUN]
NAMES = ["what exists, also where one lies in another", "for good", "garbage of a process that began so is collected"]


@pytest.mark.parametrize("code", CASES, ids=NAMES)
def test_what_is_left_alone(code: str) -> None:
    """What exists is left alone while it is calm and only then; what was left alone for good outlives it."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
