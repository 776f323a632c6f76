"""Helpers for tests that run the command: ``bcp.testing.command`` under the names by which tests know it."""

from __future__ import annotations

from pathlib import Path

from bcp.testing.command import run_bcp as bcp

__all__ = ["ROOT", "SPECS", "bcp"]
ROOT = Path(__file__).parent.parent
SPECS = ROOT.parent / "shared" / "specs"
