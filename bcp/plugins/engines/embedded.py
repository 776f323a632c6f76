"""The embedded journal: one SQLite file per run, written by one thread, many records in one commit.

Durability: ``WAL`` with ``synchronous=FULL`` where the library has the WAL-reset fix, else ``DELETE`` with ``EXTRA``
(https://www.sqlite.org/changes.html, 3.51.3; back-ported to 3.44.6 and 3.50.7). Local disks only: file locks on network
file systems are not reliable.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from bcp.contracts.engine import EnginePlugin
from bcp.contracts.journal import Claim, ClaimState, Draft, Effect, Event, RunRecord, Signal
from bcp.kernel.clock import Clock
from bcp.kernel.errors import StorageError
from bcp.kernel.hashing import GENESIS, canonical, link_event
from bcp.kernel.ids import new_token
from bcp.kernel.sqlite import set_durable

FORMAT = 1
"""Version of the tables. A newer file is refused rather than misread."""
BUSY_S = 5.0
LINGER_S = 0.015
"""How long a crowd of writers waits for more company before one sync ..."""
CROWD = 8
"""... and how many make one. A handful of steps side by side never waits."""
T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], Any]

_SCHEMA = """
create table meta(key text primary key, value text not null) without rowid;
create table event(seq integer primary key, at real not null, kind text not null, step text not null, actor text not null,
  data text not null, hash text not null);
create table effect(key text primary key, step text not null, claimed real not null, incarnation text not null,
  state text not null check(state in ('claimed','in_doubt','settled')), settled real, request text not null, outcome text) without rowid;
create table signal(id integer primary key autoincrement, at real not null, kind text not null, actor text not null,
  data text not null, consumed integer not null default 0);
"""


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{str(path).replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
    connection.execute("pragma trusted_schema=off")
    return connection


def _failed(path: Path, error: Exception) -> StorageError:
    text = str(error)
    hints = {
        "full": "The disk is full: free space, then `bcp resume`.",
        "locked": "Another process holds the journal: end it, then `bcp resume`.",
        "readonly": "The state folder is read-only: fix its permissions, then `bcp resume`.",
        "unable to open": "Check that the state folder exists and is writable, then `bcp resume`.",
        "disk I/O": "The disk failed or is full: repair it, then `bcp resume`.",
    }
    hint = next(
        (h for word, h in hints.items() if word in text), "Nothing was changed. Repair the cause, then `bcp resume`."
    )
    return StorageError(f"the journal {path} cannot be used: {text}", hint=hint)


class EmbeddedJournal:
    """The journal of one run, opened for writing. The caller holds the run's lock."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self.clock = path, clock
        self.run_id = path.stem
        self.incarnation = new_token(12)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._pending: list[tuple[Operation, asyncio.Future[Any]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._crowded = False
        self._head: tuple[int, str] = (0, GENESIS)
        self._rows: list[tuple[int, float, str, str, str, str, str]] = []
        """Events of the commit under way: written together at its end."""
        self._guard = threading.Lock()
        try:
            self._db = _connect(path, "rw")
            set_durable(self._db)
            found = self._db.execute("select value from meta where key='format'").fetchone()
            if found is None or json.loads(found[0]) != FORMAT:
                raise StorageError(
                    f"{path} was written by another version of bcp", hint="Use that version for this run."
                )
            row = self._db.execute("select seq, hash from event order by seq desc limit 1").fetchone()
            self._head = row or self._head
        except sqlite3.Error as error:
            raise _failed(path, error) from error

    @classmethod
    def create(cls, path: Path, meta: Mapping[str, Any]) -> None:
        """Make the file of a new run. Raises ``StorageError`` when it exists or cannot be made."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600, exist_ok=False)
            db = _connect(path, "rw")
            try:
                db.execute("pragma synchronous=extra")
                db.executescript("begin immediate;" + _SCHEMA)
                db.executemany(
                    "insert into meta values(?,?)", [(k, canonical(v)) for k, v in {**meta, "format": FORMAT}.items()]
                )
                db.execute("commit")
            finally:
                db.close()
        except FileExistsError as error:
            raise StorageError(
                f"a run called {path.stem} exists already", hint="Start again: ids are never reused."
            ) from error
        except (OSError, sqlite3.Error) as error:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise _failed(path, error) from error

    # -- writing -------------------------------------------------------------------------------------------------

    def _enqueue(self, operation: Operation) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append((operation, future))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())  # noqa: TID251 - awaited by its futures
        return future

    async def _submit(self, operation: Operation) -> Any:
        return await self._enqueue(operation)

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            if self._crowded:  # many are writing: wait an instant, so that one sync serves them all
                await asyncio.sleep(LINGER_S)  # noqa: TID251 - real time, of the disk
            batch, self._pending = self._pending, []
            self._crowded = len(batch) > CROWD
            try:
                results = await loop.run_in_executor(self._thread, self._commit, [op for op, _ in batch])
            except (sqlite3.Error, OSError) as error:
                failure = _failed(self.path, error)
                for _, future in batch:
                    if not future.done():
                        future.set_exception(StorageError(failure.message, hint=failure.hint))
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)

    def _commit(self, operations: Sequence[Operation]) -> list[Any]:
        with self._guard:
            head = self._head
            self._rows.clear()
            try:
                self._db.execute("begin immediate")
                results = [operation(self._db) for operation in operations]
                self._db.executemany("insert into event values(?,?,?,?,?,?,?)", self._rows)
                self._db.execute("commit")
            except BaseException:
                self._head = head
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("rollback")
                raise
            return results

    def _append(self, kind: str, step: str, actor: str, data: Mapping[str, Any]) -> None:
        seq, previous = self._head
        at = round(self.clock.now(), 6)
        body = canonical(data)
        found = link_event(previous, seq + 1, at, kind, step, actor, body)
        self._rows.append((seq + 1, at, kind, step, actor, body, found))
        self._head = (seq + 1, found)

    async def record(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> None:
        """Append an event and wait until it is on disk."""
        await self._submit(lambda db: self._append(kind, step, actor, data))

    async def claim(self, key: str, step: str, request: Mapping[str, Any], *, event: str = "", **data: Any) -> Claim:
        """Claim an effect. A claim of an earlier process that was never settled is in doubt."""
        return await self._submit(lambda db: self._claim(db, key, step, request, event, data))  # type: ignore[no-any-return]

    def claim_soon(self, key: str, step: str, request: Mapping[str, Any]) -> asyncio.Future[Claim]:
        """The same, put in line now and awaited later."""
        return self._enqueue(lambda db: self._claim(db, key, step, request, "", {}))

    def _claim(
        self,
        db: sqlite3.Connection,
        key: str,
        step: str,
        request: Mapping[str, Any],
        event: str,
        data: Mapping[str, Any],
    ) -> Claim:
        at = self.clock.now()
        new = db.execute(
            "insert into effect values(?,?,?,?,'claimed',null,?,null) on conflict do nothing",
            (key, step, at, self.incarnation, canonical(request)),
        )
        if new.rowcount:
            self._append(event or "claimed", step, "", {"key": key, **data})
            return Claim(key, ClaimState.GO, None, at)
        state, outcome, claimed, before = db.execute(
            "select state, outcome, claimed, request from effect where key=?", (key,)
        ).fetchone()
        if state == "settled":
            return Claim(key, ClaimState.DONE, json.loads(outcome), claimed)
        return Claim(key, ClaimState.IN_DOUBT, None, claimed, json.loads(before))

    async def settle(
        self,
        key: str,
        outcome: Mapping[str, Any],
        *,
        event: str = "",
        step: str = "",
        actor: str = "",
        **data: Any,
    ) -> None:
        """Say how a claimed effect ended; a second settlement changes nothing."""
        await self._submit(lambda db: self._settle(db, key, outcome, event, step, actor, data))

    def settle_soon(self, key: str, outcome: Mapping[str, Any]) -> asyncio.Future[Any]:
        """The same, not waited for: a crash before it is on disk leaves the effect in doubt, never repeated."""
        return self._enqueue(lambda db: self._settle(db, key, outcome, "", "", "", {}))

    def _settle(
        self,
        db: sqlite3.Connection,
        key: str,
        outcome: Mapping[str, Any],
        event: str,
        step: str,
        actor: str,
        data: Mapping[str, Any],
    ) -> None:
        text = canonical(outcome)
        changed = db.execute(
            "update effect set state='settled', settled=?, outcome=? where key=? and state<>'settled'",
            (self.clock.now(), text, key),
        )
        if changed.rowcount:
            self._append(event or "settled", step, actor, {"key": key, "outcome": text[:2000], **data})

    async def doubt(self, key: str, reason: str) -> None:
        """Say that a claimed effect's outcome is not known."""

        def operation(db: sqlite3.Connection) -> None:
            changed = db.execute("update effect set state='in_doubt' where key=? and state='claimed'", (key,))
            if changed.rowcount:
                self._append("in_doubt", "", "", {"key": key, "reason": reason})

        await self._submit(operation)

    # -- reading -------------------------------------------------------------------------------------------------

    async def effects(self, prefix: str = "") -> list[Effect]:
        """Rows of the ledger whose key starts so."""
        return await self._submit(lambda db: read_effects(db, prefix))  # type: ignore[no-any-return]

    async def unread(self) -> list[Signal]:
        """Signals not yet consumed. Reads only: costs no commit."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._unread)

    def _unread(self) -> list[Signal]:
        try:
            with self._guard:
                rows = self._db.execute(
                    "select id, at, kind, actor, data from signal where consumed=0 order by id"
                ).fetchall()
        except sqlite3.Error as error:
            raise _failed(self.path, error) from error
        return [Signal(i, at, kind, actor, json.loads(data)) for i, at, kind, actor, data in rows]

    async def consume(self, signals: Sequence[Signal], events: Sequence[Draft] = ()) -> None:
        """Mark signals as read and append what they mean, in one commit."""
        ids = [(s.id,) for s in signals]

        def operation(db: sqlite3.Connection) -> None:
            db.executemany("update signal set consumed=1 where id=?", ids)
            for event in events:
                self._append(event.kind, event.step, event.actor, event.data)

        await self._submit(operation)

    def events(self) -> list[Event]:
        """All events, oldest first."""
        with self._guard:
            return read_events(self._db)

    def meta(self) -> Mapping[str, Any]:
        """What the run was started with."""
        with self._guard:
            return read_meta(self._db)

    def close(self) -> None:
        """Let the file go."""
        self._thread.shutdown(wait=True)
        self._db.close()


def read_events(db: sqlite3.Connection) -> list[Event]:
    """All events of an open file."""
    rows = db.execute("select seq, at, kind, step, actor, data, hash from event order by seq")
    return [
        Event(seq, at, kind, step, actor, json.loads(data), found) for seq, at, kind, step, actor, data, found in rows
    ]


def read_effects(db: sqlite3.Connection, prefix: str = "") -> list[Effect]:
    """The ledger of an open file."""
    rows = db.execute(
        "select key, step, state, claimed, settled, request, outcome from effect where substr(key, 1, ?) = ? order by claimed, key",
        (len(prefix), prefix),
    )
    return [Effect(k, s, st, c, se, json.loads(r), json.loads(o) if o else None) for k, s, st, c, se, r, o in rows]


def read_meta(db: sqlite3.Connection) -> dict[str, Any]:
    """What the run was started with."""
    return {k: json.loads(v) for k, v in db.execute("select key, value from meta")}


class JournalView:
    """A run's journal opened for reading only; works while the run is live. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = _connect(path, "ro")
            self._db.execute("select 1 from meta limit 1").fetchone()
        except sqlite3.Error:
            # A process that was killed in mid-commit left a rollback journal; only a writer may roll it back.
            try:
                self._db = _connect(path, "rw")
                self._db.execute("select 1 from meta limit 1").fetchone()
            except sqlite3.Error as error:
                raise _failed(path, error) from error

    def __enter__(self) -> JournalView:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def read(self, what: Callable[[sqlite3.Connection], T]) -> T:
        """Run one of the ``read_`` functions."""
        try:
            return what(self._db)
        except sqlite3.Error as error:
            raise _failed(self.path, error) from error


def send_signal(path: Path, kind: str, actor: str, data: Mapping[str, Any], at: float) -> int:
    """Tell a run something, from another process. Returns the signal's number. Raises ``StorageError``."""
    try:
        db = _connect(path, "rw")
        try:
            db.execute("pragma synchronous=extra")
            cursor = db.execute(
                "insert into signal(at, kind, actor, data) values(?,?,?,?)", (at, kind, actor, canonical(data))
            )
            return int(cursor.lastrowid or 0)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise _failed(path, error) from error


def verify_chain(db: sqlite3.Connection) -> tuple[int, str, str]:
    """Number of events, head of the chain, and what is wrong with it (empty: nothing)."""
    previous, expected = GENESIS, 1
    for seq, at, kind, step, actor, data, found in db.execute(
        "select seq, at, kind, step, actor, data, hash from event order by seq"
    ):
        if seq != expected:
            return expected - 1, previous, f"event {expected} is missing"
        if link_event(previous, seq, at, kind, step, actor, data) != found:
            return seq - 1, previous, f"event {seq} ({kind}) was changed"
        previous, expected = found, expected + 1
    return expected - 1, previous, ""


class EmbeddedStore:
    """Run files in a folder."""

    suffix = ".db"

    def create(self, path: Path, meta: Mapping[str, Any]) -> None:
        """The file of a new run."""
        EmbeddedJournal.create(path, meta)

    def open(self, path: Path, clock: Clock) -> EmbeddedJournal:
        """For writing."""
        return EmbeddedJournal(path, clock)

    def view(self, path: Path, *, effects: bool = True) -> RunRecord:
        """For reading: one consistent picture."""
        with JournalView(path) as journal:

            def everything(db: sqlite3.Connection) -> RunRecord:
                db.execute("begin")
                try:
                    _, head, damage = verify_chain(db)
                    return RunRecord(
                        path.stem, read_meta(db), read_events(db), read_effects(db) if effects else (), head, damage
                    )
                finally:
                    db.execute("rollback")

            return journal.read(everything)

    def tell(self, path: Path, kind: str, actor: str, data: Mapping[str, Any], at: float) -> None:
        """Put a signal into the run's file."""
        send_signal(path, kind, actor, data, at)


PLUGIN = EnginePlugin(api=1, called="embedded", make=EmbeddedStore)
