"""journald as what lines come from: ``journalctl -o json``, from a remembered cursor.

It is asked for the entry of the cursor itself, too (``--cursor``): an entry that is not there any more means that the
journal was cut, and that what came next may be missing. ``--after-cursor`` would go on without a word.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence

from bcp.relay.follow import CHUNK, Piece
from bcp.relay.place import Place

FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_SOURCE_REALTIME_TIMESTAMP"
_READ = ("--output=json", "--no-pager", "--follow", "--lines=all", f"--output-fields={FIELDS}")
DROPPED = "a596d6fe7bfa4994828e72309e95d61e"
"""What journald says when it left lines of a service out (``SD_MESSAGE_JOURNAL_DROPPED``)."""
COMMAND = ("journalctl", *_READ, "SYSLOG_FACILITY=2", "+", f"MESSAGE_ID={DROPPED}")
"""Facility 2 is mail (RFC 5424, table 1). Not ``--quiet``: it would not say that it may not read the system's files."""
_BLIND = ("Hint: You are currently not seeing messages", "No journal files were found")
_ASIDE = "ignoring file."
SAID = 1000
"""Characters of its last words that are kept."""


class Journal:
    """``command``: begins with the program; what follows is where to begin. ``follow``: False reads what is there now,
    to its end, and waits for it."""

    def __init__(
        self,
        place: Place,
        say: Callable[[str, str], None],
        back_s: float = 7 * 86_400.0,
        command: Sequence[str] = COMMAND,
        *,
        follow: bool = True,
    ) -> None:
        self.place, self._say, self._back, self._follow = place, say, back_s, follow
        self._command = tuple(w for w in command if follow or w != "--follow")
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._said = self._half = ""
        """What it says beside the entries: its last words, and an unfinished line."""
        self._read = False
        """Did it tell of an entry?"""
        self._cursor = ""
        """The entry that has to come first; empty: none has to."""
        self.problem = ""

    def pieces(self, now: float) -> Iterator[Piece]:
        """What the journal has now."""
        if self._process is None and not self._start(now):
            return
        process = self._process
        assert process is not None
        assert process.stdout is not None
        while True:
            try:
                raw = os.read(process.stdout.fileno(), CHUNK)
            except BlockingIOError:
                self._complaints(process)
                return
            if not raw:
                self._ended(process)
                return
            self._buffer += raw
            end = self._buffer.rfind(b"\n") + 1
            lines, self._buffer = self._buffer[:end].split(b"\n")[:-1], self._buffer[end:]
            lines = [x for x in lines if not x.startswith(b"-- ")]
            if lines:
                self._read, self.problem = True, ""
            if lines := self._after(lines):
                self.place.cursor = _cursor(lines[-1]) or self.place.cursor
                yield Piece(lines)

    def _start(self, now: float) -> bool:
        start = f"--cursor={self.place.cursor}" if self.place.cursor else f"--since=@{int(now - self._back)}"
        try:
            self._process = subprocess.Popen(
                [*self._command, start], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            self.problem = f"{self._command[0]}: {error.strerror}"
            return False
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        os.set_blocking(self._process.stdout.fileno(), not self._follow)
        os.set_blocking(self._process.stderr.fileno(), False)
        self._buffer, self._cursor, self._read = b"", self.place.cursor, False
        self.problem = self._said = self._half = ""
        return True

    def _after(self, lines: list[bytes]) -> list[bytes]:
        """Without the entry that was read already."""
        if not lines or not self._cursor:
            return lines
        wanted, self._cursor = self._cursor, ""
        if _cursor(lines[0]) == wanted:
            return lines[1:]
        self._say("log-lost", "the journal was cut before it was read: what came next may be missing")
        return lines

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        self._complaints(process)
        if code or self._follow:
            self.problem = f"{self._command[0]} ended with {code}: {(self._said + self._half)[-200:].strip()}"
        if code and self.place.cursor and "cursor" in self._said + self._half:
            self._say("log-lost", "the journal does not know the place any more; it is read from its beginning")
            self.place.cursor = ""
        self.close()

    def _complaints(self, process: subprocess.Popen[bytes]) -> None:
        """What it says beside the entries: it waits with them while nobody listens."""
        assert process.stderr is not None
        with contextlib.suppress(BlockingIOError):
            while raw := os.read(process.stderr.fileno(), CHUNK):
                self._half += raw.decode("utf-8", "replace")
        *lines, self._half = self._half.split("\n")
        for line in lines:
            self._said = f"{self._said}{line}\n"[-SAID:]
            if line.startswith(_BLIND) and not self._read:
                self.problem = f"{self._command[0]}: {line}"
            elif line.endswith(_ASIDE) and line not in self.place.aside:
                self.place.aside.append(line)
                self._say("log-unread", f"a file of the journal cannot be read: {line}")

    def close(self) -> None:
        """End the program."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
        self._process = None


def _cursor(line: bytes) -> str:
    try:
        return str(json.loads(line)["__CURSOR"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
