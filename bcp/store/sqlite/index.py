"""The index of runs: one row a run, so that a question costs the same with ten old runs and with ten thousand.

It is a cache and never the truth: every run file carries its own card, written in the same commit as the events that
changed it. A row is read again when its file has changed (size, time), as long as the run is not over. Rows of runs
that are over are believed, and forgotten by whoever opens such a run for writing. New and vanished files are noticed by
the time of their folder. A damaged or missing index is made anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bcp.contracts.store import FINAL, UNREADABLE, RunCard, RunQuery
from bcp.kernel.errors import BcpError, Refused, StorageError
from bcp.kernel.hashing import canonical
from bcp.store.cards import card_from_data, card_to_data, place
from bcp.store.sqlite.connect import connect, make_file, wal_is_safe
from bcp.store.sqlite.migrations import Schema, migrate
from bcp.store.sqlite.runfile import SUFFIX, read_card

SETTLED_NS = 1_000_000_000
"""A folder that was changed less than this ago is listed again the next time: two changes may have the same time."""

RACY_NS = 50_000_000
"""The same for a single file: the kernel's clock for files ticks every few milliseconds."""

SCHEMA = Schema(
    "the index of runs",
    (
        """
create table run(id text primary key, status text not null, over integer not null, kind text not null,
  playbook text not null, parent text not null, moves_mx integer not null, automatic integer not null,
  incident text not null, checksum text not null, touched real not null, stamp text not null, card text not null)
  without rowid;
create index run_over on run(over) where over = 0;
create index run_parent on run(parent) where parent != '';
create index run_incident on run(incident) where incident != '';
create index run_mx on run(moves_mx, id) where moves_mx = 1;
create index run_kind on run(kind, id);
create table target(name text not null, run text not null, primary key(name, run)) without rowid;
create index target_run on target(run);
create table folder(one integer primary key check(one = 1), stamp integer not null);
""",
        # Runs of one second have an order. Rows are a cache: they are read from the files again.
        """
drop table target;
drop table run;
delete from folder;
create table run(id text primary key, place text not null, status text not null, over integer not null,
  kind text not null, playbook text not null, parent text not null, moves_mx integer not null,
  automatic integer not null, incident text not null, checksum text not null, touched real not null,
  stamp text not null, card text not null) without rowid;
create index run_place on run(place);
create index run_over on run(over) where over = 0;
create index run_parent on run(parent) where parent != '';
create index run_incident on run(incident) where incident != '';
create index run_mx on run(moves_mx, place) where moves_mx = 1;
create index run_kind on run(kind, place);
create table target(name text not null, run text not null, primary key(name, run)) without rowid;
create index target_run on target(run);
""",
    ),
)


class Index:
    """Rows about the files in one folder. Safe for threads; several processes may keep it together."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path, folder
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    # -- asking --------------------------------------------------------------------------------------------------

    def cards(self, query: RunQuery) -> list[RunCard]:
        """The newest first."""
        where, values = conditions(query)
        limit = f" limit {int(query.newest)}" if query.newest else ""
        rows = self._ask(f"select card from run where {where} order by place desc{limit}", values)  # noqa: S608
        return [card_from_data(json.loads(row[0])) for row in rows]

    def card(self, run_id: str) -> RunCard | None:
        """One of them."""
        rows = self._ask("select card from run where id = ?", [run_id])
        return card_from_data(json.loads(rows[0][0])) if rows else None

    def ids(self) -> list[str]:
        """All, the oldest first."""
        return [str(r[0]) for r in self._ask("select id from run order by place", [])]

    def newest(self, count: int) -> list[str]:
        """The newest first."""
        return [str(r[0]) for r in self._ask("select id from run order by place desc limit ?", [count])]

    def match(self, text: str) -> list[str]:
        """The id itself, else those that begin or end so."""
        if rows := self._ask("select id from run where id = ?", [text]):
            return [str(rows[0][0])]
        size = len(text)
        query = "select id from run where (id >= ? and substr(id, 1, ?) = ?) or substr(id, -?) = ? order by place"
        return [str(r[0]) for r in self._ask(query, [text, size, text, size, text])]

    def _ask(self, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """Ask. A damaged index is made anew, one that may not be written is kept in memory; then it is asked again."""
        with self._lock:
            for again in (False, True):
                try:
                    return self._fresh().execute(query, values).fetchall()
                except sqlite3.Error as error:
                    if again or "locked" in str(error):
                        raise _failed(self.path, error) from error
                    self._begin_anew(in_memory="readonly" in str(error))
        raise AssertionError("not reached")

    # -- keeping it ----------------------------------------------------------------------------------------------

    def forget(self, run_id: str) -> None:
        """The file is about to change: look at it again the next time. Never raises."""
        with self._lock, contextlib.suppress(sqlite3.Error, BcpError, OSError):
            if self.path.exists():
                self._open().execute("update run set stamp = '', over = 0 where id = ?", (run_id,))

    def put(self, card: RunCard) -> None:
        """How a run stands, from its writer. Never raises: the file knows it too."""
        with self._lock, contextlib.suppress(sqlite3.Error, BcpError, OSError):
            db = self._open()
            db.execute("begin immediate")
            try:
                self._write(db, card, _stamp(self.folder / f"{card.id}{SUFFIX}"))
                db.execute("commit")
            except BaseException:
                db.execute("rollback")
                raise

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            try:
                make_file(self.path)
                db = connect(self.path, "rw")
                db.execute("pragma synchronous=normal")
                migrate(db, SCHEMA, self.path)
            except (sqlite3.OperationalError, OSError, StorageError, Refused):  # read-only, or of a newer bcp
                db = self._of_memory()
            self._db = db
        return self._db

    def _begin_anew(self, *, in_memory: bool) -> None:
        self.close()
        if in_memory:
            self._db = self._of_memory()
            return
        for name in (self.path.name, f"{self.path.name}-journal", f"{self.path.name}-wal", f"{self.path.name}-shm"):
            with contextlib.suppress(OSError):
                (self.path.parent / name).unlink()

    def _of_memory(self) -> sqlite3.Connection:
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        migrate(db, SCHEMA, self.path)
        return db

    def _fresh(self) -> sqlite3.Connection:
        """The index, after a look at what may have changed."""
        db = self._open()
        stamp = _folder_stamp(self.folder)
        row = db.execute("select stamp from folder").fetchone()
        same = row is not None and row[0] == stamp
        if not same:
            self._compare(db, stamp)
        if not same or wal_is_safe():  # else every commit makes and removes a file in the folder
            self._look_again(db)
        return db

    def _compare(self, db: sqlite3.Connection, stamp: int) -> None:
        """New and vanished files."""
        try:
            there = {n.removesuffix(SUFFIX) for n in os.listdir(self.folder) if n.endswith(SUFFIX)}
        except FileNotFoundError:
            there = set()
        except OSError as error:
            raise StorageError(f"cannot list {self.folder}: {error.strerror}", hint="Check its permissions.") from error
        known = {str(r[0]) for r in db.execute("select id from run")}
        cards = [self._read(i) for i in sorted(there - known)]
        db.execute("begin immediate")
        try:
            for run_id in known - there:
                db.execute("delete from run where id = ?", (run_id,))
                db.execute("delete from target where run = ?", (run_id,))
            for card, mark in cards:
                self._write(db, card, mark)
            quiet = time.time_ns() - stamp > SETTLED_NS  # noqa: TID251 - compared with the times of files
            db.execute("insert or replace into folder values (1, ?)", (stamp if quiet else -1,))
            db.execute("commit")
        except BaseException:
            db.execute("rollback")
            raise

    def _look_again(self, db: sqlite3.Connection) -> None:
        """Runs that are not over, whose files have changed."""
        stale = []
        for run_id, mark in db.execute("select id, stamp from run where over = 0").fetchall():
            if _stamp(self.folder / f"{run_id}{SUFFIX}") != mark:
                stale.append(self._read(str(run_id)))
        if stale:
            db.execute("begin immediate")
            try:
                for card, mark in stale:
                    self._write(db, card, mark)
                db.execute("commit")
            except BaseException:
                db.execute("rollback")
                raise

    def _read(self, run_id: str) -> tuple[RunCard, str]:
        """The card in a file and its stamp before it was read. One that cannot be read is never over."""
        path = self.folder / f"{run_id}{SUFFIX}"
        mark = _stamp(path, settled_by=time.time_ns() - RACY_NS)  # noqa: TID251 - compared with the times of files
        try:
            return read_card(path), mark
        except BcpError as error:
            old = self._db.execute("select card from run where id = ?", (run_id,)).fetchone() if self._db else None
            known = card_to_data(card_from_data(json.loads(old[0]))) if old else {"id": run_id}
            return RunCard(**{**known, "status": UNREADABLE, "reason": error.message[:300]}), mark

    def _write(self, db: sqlite3.Connection, card: RunCard, stamp: str) -> None:
        db.execute("delete from target where run = ?", (card.id,))
        db.executemany("insert into target values (?,?)", [(name, card.id) for name in card.targets])
        db.execute(
            "insert or replace into run values (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                card.id,
                place(card),
                card.status,
                int(card.status in FINAL),
                card.kind,
                card.playbook,
                card.parent,
                int(card.moves_mx),
                int(card.automatic),
                card.incident,
                card.checksum,
                max(card.created, card.started, card.ended),
                stamp,
                canonical(card_to_data(card)),
            ),
        )


def conditions(query: RunQuery) -> tuple[str, list[Any]]:
    """A query as SQL."""
    parts, values = ["1"], list[Any]()

    def add(text: str, *given: Any) -> None:
        parts.append(text)
        values.extend(given)

    if query.targets:
        marks = _marks(query.targets)
        add(f"id in (select run from target where name in ({marks}))", *sorted(query.targets))  # noqa: S608 - marks
    if query.status:
        add(f"status in ({_marks(query.status)})", *sorted(query.status))
    if query.unfinished:
        add(f"over = 0 and status not in ({_marks(FINAL)})", *sorted(FINAL))
    for name in ("parent", "incident", "moves_mx", "automatic"):  # here an empty text and False are asked for, too
        if (value := getattr(query, name)) is not None:
            add(f"{name} = ?", int(value) if isinstance(value, bool) else value)
    for name in ("kind", "playbook", "checksum"):
        if value := getattr(query, name):
            add(f"{name} = ?", value)
    if query.since:
        add("touched >= ?", query.since)
    return " and ".join(parts), values


def _marks(values: Iterable[str]) -> str:
    return ",".join("?" for _ in values)


def _stamp(path: Path, *, settled_by: int = 0) -> str:
    """Changes whenever the file does; with a write-ahead log that is what is written. Empty: it changed just now."""
    out = []
    for name in (path, path.with_name(path.name + "-wal")):
        try:
            found = name.stat()
        except OSError:
            continue
        if settled_by and found.st_mtime_ns > settled_by:
            return ""
        out.append(f"{found.st_mtime_ns}.{found.st_size}.{found.st_ino}")
    return " ".join(out)


def _folder_stamp(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _failed(path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"the index of runs {path} cannot be used: {error}",
        hint="It is made anew from the runs when it is removed.",
    )
