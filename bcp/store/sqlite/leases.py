"""Leases on targets: a row a run, a number that only grows, and the kernel lock of the run to know who is alive."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from bcp.contracts.store import Holder, LeaseLost, RunQuery, RunStore
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.store.conflicts import check_unfinished, lost, related, said, still_held, taken
from bcp.store.sqlite.connect import connect_to_read
from bcp.store.sqlite.migrations import Schema, open_database
from bcp.store.targets import overlap

SCHEMA = Schema(
    "leases",
    (
        """
create table lease(run text primary key, fence integer not null unique, parent text not null, pid integer not null,
  taken real not null, names text not null) without rowid;
create table given(fence integer primary key autoincrement, run text not null, at real not null,
  begun integer not null default 0);
""",
    ),
)


class SqliteLease:
    """One run's right to write, as long as its number stands in the table."""

    def __init__(self, leases: SqliteLeases, run: str, names: frozenset[str], fence: int) -> None:
        self._leases, self.run, self.names, self.fence = leases, run, names, fence

    def check(self) -> None:
        """Is the number still ours? Raises ``LeaseLost``."""
        found = self._leases.fence_of(self.run)
        if found != self.fence:
            raise LeaseLost(
                f"{self.run} has lost {', '.join(sorted(self.names)[:3])}: lease {self.fence} is over"
                + (f", {found} is the one now" if found else ""),
                hint=f"Another process went on meanwhile: bcp status {self.run}",
            )

    def release(self) -> None:
        """The process lets go."""
        self._leases.let_go(self.run, self.fence)


class SqliteLeases:
    """Safe for threads; the file keeps processes apart."""

    def __init__(self, path: Path, runs: RunStore, ended: Callable[[str], bool] = lambda run: False) -> None:
        """``ended``: does anything besides the run's own file say that it is over?"""
        self.path, self.runs, self.ended = path, runs, ended
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    @contextmanager
    def _use(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._db is None:
                    self._db = open_database(self.path, SCHEMA)
                db = self._db
                if not write:
                    yield db
                    return
                db.execute("begin immediate")
                try:
                    yield db
                    db.execute("commit")
                except BaseException:
                    if db.in_transaction:
                        db.execute("rollback")
                    raise
            except sqlite3.Error as error:
                raise StorageError(
                    f"the leases {self.path} cannot be used: {error}",
                    hint="Free space or fix its permissions. If it is damaged: see that no run works"
                    " (bcp status --all), then move it away; it is made anew from the runs.",
                ) from error

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    # -- taking --------------------------------------------------------------------------------------------------

    def take(self, run: str, names: Collection[str], *, parent: str = "", at: float = 0.0) -> SqliteLease:
        """See ``bcp.contracts.store.Leases``. The caller holds the lock of the run."""
        wanted = frozenset(names)
        if not wanted:
            raise Invalid("a run without targets", hint="A plan has at least one.")
        try:
            with (
                self._use() as db
            ):  # most refusals need no lock: of many who start at once, nobody waits for the others
                self._dead(db, run, wanted, parent)
            with self._use(write=True) as db:
                for other in self._dead(db, run, wanted, parent):
                    db.execute("delete from lease where run = ?", (other,))
                check_unfinished(self.runs, run, wanted, parent)
                fence = self._next(db, run, at)
                db.execute(
                    "insert or replace into lease values (?,?,?,?,?,?)",
                    (run, fence, parent, os.getpid(), at, json.dumps(sorted(wanted))),
                )
        except StorageError as error:
            raise Refused(
                f"{said(wanted)}: nobody knows whether another run is on it: {error.message}",
                rule="one-run-per-target",
                hint=error.hint,
            ) from error
        return SqliteLease(self, run, wanted, fence)

    def _dead(self, db: sqlite3.Connection, run: str, wanted: frozenset[str], parent: str) -> list[str]:
        """Runs that had one of the names and need it no more. Raises ``Refused`` when a process has one now."""
        out = []
        for other, theirs, names in db.execute("select run, parent, names from lease").fetchall():
            shared = overlap(wanted, json.loads(names))
            if other == run or not shared or related(run, parent, other, theirs):
                continue
            shared = still_held(self.runs, other, shared)
            if not shared:
                continue
            if self.runs.is_live(other):
                raise taken(other, shared)
            if self._lost(db, other):
                raise lost(other, shared)
            if self._free(db, other):
                out.append(other)
        return out

    def _lost(self, db: sqlite3.Connection, run: str) -> bool:
        """Was it begun, and is its file gone without anything that says that it ended?"""
        if self.runs.exists(run):
            return False
        begun = db.execute("select 1 from given where run = ? and begun = 1 limit 1", (run,)).fetchone()
        return begun is not None and not self.ended(run)

    def _free(self, db: sqlite3.Connection, run: str) -> bool:
        """A run that nobody works on needs its names no more: it is over, or never came to be."""
        return self.runs.card(run).over if self.runs.exists(run) else not self._lost(db, run)

    def _next(self, db: sqlite3.Connection, run: str, at: float) -> int:
        """A number higher than any before, also when this file was lost: the runs know theirs."""
        row = db.execute("select seq from sqlite_sequence where name = 'given'").fetchone()
        if row is None:
            known = max((c.fence for c in self.runs.cards(RunQuery())), default=0)
            db.execute("insert into given(fence, run, at) values (?,?,?)", (known + 1, run, at))
            return known + 1
        return int(db.execute("insert into given(run, at) values (?,?)", (run, at)).lastrowid or 0)

    # -- knowing -------------------------------------------------------------------------------------------------

    def fence_of(self, run: str) -> int:
        """The number that stands for a run now; 0: none."""
        with self._use() as db:
            row = db.execute("select fence from lease where run = ?", (run,)).fetchone()
        return int(row[0]) if row else 0

    def let_go(self, run: str, fence: int) -> None:
        """The process that had this number is done. The run keeps its targets until it is over; then its row goes."""
        over = self.runs.exists(run) and self.runs.card(run).over
        with self._use(write=True) as db:
            query = "delete from lease" if over else "update lease set pid = 0"
            db.execute(f"{query} where run = ? and fence = ?", (run, fence))

    def give_up(self, run: str) -> None:
        """A run that never came to be."""
        with self._use(write=True) as db:
            db.execute("delete from lease where run = ?", (run,))

    def holders(self, names: Collection[str] = ()) -> list[Holder]:
        """Runs that are not over and have one of these names, or any; the oldest first."""
        with self._use() as db:
            rows = db.execute("select run, fence, parent, pid, taken, names from lease order by fence").fetchall()
            out = []
            for run, fence, parent, pid, since, text in rows:
                mine = still_held(self.runs, run, json.loads(text))
                live = self.runs.is_live(run)
                if (live or not self._free(db, run)) and (not names or overlap(mine, names)):
                    out.append(Holder(run, mine, fence, parent, pid, since, live, not live and self._lost(db, run)))
        return out

    def begun(self, run: str) -> None:
        """The run that a lease was taken for is there now."""
        with self._use(write=True) as db:
            db.execute("update given set begun = 1 where run = ?", (run,))

    def history(self) -> list[tuple[int, str]]:
        """Every number that a run was begun with."""
        if not self.path.exists():
            return []
        try:
            with contextlib.closing(connect_to_read(self.path)) as db:
                query = "select fence, run from given where begun = 1 order by fence"
                return [(int(f), str(r)) for f, r in db.execute(query)]
        except sqlite3.Error as error:
            raise StorageError(
                f"the leases {self.path} cannot be read: {error}", hint="See `bcp status --all`."
            ) from error
