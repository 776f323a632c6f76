"""Run the command as a person does, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import bcp as package

HERE = str(Path(package.__file__).parents[1])
"""Where the package is imported from; children import the same."""

PROGRAM = [sys.executable, "-m", "bcp"]
"""The command that is run. A suite of tests may put another in its place that does the same in less time."""


def environment(**more: str) -> dict[str, str]:
    """Ours, for a child that imports the same bcp as we do."""
    before = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in (HERE, before) if p), **more}


def run_bcp(
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 180,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """``bcp ARGUMENTS``: 80 columns, no terminal, none of our own ``BCP_`` variables."""
    clean = {k: v for k, v in environment().items() if not k.startswith("BCP_")}
    return subprocess.run(
        [*PROGRAM, *arguments],
        check=False,
        cwd=cwd,
        env={**clean, "COLUMNS": "80", **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        input=stdin if stdin is not None else "",
    )


def pid_of(process: subprocess.Popen[str]) -> int:
    """The number of the process that does the work of a begun command: where ``PROGRAM`` stands for another process,
    it is called ``fork-NUMBER`` after it."""
    try:
        name = Path(f"/proc/{process.pid}/comm").read_text().strip()
    except OSError:
        return process.pid
    return int(name.removeprefix("fork-")) if name.startswith("fork-") else process.pid


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
