"""Numbered mails in a folder of messages. A message never changes under its name, so each is read once."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

NUMBER = re.compile(rb"^X-Lab-Number: (\d+)", re.MULTILINE)
_HEAD = 8192
"""Bytes in which the number stands: the relay's card and the headers."""


class Spool:
    """The numbers of the messages in ``folder``, by file name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers: dict[str, int | None] = {}

    def numbers(self) -> dict[str, int]:
        """Name to number of every message that is there now and has a number."""
        names = sorted(os.listdir(self.folder))
        known, self._numbers = self._numbers, {}
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # delivered and removed since it was listed
                self._numbers[name] = known[name] if name in known else self._read(name)
        return {name: number for name, number in self._numbers.items() if number is not None}

    def _read(self, name: str) -> int | None:
        with (self.folder / name).open("rb") as file:
            found = NUMBER.search(file.read(_HEAD))
        return int(found[1]) if found else None
