"""Readiness in one bounded SQLite file: the last round, what changed, the course of each playbook.

It is history, not truth: moved away, the next round begins anew. Any process may write it (the daemon and
``bcp ready``); a round is one transaction.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bcp.contracts.readiness import Change, Check, Mark, Point, Round
from bcp.kernel.errors import StorageError
from bcp.kernel.text import sound
from bcp.store.rounds import dated, held_at, worth_keeping
from bcp.store.sqlite.connect import connect_to_read
from bcp.store.sqlite.migrations import Schema, open_database

FILE = "readiness.db"
KEEP_S = 400 * 86_400.0
"""A year, and what is needed to compare it with the one before."""
MOST = 50_000
"""Rows of changes, and of points, at most: the oldest go."""
SCHEMA = Schema(
    "the history of readiness",
    (
        """
create table round(one integer primary key check(one = 1), at real not null, checks text not null, marks text not null);
create table change(id integer primary key, at real not null, code text not null, subject text not null,
  before text not null, after text not null, says text not null);
create index change_at on change(at);
create table point(id integer primary key, at real not null, playbook text not null, level text not null,
  number integer not null);
create index point_playbook on point(playbook, at);
create table claimed(what text primary key, at real not null) without rowid;
""",
    ),
)


class SqliteReadiness:
    """See ``bcp.contracts.readiness.ReadinessStore``. Nothing is made before the first round is kept."""

    def __init__(self, folder: Path, *, keep_s: float = KEEP_S, most: int = MOST) -> None:
        self.path, self.keep_s, self.most = folder / FILE, keep_s, most
        self._db: sqlite3.Connection | None = None

    # -- writing -------------------------------------------------------------------------------------------------

    def note(self, at: float, checks: Sequence[Check], marks: Sequence[Mark]) -> Round:
        """Keep a round."""
        with self._writing() as db:
            found, changes = dated(_round(db), at, checks, marks)
            row = (at, _text([_check_data(c) for c in found.checks]), _text([_mark_data(m) for m in found.marks]))
            db.execute("insert or replace into round values (1, ?, ?, ?)", row)
            db.executemany(
                "insert into change(at, code, subject, before, after, says) values (?,?,?,?,?,?)",
                [(c.at, c.code, c.subject, c.before, c.after, c.says[:500]) for c in changes],
            )
            for mark in found.marks:
                self._point(db, mark.playbook, Point(at, mark.level, mark.number))
            self._prune(db, at)
        return found

    @staticmethod
    def _point(db: sqlite3.Connection, playbook: str, point: Point) -> None:
        query = "select at, level, number from point where playbook = ? order by id desc limit 1"
        row = db.execute(query, (playbook,)).fetchone()
        if worth_keeping(point, Point(*row) if row else None):
            values = (point.at, playbook, point.level, point.number)
            db.execute("insert into point(at, playbook, level, number) values (?,?,?,?)", values)

    def _prune(self, db: sqlite3.Connection, at: float) -> None:
        for table in ("change", "point"):
            db.execute(f"delete from {table} where at < ?", (at - self.keep_s,))  # noqa: S608 - names of ours
            db.execute(
                f"delete from {table} where id <= (select max(id) from {table}) - ?",  # noqa: S608 - names of ours
                (self.most,),
            )
        db.execute("delete from claimed where at < ?", (at - self.keep_s,))

    def claim(self, what: str, at: float) -> bool:
        """False when it was claimed before."""
        with self._writing() as db:
            return db.execute("insert or ignore into claimed values (?, ?)", (what, at)).rowcount == 1

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction. Raises ``StorageError``."""
        try:
            if self._db is None:
                self._db = open_database(self.path, SCHEMA)
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("rollback")
                raise
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise _failed(self.path, error) from error

    def close(self) -> None:
        """Let the file go."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
        self._db = None

    # -- reading -------------------------------------------------------------------------------------------------

    def last(self) -> Round | None:
        """The newest round."""
        with self._reading() as db:
            return _round(db) if db is not None else None

    def changes(self, since: float, most: int = 200) -> list[Change]:
        """The newest first."""
        query = "select at, code, subject, before, after, says from change where at >= ? order by id desc limit ?"
        with self._reading() as db:
            return [Change(*row) for row in db.execute(query, (since, most))] if db is not None else []

    def course(self, playbook: str, since: float) -> list[Point]:
        """Oldest first, with the point that held at its beginning."""
        query = "select at, level, number from point where playbook = ? order by id"
        with self._reading() as db:
            points = [Point(*row) for row in db.execute(query, (playbook,))] if db is not None else []
        return held_at(points, since)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection of its own, beside whoever writes; ``None``: there is no file yet. Raises ``StorageError``."""
        if not self.path.exists():
            yield None
            return
        try:
            with contextlib.closing(connect_to_read(self.path)) as db:
                begun = db.execute("select 1 from sqlite_master where name = 'round'").fetchone()
                yield db if begun else None  # a disk that was full at the first look leaves an empty file
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            raise _failed(self.path, error) from error


def _failed(path: Path, error: Exception) -> StorageError:
    return StorageError(f"{path} cannot be used: {error}", hint="Move it away; a new history is begun.")


def _text(data: Any) -> str:
    return sound(json.dumps(data, ensure_ascii=False))


def _round(db: sqlite3.Connection) -> Round | None:
    row = db.execute("select at, checks, marks from round").fetchone()
    if row is None:
        return None
    checks = tuple(Check(**{**c, "playbooks": tuple(c["playbooks"])}) for c in json.loads(row[1]))
    return Round(float(row[0]), checks, tuple(Mark(**m) for m in json.loads(row[2])))


def _check_data(c: Check) -> dict[str, Any]:
    names = ("code", "subject", "state", "says", "hint", "since")
    return {**{n: getattr(c, n) for n in names}, "playbooks": list(c.playbooks)}


def _mark_data(m: Mark) -> dict[str, Any]:
    return {n: getattr(m, n) for n in ("playbook", "level", "number", "since")}
