"""SQLite files that must survive a power cut: how they are opened, here and everywhere the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from bcp.kernel.files import make_private

BUSY_S = 5.0


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Does this SQLite have the fix for the WAL-reset bug (sqlite.org/changes, 3.51.3; back-ported to 3.44.6 and 3.50.7)?"""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


def set_durable(db: sqlite3.Connection) -> None:
    """``WAL`` with ``FULL`` where that is safe, else ``DELETE`` with ``EXTRA``."""
    wal = wal_is_safe()
    db.execute(f"pragma journal_mode={'wal' if wal else 'delete'}")
    db.execute(f"pragma synchronous={'full' if wal else 'extra'}")


def open_durable(path: Path, schema: str) -> sqlite3.Connection:
    """A private file with these tables, for any thread, in autocommit mode. Raises ``sqlite3.Error``, ``StorageError``."""
    make_private(path.parent)
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
    db.execute("pragma trusted_schema=off")
    set_durable(db)
    db.executescript(schema)
    path.chmod(0o600)
    return db
