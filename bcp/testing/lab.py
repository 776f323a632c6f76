"""A lab in a process of its own: name servers, mail hosts and vendors on loopback, and a configuration for them.

::

    lab = Lab(tmp_path)
    assert lab.run("doctor").returncode == 0
    lab.stop()
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bcp.testing.command import environment, run_bcp

START_S = 30.0


class Lab:
    """A running lab and its configuration, ``bcp.yaml`` in ``folder``. It ends by itself after 400 s."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bcp", "lab", "up", "--folder", str(folder), "--seconds", "400", "-q"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_S
        while not (folder / "count.json").exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError("the lab does not start")
            time.sleep(0.05)

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """The command with the lab's configuration, waited for."""
        env = {"BCP_CONFIG": str(self.folder / "bcp.yaml"), **options.pop("env", {})}
        return run_bcp(*arguments, env=env, **options)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, not waited for."""
        return subprocess.Popen(
            [sys.executable, "-m", "bcp", *arguments],
            env=environment(BCP_CONFIG=str(self.folder / "bcp.yaml"), COLUMNS="80"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def playbook(self, name: str, body: str) -> str:
        """Write a playbook of this name, whose phases are ``body``; returns its path."""
        path = self.folder / "playbooks" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"version: 1\nname: {name}\ntitle: A test\n{body}")
        return str(path)

    def secret(self, name: str) -> str:
        """The value of one of the lab's secrets."""
        return (self.folder / "secrets" / name).read_text()

    def stop(self) -> None:
        """End it, as ``lab down`` would."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
