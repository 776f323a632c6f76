"""What every test may use."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "crash"))

from support import SPECS, bcp  # noqa: E402


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
