"""What every test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPECS = ROOT.parent / "shared" / "specs"
sys.path.insert(0, str(Path(__file__).parent))


def bcp(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None, timeout: float = 60, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does; 80 columns, no terminal."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BCP_")}
    return subprocess.run(
        [sys.executable, "-m", "bcp", *arguments], cwd=cwd, env={**clean, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **(env or {})}, capture_output=True, text=True, timeout=timeout,
        input=stdin if stdin is not None else "",
    )


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
