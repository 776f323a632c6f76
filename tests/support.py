"""Helpers for tests that run the command: ``bcp.testing.command`` under the names by which tests know it."""

from __future__ import annotations

import time
from pathlib import Path

from bcp.testing.command import run_bcp as bcp

__all__ = ["ROOT", "SPECS", "bcp", "next_second"]
ROOT = Path(__file__).parent.parent
SPECS = ROOT.parent / "shared" / "specs"


def next_second() -> None:
    """Until the clock shows another second: what is dated to the second is then told apart."""
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.01)
