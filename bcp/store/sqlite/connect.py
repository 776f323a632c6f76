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
_NEEDS_A_WRITER = frozenset(
    {
        sqlite3.SQLITE_READONLY_ROLLBACK,
        sqlite3.SQLITE_READONLY_RECOVERY,
        sqlite3.SQLITE_READONLY_CANTINIT,
        sqlite3.SQLITE_CANTOPEN,
    }
)
"""A rollback journal, or the index of a write-ahead log, that only who may write can bring in order."""


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Does this SQLite have the fix for the WAL-reset bug?"""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


def set_durable(db: sqlite3.Connection) -> None:
    """``WAL`` with ``FULL`` where that is safe, else ``DELETE`` with ``EXTRA``."""
    wal = wal_is_safe()
    db.execute(f"pragma journal_mode={'wal' if wal else 'delete'}")
    db.execute(f"pragma synchronous={'full' if wal else 'extra'}")


def connect(path: Path, mode: str, *, timeout_s: float = BUSY_S) -> sqlite3.Connection:
    """A connection in autocommit mode, for any thread. ``mode``: ``ro`` or ``rw``, and what else the URI may say.

    Raises ``sqlite3.Error``.
    """
    uri = f"file:{quote(str(path))}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout_s, check_same_thread=False)
    db.execute("pragma trusted_schema=off")
    return db


def connect_to_read(path: Path, *, timeout_s: float = BUSY_S) -> sqlite3.Connection:
    """A connection that only reads, also beside a writer, and after one that was killed while it wrote.

    A writer that dies in mid-transaction leaves a hot rollback journal, which SQLite lets only a connection that may
    write roll back (SQLITE_READONLY_ROLLBACK); then the file is opened for that, and nothing else is written through
    it. A file of the write-ahead mode that was closed well, on a disk that nobody may write, needs an index that cannot
    be made: it is read as it is, since nobody can change it. Raises ``sqlite3.Error``.
    """
    db = connect(path, "ro", timeout_s=timeout_s)
    try:
        db.execute("select 1 from sqlite_master limit 1").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        if error.sqlite_errorcode not in _NEEDS_A_WRITER:
            raise
    else:
        return db
    try:
        return _first_look(connect(path, "rw", timeout_s=timeout_s), "pragma query_only=on")
    except sqlite3.OperationalError:
        if not _unchanging(path):
            raise
    return _first_look(connect(path, "ro&immutable=1", timeout_s=timeout_s))


def _first_look(db: sqlite3.Connection, *more: str) -> sqlite3.Connection:
    try:
        db.execute("select 1 from sqlite_master limit 1").fetchone()
        for statement in more:
            db.execute(statement)
    except BaseException:
        db.close()
        raise
    return db


def _unchanging(path: Path) -> bool:
    """Is there nothing beside this file that belongs into it, and may nobody here write the folder?"""
    beside = (path.with_name(path.name + end) for end in ("-wal", "-journal"))
    try:
        left = any(p.stat().st_size for p in beside if p.exists())
        return path.is_file() and not left and not os.access(path.parent, os.W_OK)
    except OSError:
        return False


def make_file(path: Path) -> None:
    """An empty file that only its owner can read, in a folder that only its owner can enter, unless it exists.

    SQLite gives the files that it makes beside it the same permissions.
    """
    make_private(path.parent)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
