"""What a chain in a database ended with at its last commit, in a small file beside it: a cut tail is noticed by it.

It is written after the commit and not synced, so after a power cut it may be behind the chain, never ahead of it.
"""

from __future__ import annotations

import contextlib
import json
import os
from io import FileIO
from pathlib import Path

SIZE = 160
"""Bytes of the file: it is always written as a whole, in one call."""


class Witness:
    """``known``: there is such a file. ``seq`` and ``head``: number and hash of the newest event that it saw."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_suffix(".head")
        self.known, self.seq, self.head, self.damage = False, 0, "", ""
        self._file: FileIO | None = None
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            self.known, self.damage = True, f"{self.path.name} cannot be read: {error}"
            return
        self.known = True
        try:
            found = json.loads(text)
            self.seq, self.head = int(found["seq"]), str(found["head"])
        except (ValueError, KeyError, TypeError):
            self.damage = f"{self.path.name} cannot be read: nobody knows where the chain ended"

    def write(self, seq: int, head: str) -> None:
        """Remember. Never raises: what it proves is on disk already."""
        with contextlib.suppress(OSError):
            if self._file is None:  # an object, so that a book that nobody closed takes no descriptor with it
                self._file = FileIO(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb")
            os.pwrite(self._file.fileno(), json.dumps({"seq": seq, "head": head}).ljust(SIZE - 1).encode() + b"\n", 0)
            self.known, self.seq, self.head = True, seq, head

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
