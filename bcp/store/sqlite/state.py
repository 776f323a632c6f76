"""The state folder: everything durable of one organisation, made once by wiring."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from bcp.contracts.store import ENDED
from bcp.store.files.audit import AuditLog
from bcp.store.files.plans import FilePlans
from bcp.store.sqlite.leases import SqliteLeases
from bcp.store.sqlite.paths import EmbeddedStore
from bcp.store.sqlite.runs import SqliteRuns


class SqliteState:
    """See ``bcp.contracts.store.State``. Nothing is opened or made before it is used."""

    def __init__(self, folder: Path, *, audit_key: bytes | None = None) -> None:
        self.folder, self.audit_key = folder, audit_key

    @cached_property
    def files(self) -> EmbeddedStore:
        """Run files by path."""
        return EmbeddedStore(self.runs)

    @cached_property
    def runs(self) -> SqliteRuns:
        """Runs and their index."""
        return SqliteRuns(self.folder)

    @cached_property
    def leases(self) -> SqliteLeases:
        """Who may write where."""
        return SqliteLeases(self.folder / "leases.db", self.runs, self._ended)

    def _ended(self, run: str) -> bool:
        """Does the audit file say that this run is over?"""
        found = self.audit.read().anchors.get(run)
        return found is not None and found.status in ENDED

    @cached_property
    def plans(self) -> FilePlans:
        """Plans."""
        return FilePlans(self.folder / "plans")

    @cached_property
    def audit(self) -> AuditLog:
        """Heads of chains."""
        return AuditLog(self.folder / "audit.jsonl", self.audit_key)
