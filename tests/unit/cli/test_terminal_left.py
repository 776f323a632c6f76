"""A command that is told to end (TERM, the terminal gone) leaves the terminal as it was."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from bcp.cli.common import until_told
from bcp.deeds.run import _signals

from .test_surface import CONFIG

HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"
ENDS = {signal.SIGTERM: -signal.SIGTERM, signal.SIGHUP: -signal.SIGHUP, signal.SIGINT: 130}
"""By the signal itself, which a shell calls 143 and 129."""
NOBODY: Any = None


class Played:
    """A command at a terminal of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        (folder / "bcp.yaml").write_text(CONFIG.replace("STATE", str(folder / "state")))
        (folder / "contacts.csv").write_text("id,name,groups,phone\nann,Ann,oncall,+12025550101\n")
        self.ours, self.theirs = pty.openpty()
        self.said = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bcp", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", "K": "a2V5"},
            cwd=folder,
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
        )

    def read_until(self, *wanted: bytes) -> None:
        """Until it has said one of these, or has ended."""
        end = time.monotonic() + 60
        while not any(w in self.said for w in wanted):
            assert time.monotonic() < end, self.said
            if select.select([self.ours], [], [], 0.05)[0]:
                self.said += os.read(self.ours, 65536)
            elif self.process.poll() is not None:
                return

    def end(self, number: int) -> int:
        """Tell it to end; its code."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        while select.select([self.ours], [], [], 0)[0]:
            self.said += os.read(self.ours, 65536)
        return code

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)


@pytest.mark.parametrize("words", [["watch"], ["dns", "watch", "--to", "relay"]], ids=" ".join)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda n: n.name)
def test_the_cursor_comes_back(tmp_path, words, number) -> None:
    played = Played(tmp_path, *words)
    played.read_until(HIDE)
    assert HIDE in played.said, played.said
    assert played.end(number) == ENDS[number], played.said
    assert played.said.rfind(SHOW) > played.said.rfind(HIDE), played.said
    assert b"Traceback" not in played.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_the_echo_comes_back(tmp_path, number) -> None:
    """A password is asked for: what is typed afterwards can be seen again."""
    played = Played(tmp_path, "user", "add", "ann")
    played.read_until(b"Password for ann")
    end = time.monotonic() + 60
    while played.echoes():
        assert time.monotonic() < end and played.process.poll() is None, played.said
    assert played.end(number) == ENDS[number], played.said
    assert played.echoes()


@pytest.mark.parametrize("door", ["run", "watch"])
def test_what_was_started_with_nohup_outlives_its_terminal(door) -> None:
    """Whoever starts us may have HUP ignored; a run in the middle of a switch is not stopped by a log-out."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def hung_up() -> str:
        signal.raise_signal(signal.SIGHUP)
        for _ in range(5):
            await asyncio.sleep(0)
        return "went on"

    async def with_the_signals_of_a_run() -> str:
        with _signals(NOBODY):
            return await hung_up()

    try:
        assert asyncio.run(until_told(hung_up()) if door == "watch" else with_the_signals_of_a_run()) == "went on"
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
