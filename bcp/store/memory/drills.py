"""The drill book in the memory of this process, for tests: rows are SQLite's as in the file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from bcp.contracts.store import Anchor, AuditFile
from bcp.kernel.clock import Clock
from bcp.store.sqlite import drills
from bcp.store.sqlite.migrations import memory_database


class MemoryDrillBook(drills.DrillBook):
    """See ``bcp.contracts.exercise_book.DrillBook``."""

    def __init__(self, clock: Clock, audit: AuditFile) -> None:
        super().__init__(Path(":memory:"), clock, audit)
        self._db = memory_database(drills.SCHEMA)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with self._lock:
            yield self._open()

    def damage(self) -> Mapping[str, str]:
        """What is wrong, by exercise."""
        anchors: Mapping[str, Anchor] = self.audit.read().anchors
        return drills.damage_of(self._open().execute(drills.EVERYTHING), anchors)
