"""Follows values through the calls of a real run, as a person with a debugger would: which files they enter."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import bcp

HOME = Path(bcp.__file__).parent
WIRES = frozenset({"kernel", "contracts", "kit", "pages", "testing", "lab"})
"""Rooms that are no stations: errors, clock and text; promises; protocols over sockets; templates; tests' own."""


@dataclass
class Walk:
    """Every function of ours that was entered with one of the followed values in hand, in the order of first entry."""

    carries: Callable[[object], bool]
    stations: dict[tuple[str, str], None] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """In the order of the first entry, below ``bcp/``."""
        return list(dict.fromkeys(file for file, _ in self.stations))

    @property
    def rooms(self) -> list[str]:
        """The same, as rooms: the first folder or the module below ``bcp/``; without wires."""
        found = dict.fromkeys(f.split("/")[0].removesuffix(".py") for f in self.files)
        return [room for room in found if room not in WIRES]

    def enter(self, frame: FrameType, event: str, _: Any) -> None:
        """For ``sys.setprofile``."""
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(str(HOME)):
            return
        count = code.co_argcount + code.co_kwonlyargcount
        given = [frame.f_locals.get(name) for name in code.co_varnames[:count]]
        if code.co_name[0] != "<" and any(self._holds(value) for value in given):
            self.stations[Path(code.co_filename).relative_to(HOME).as_posix(), code.co_name] = None

    def _holds(self, value: object) -> bool:
        if isinstance(value, (list, tuple)) and value:
            return self.carries(value[0])
        return self.carries(value)

    @contextmanager
    def walked(self) -> Iterator[None]:
        """Follow what is called here, also in threads that begin meanwhile."""
        sys.setprofile(self.enter)
        threading.setprofile(self.enter)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
