"""The garbage collector is as it was afterwards, and what was left alone for good stays so."""

from __future__ import annotations

import gc
import subprocess
import sys

from bcp.kernel.calm import THRESHOLD, calm

CHILD = """
import gc
from bcp.kernel.calm import calm, leave_alone
leave_alone()
frozen = gc.get_freeze_count()
with calm():
    assert gc.get_freeze_count() == frozen
assert gc.get_freeze_count() == frozen > 1000 and gc.get_threshold()[0] == 700
"""


def test_what_exists_is_left_alone_while_it_is_calm_and_only_then() -> None:
    """Also where one lies in another."""
    before = gc.get_threshold()
    with calm():
        with calm():
            assert gc.get_freeze_count() > 0 and gc.get_threshold()[0] >= THRESHOLD
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0 and gc.get_threshold() == before


def test_what_was_left_alone_for_good_outlives_a_calm() -> None:
    """In a process of its own: it cannot be taken back."""
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
