"""Where what we ship lies."""

from __future__ import annotations

from pathlib import Path

SHIPPED = next(
    (p for p in (Path(__file__).parents[1] / "_playbooks", Path(__file__).parents[2] / "playbooks") if p.is_dir()),
    Path("playbooks"),
)
"""The folder of shipped playbooks and messages, in a wheel and in a checkout."""
