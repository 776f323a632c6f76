"""Run files by path instead of by id: for what has a file and no state folder (tests, benches, copies of runs)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bcp.contracts.journal import RunRecord
from bcp.contracts.store import Lease
from bcp.kernel.clock import Clock
from bcp.store.sqlite import runfile
from bcp.store.sqlite.journal import SqliteJournal
from bcp.store.sqlite.runs import SqliteRuns


class EmbeddedStore:
    """Run files wherever they are."""

    suffix = runfile.SUFFIX

    def __init__(self, runs: SqliteRuns | None = None) -> None:
        self._runs = runs
        """Files in the folder of these are opened through them, so that their index hears of it."""

    def create(self, path: Path, meta: Mapping[str, Any]) -> None:
        """The file of a new run."""
        runfile.create(path, meta)

    def open(self, path: Path, clock: Clock, lease: Lease | None = None) -> SqliteJournal:
        """For writing."""
        if self._runs is not None and path.parent == self._runs.folder:
            return self._runs.open(path.stem, clock, lease)
        return SqliteJournal(path, clock, lease)

    def view(self, path: Path, *, effects: bool = True) -> RunRecord:
        """For reading: one consistent picture."""
        return runfile.read_record(path, effects=effects)

    def tell(self, path: Path, kind: str, actor: str, data: Mapping[str, Any], at: float) -> None:
        """Put a signal into the run's file."""
        runfile.send_signal(path, kind, actor, data, at)
