"""What every test may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "crash"))

from support import SPECS, bcp

settings.register_profile("patient", deadline=None)  # a busy machine is slow; that is no finding
settings.load_profile("patient")

SLOW = ("real/", "scenarios/", "server/", "crash/")


def pytest_collection_modifyitems(items) -> None:
    """Each worker begins with its share of what takes long, most of it waiting for real time; a file stays in one
    piece, as its fixtures are shared."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    files: dict[str, list] = {}
    for item in items:
        files.setdefault(item.location[0], []).append(item)
    slow = sorted((f for f in files if any(s in f for s in SLOW)), key=lambda f: [s in f for s in SLOW].index(True))
    shares: list[list] = [[] for _ in range(workers)]
    for i, name in enumerate(slow):
        shares[i % workers].extend(files[name])
    for name in (f for f in files if f not in slow):
        min(shares, key=len).extend(files[name])
    items[:] = [item for share in shares for item in share]


def pytest_terminal_summary(terminalreporter) -> None:
    """How many wrong answers were tried, by kind."""
    from liars.summary import lines_of

    reports = [r for rs in terminalreporter.stats.values() for r in rs if getattr(r, "when", "") == "call"]
    for line in lines_of(pair for r in reports for pair in r.user_properties):
        terminalreporter.write_line(line)


@pytest.fixture
def cli():
    """The command."""
    return bcp


@pytest.fixture
def specs() -> Path:
    """The vendors' published documents; a test that needs them is skipped where they are not."""
    if not SPECS.is_dir():
        pytest.skip("the vendors' documents (shared/specs) are not here")
    return SPECS
