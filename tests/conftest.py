"""What every test may use."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "crash"))

from support import SPECS, bcp  # noqa: E402

SLOW = ("real/", "scenarios/", "server/", "crash/")


def pytest_collection_modifyitems(items) -> None:
    """Each of two workers begins with half of what takes long; a file stays in one piece, as its fixtures are shared."""
    files: dict[str, list] = {}
    for item in items:
        files.setdefault(item.location[0], []).append(item)
    slow = sorted((f for f in files if any(s in f for s in SLOW)), key=lambda f: [s in f for s in SLOW].index(True))
    quick = [f for f in files if f not in slow]
    halves: tuple[list, list] = ([], [])
    for i, name in enumerate(slow):
        halves[i % 2].extend(files[name])
    for name in quick:
        min(halves, key=len).extend(files[name])
    items[:] = [*halves[0], *halves[1]]


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
