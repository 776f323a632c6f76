"""Helpers for tests that run the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SPECS = ROOT.parent / "shared" / "specs"


def bcp(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None, timeout: float = 60, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does; 80 columns, no terminal."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BCP_")}
    return subprocess.run(
        [sys.executable, "-m", "bcp", *arguments], cwd=cwd, env={**clean, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **(env or {})}, capture_output=True, text=True, timeout=timeout,
        input=stdin if stdin is not None else "",
    )
