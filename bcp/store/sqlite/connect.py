"""SQLite files that must survive a power cut: how they are opened, here and everywhere the same.

``WAL`` with ``synchronous=FULL`` where the library has the WAL-reset fix, else ``DELETE`` with ``EXTRA``
(https://www.sqlite.org/changes.html, 3.51.3; back-ported to 3.44.6 and 3.50.7). Local disks only: file locks on network
file systems are not reliable.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from bcp.kernel.files import make_private

BUSY_S = 5.0


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Does this SQLite have the fix for the WAL-reset bug?"""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


def set_durable(db: sqlite3.Connection) -> None:
    """``WAL`` with ``FULL`` where that is safe, else ``DELETE`` with ``EXTRA``."""
    wal = wal_is_safe()
    db.execute(f"pragma journal_mode={'wal' if wal else 'delete'}")
    db.execute(f"pragma synchronous={'full' if wal else 'extra'}")


def connect(path: Path, mode: str, *, timeout_s: float = BUSY_S) -> sqlite3.Connection:
    """A connection in autocommit mode, for any thread. ``mode``: ``ro`` or ``rw``. Raises ``sqlite3.Error``."""
    uri = f"file:{quote(str(path))}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout_s, check_same_thread=False)
    db.execute("pragma trusted_schema=off")
    return db


def connect_reading(path: Path, *, timeout_s: float = BUSY_S) -> sqlite3.Connection:
    """A connection for reading. Raises ``sqlite3.Error``.

    A process that was killed in the middle of a commit leaves a rollback journal, which only a writer may roll back
    (https://www.sqlite.org/lockingv3.html, hot journals): until somebody does, whoever opens the file for reading alone
    is told *attempt to write a readonly database*. That is no damage. It is rolled back here.
    """
    db = connect(path, "ro", timeout_s=timeout_s)
    try:
        db.execute("select 1 from sqlite_master limit 1").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        db = connect(path, "rw", timeout_s=timeout_s)
        db.execute("select 1 from sqlite_master limit 1").fetchone()
        db.execute("pragma query_only=on")
    return db


def make_file(path: Path) -> None:
    """An empty file that only its owner can read, in a folder that only its owner can enter, unless it exists.

    SQLite gives the files that it makes beside it the same permissions.
    """
    make_private(path.parent)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
