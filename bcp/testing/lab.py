"""A lab in a process of its own: name servers, mail hosts and vendors on loopback, and a configuration for them.

::

    lab = Lab(tmp_path)
    assert lab.run("doctor").returncode == 0
    lab.stop()
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bcp.testing.command import PROGRAM, environment, run_bcp

START_S = 120.0
"""A busy machine takes its time to begin; who is told when it has begun can wait."""
LIVES_S = 3600
"""A lab whose tests were killed ends by itself after this time."""


class Lab:
    """A running lab and its configuration, ``bcp.yaml`` in ``folder``. It ends by itself after an hour.

    ``patience_s``: deadline of looks and requests in that configuration, in place of the lab's few seconds. A machine
    that is busy with other tests then makes no look late; a fault that answers nothing (``hang``) takes as long.
    ``every_s``: seconds between two mails from outside; a lab that many tests share need not send many.
    """

    def __init__(self, folder: Path, *, patience_s: float = 0.0, every_s: float = 0.5) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*PROGRAM, "lab", "up", "--folder", str(folder), "--seconds", str(LIVES_S), "--every", str(every_s), "-q"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._until((folder / "count.json").exists, "start", START_S)
        if patience_s:
            path = folder / "bcp.yaml"
            path.write_text(re.sub(r"\btimeout: \d+s", f"timeout: {patience_s:g}s", path.read_text()))

    def order(self, what: str, seconds: float = START_S) -> None:
        """Tell it to break in a way, or to ``heal``, and wait until that is so: ``bcp lab break``, in this process."""
        order = self.folder / "order"
        order.write_text(what)
        self._until(lambda: not order.exists(), f"take the order {what!r}", seconds)
        self.count(seconds)  # written when the order is carried out

    def count(self, seconds: float = START_S) -> dict[str, Any]:
        """The lab's count of mails, texts and posts, made after this call."""
        path = self.folder / "count.json"
        before = path.stat().st_mtime_ns
        self._until(lambda: path.stat().st_mtime_ns != before, "count", seconds)
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def _until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"the lab does not {what}")
            time.sleep(0.02)

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """The command with the lab's configuration, waited for."""
        env = {"BCP_CONFIG": str(self.folder / "bcp.yaml"), **options.pop("env", {})}
        return run_bcp(*arguments, env=env, **options)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, not waited for."""
        return subprocess.Popen(
            [*PROGRAM, *arguments],
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
        self.process.wait(60)
