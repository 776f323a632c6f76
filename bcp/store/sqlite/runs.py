"""Runs as files in a folder, one SQLite file each, with the index beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bcp.contracts.journal import RunRecord
from bcp.contracts.store import Lease, RunCard, RunQuery
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Invalid, Missing
from bcp.store.files.locks import FileLock, is_locked
from bcp.store.sqlite import runfile
from bcp.store.sqlite.brief import Briefs, read_planned
from bcp.store.sqlite.index import Index
from bcp.store.sqlite.journal import SqliteJournal


class SqliteRuns:
    """See ``bcp.contracts.store.RunStore``."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "runs"
        self.index = Index(state / "index.db", self.folder)
        self._metas, self._briefs = runfile.Metas(), Briefs()

    def path(self, run_id: str) -> Path:
        """The run's file. Raises ``Invalid`` for a name that leads elsewhere."""
        if not run_id or Path(run_id).name != run_id or run_id.startswith("."):
            raise Invalid(f"{run_id[:60]!r} is no id of a run", hint="bcp status --all")
        return self.folder / f"{run_id}{runfile.SUFFIX}"

    def create(self, run_id: str, meta: Mapping[str, Any], *, fence: int = 0) -> None:
        """A new run."""
        runfile.create(self.path(run_id), meta, fence=fence)

    def open(self, run_id: str, clock: Clock, lease: Lease | None = None) -> SqliteJournal:
        """For writing."""
        self.index.forget(run_id)
        journal = SqliteJournal(self.path(run_id), clock, lease)
        journal.closed = self.index.put
        return journal

    def view(self, run_id: str, *, effects: bool = True) -> RunRecord:
        """Everything in it."""
        return runfile.read_record(self.path(run_id), effects=effects, metas=self._metas)

    def brief(self, run_id: str) -> RunRecord:
        """What people look at."""
        return self._briefs.read(self.path(run_id))

    def planned(self, run_id: str, what: str, first: int, count: int) -> tuple[list[Any], int]:
        """A page of what its plan has."""
        return read_planned(self.path(run_id), what, first, count)

    def tell(self, run_id: str, kind: str, actor: str, data: Mapping[str, Any], at: float) -> None:
        """Tell it something."""
        runfile.send_signal(self.path(run_id), kind, actor, data, at)

    def exists(self, run_id: str) -> bool:
        """Is there such a file?"""
        try:
            return self.path(run_id).exists()
        except (Invalid, ValueError, OSError):
            return False

    def ids(self) -> list[str]:
        """All, the oldest first."""
        return self.index.ids()

    def match(self, text: str) -> list[str]:
        """By id, its beginning or its end."""
        return self.index.match(text)

    def newest(self, count: int = 1) -> list[str]:
        """The newest first."""
        return self.index.newest(count)

    def cards(self, query: RunQuery) -> list[RunCard]:
        """The newest first."""
        return self.index.cards(query)

    def card(self, run_id: str) -> RunCard:
        """One of them. Raises ``Invalid``."""
        found = self.index.card(run_id)
        if found is None:
            raise Missing(f"there is no run {run_id!r}", hint="bcp status --all", rule="no-such-run")
        return found

    def is_live(self, run_id: str) -> bool:
        """Does a process hold its lock?"""
        return is_locked(self.folder / f"{run_id}.lock")

    def lock(self, run_id: str) -> FileLock:
        """The lock of whoever works on it."""
        return FileLock(self.folder / f"{run_id}.lock")

    def damage(self, run_id: str) -> str:
        """What does not agree with its chain."""
        return runfile.read_damage(self.path(run_id))

    def close(self) -> None:
        """Let the index go."""
        self.index.close()
