"""The one way in which a database of ours gets its tables: numbered steps, the number of the last one in the file.

A file of an older version is copied beside itself, then migrated in one transaction when it is opened for writing. One
of a newer version is refused. ``pragma user_version`` holds the number; files of before there were numbers count as 1.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from bcp.kernel.errors import Refused, StorageError
from bcp.store.sqlite.connect import connect, make_file, set_durable


@dataclass(frozen=True, slots=True)
class Schema:
    """The steps of one kind of database. ``steps[0]`` makes version 1; none is ever changed, only added."""

    what: str
    """For people: ``the book of incidents``."""
    steps: tuple[str, ...]

    @property
    def version(self) -> int:
        """The newest one."""
        return len(self.steps)


def version_of(db: sqlite3.Connection) -> int:
    """Of an open file: 0 when it is empty."""
    found = int(db.execute("pragma user_version").fetchone()[0])
    if found == 0 and db.execute("select 1 from sqlite_master where type = 'table' limit 1").fetchone():
        return 1
    return found


def check_version(db: sqlite3.Connection, schema: Schema, path: Path) -> int:
    """Its version. Raises ``Refused`` (``store-newer``) when this program is too old for it."""
    found = version_of(db)
    if found > schema.version:
        raise Refused(
            f"{path} ({schema.what}) was written by a newer bcp: version {found}, this one knows {schema.version}",
            rule="store-newer",
            hint="Use the newer bcp, or the copy it made beside the file before: *.before-v*.",
        )
    return found


def migrate(db: sqlite3.Connection, schema: Schema, path: Path) -> bool:
    """Bring an open file to the newest version; True when anything was done. A copy is made first.

    Raises:
        Refused: (``store-newer``) it is of a newer version.
        StorageError: the copy cannot be made.
        sqlite3.Error: a step failed; nothing of it was done.
    """
    found = check_version(db, schema, path)
    if found == schema.version:
        return False
    if found:
        backup(db, path, found)
    db.execute("begin immediate")
    try:
        found = version_of(db)  # another process may have been faster
        for step in schema.steps[found:]:
            for statement in _statements(step):
                db.execute(statement)
        db.execute(f"pragma user_version={schema.version}")
        db.execute("commit")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("rollback")
        raise
    return True


def backup_path(path: Path, version: int) -> Path:
    """Where the copy of a version is kept."""
    return path.with_name(f"{path.name}.before-v{version + 1}")


def backup(db: sqlite3.Connection, path: Path, version: int) -> Path:
    """A consistent copy beside the file, made once. Raises ``StorageError``."""
    copy = backup_path(path, version)
    if copy.exists():
        return copy
    scratch = copy.with_name(copy.name + ".tmp")
    try:
        scratch.unlink(missing_ok=True)
        make_file(scratch)
        target = connect(scratch, "rw")
        try:
            db.backup(target)
        finally:
            target.close()
        scratch.replace(copy)
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise StorageError(
            f"{path} cannot be copied before it is migrated: {error}",
            hint="Free space, then repeat. The file was not changed.",
        ) from error
    return copy


def _statements(script: str) -> list[str]:
    """The statements of a script, one by one, so that all of them are in our transaction."""
    out, part = [], ""
    for piece in script.split(";"):
        part += piece + ";"
        if sqlite3.complete_statement(part):
            if part.strip(" \n;"):
                out.append(part.strip())
            part = ""
    return out


def open_database(path: Path, schema: Schema) -> sqlite3.Connection:
    """A private, durable file with the newest tables, for any thread.

    Raises:
        Refused: (``store-newer``).
        StorageError: the folder or the copy cannot be made.
        sqlite3.Error: the file cannot be used.
    """
    try:
        make_file(path)
        db = connect(path, "rw")
    except OSError as error:
        raise StorageError(
            f"cannot create {path}: {error.strerror or error}", hint="Check the state folder."
        ) from error
    try:
        with contextlib.suppress(OSError):  # somebody else's file that we may write
            path.chmod(0o600)
        set_durable(db)
        migrate(db, schema, path)
    except BaseException:
        db.close()
        raise
    return db


def memory_database(schema: Schema) -> sqlite3.Connection:
    """The same tables in the memory of this process, gone when they are closed."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    migrate(db, schema, Path(":memory:"))
    return db
