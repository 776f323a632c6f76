"""A lab of its own for each test worker, as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT, bcp


class Lab:
    """A running lab and its configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen([sys.executable, "-m", "bcp", "lab", "up", "--folder", str(folder), "--seconds", "400", "-q"], env={**os.environ, "PYTHONPATH": str(ROOT)},
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not (folder / "count.json").exists():
            assert time.monotonic() < deadline and self.process.poll() is None, "the lab does not start"
            time.sleep(0.05)

    def run(self, *arguments: str, **options):
        """The command with the lab's configuration."""
        env = {"BCP_CONFIG": str(self.folder / "bcp.yaml"), **options.pop("env", {})}
        return bcp(*arguments, env=env, **options)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, not waited for."""
        return subprocess.Popen([sys.executable, "-m", "bcp", *arguments], env={**os.environ, "PYTHONPATH": str(ROOT), "BCP_CONFIG": str(self.folder / "bcp.yaml"), "COLUMNS": "80"},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def playbook(self, name: str, body: str) -> str:
        """A playbook of ours; returns its path."""
        path = self.folder / "playbooks" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"version: 1\nname: {name}\ntitle: A test\n{body}")
        return str(path)

    def secret(self, name: str) -> str:
        """One of the lab's secrets."""
        return (self.folder / "secrets" / name).read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The lab."""
    found = Lab(tmp_path_factory.mktemp("lab"))
    text = (found.folder / "bcp.yaml").read_text()
    (found.folder / "bcp.yaml").write_text(text + "shell: {allow: [touch, sh, sleep]}\nplaybooks: [playbooks]\n")
    (found.folder / "playbooks").mkdir(exist_ok=True)
    yield found
    found.stop()
