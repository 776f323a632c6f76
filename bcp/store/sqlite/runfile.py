"""The file of one run: its tables, made, read and told things. ``journal.py`` is its writer."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bcp.contracts.journal import Effect, Event, RunRecord, Signal
from bcp.contracts.store import RunCard
from bcp.kernel.bigjson import loads
from bcp.kernel.errors import StorageError
from bcp.kernel.files import make_private
from bcp.kernel.hashing import GENESIS, canonical
from bcp.store.cards import card_from_data, card_to_data, folded
from bcp.store.chain import LedgerRow, genesis_of, signal_hash, verify_events, verify_ledger, verify_signals
from bcp.store.sqlite.connect import connect, connect_to_read
from bcp.store.sqlite.migrations import Schema, check_version

FORMAT = 2
"""How the chain begins: 1 at zeros, 2 at the digest of what the run was started with. Not the version of the tables."""
SUFFIX = ".db"
T = TypeVar("T")

SCHEMA = Schema(
    "a run",
    (
        """
create table meta(key text primary key, value text not null) without rowid;
create table event(seq integer primary key, at real not null, kind text not null, step text not null,
  actor text not null, data text not null, hash text not null);
create table effect(key text primary key, step text not null, claimed real not null, incarnation text not null,
  state text not null check(state in ('claimed','in_doubt','settled')), settled real, request text not null,
  outcome text) without rowid;
create table signal(id integer primary key autoincrement, at real not null, kind text not null, actor text not null,
  data text not null, consumed integer not null default 0);
""",
        """
alter table effect add column fence integer not null default 0;
alter table signal add column hash text not null default '';
create table holder(one integer primary key check(one = 1), fence integer not null, incarnation text not null);
create table card(one integer primary key check(one = 1), data text not null);
""",
    ),
)


def failed(path: Path, error: Exception) -> StorageError:
    """What went wrong with the file, for people."""
    text = str(error)
    hints = {
        "full": "The disk is full: free space, then repeat; `bcp resume` goes on with a run that stopped.",
        "locked": "Another process holds the journal: end it, then `bcp resume`.",
        "readonly": "The state folder is read-only: fix its permissions, then repeat; `bcp resume` goes on with a run "
        "that stopped.",
        "unable to open": "Check that the state folder exists and is writable, then `bcp resume`.",
        "disk I/O": "The disk failed or is full: repair it, then `bcp resume`.",
    }
    hint = next(
        (h for word, h in hints.items() if word in text), "Nothing was changed. Repair the cause, then `bcp resume`."
    )
    return StorageError(f"the journal {path} cannot be used: {text}", hint=hint)


def create(path: Path, meta: Mapping[str, Any], *, fence: int = 0) -> None:
    """Make the file of a new run. Raises ``StorageError`` when it exists or cannot be made."""
    try:
        make_private(path.parent)
        path.touch(mode=0o600, exist_ok=False)
        db = connect(path, "rw")
        try:
            db.execute("pragma synchronous=extra")
            _fill(db, path, meta, fence)
        finally:
            db.close()
    except FileExistsError as error:
        raise StorageError(
            f"a run called {path.stem} exists already", hint="Start again: ids are never reused."
        ) from error
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise failed(path, error) from error


def _fill(db: sqlite3.Connection, path: Path, meta: Mapping[str, Any], fence: int) -> None:
    texts = {k: canonical(v) for k, v in {**meta, "format": FORMAT}.items()}
    card = folded(path.stem, meta, ()).card(fence=fence, head=genesis_of(texts))
    db.execute("begin immediate")
    for step in SCHEMA.steps:
        for statement in step.split(";\n"):
            if statement.strip():
                db.execute(statement)
    db.execute(f"pragma user_version={SCHEMA.version}")
    db.executemany("insert into meta values(?,?)", list(texts.items()))
    db.execute("insert into holder values(1,?,'')", (fence,))
    db.execute("insert into card values(1,?)", (canonical(card_to_data(card)),))
    db.execute("commit")


# -- reading ---------------------------------------------------------------------------------------------------------


class RunFile:
    """A run's file opened for reading only; works while the run is live. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = connect_to_read(path)
            self._db.execute("select 1 from meta limit 1").fetchone()
        except sqlite3.Error as error:
            raise failed(path, error) from error
        check_version(self._db, SCHEMA, path)

    def __enter__(self) -> RunFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def read(self, what: Callable[[sqlite3.Connection], T]) -> T:
        """Run one of the ``read_`` functions on one consistent picture."""
        try:
            self._db.execute("begin")
            try:
                return what(self._db)
            finally:
                self._db.execute("rollback")
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            raise failed(self.path, error) from error


def read_events(db: sqlite3.Connection) -> list[Event]:
    """All events of an open file."""
    rows = db.execute("select seq, at, kind, step, actor, data, hash from event order by seq")
    return [Event(seq, at, kind, step, actor, loads(data), found) for seq, at, kind, step, actor, data, found in rows]


def read_effects(db: sqlite3.Connection, prefix: str = "") -> list[Effect]:
    """The ledger of an open file."""
    rows = db.execute(
        "select key, step, state, claimed, settled, request, outcome from effect"
        " where substr(key, 1, ?) = ? order by claimed, key",
        (len(prefix), prefix),
    )
    return [Effect(k, s, st, c, se, loads(r), loads(o) if o else None) for k, s, st, c, se, r, o in rows]


def read_unread(db: sqlite3.Connection) -> list[Signal]:
    """What the run was told and has not taken up, oldest first."""
    rows = db.execute("select id, at, kind, actor, data from signal where consumed=0 order by id")
    return [Signal(i, at, kind, actor, loads(data)) for i, at, kind, actor, data in rows]


def read_meta(db: sqlite3.Connection) -> dict[str, Any]:
    """What the run was started with."""
    return {k: loads(v) for k, v in read_texts(db).items()}


def read_texts(db: sqlite3.Connection) -> dict[str, str]:
    """The same as it is in the file."""
    return {str(k): str(v) for k, v in db.execute("select key, value from meta")}


def verify_chain(db: sqlite3.Connection, genesis: str = GENESIS) -> tuple[int, str, str]:
    """Number of events, head of the chain, and what is wrong with it (empty: nothing)."""
    rows = db.execute("select seq, at, kind, step, actor, data, hash from event order by seq")
    return verify_events(rows, genesis)


class Metas:
    """What some runs were started with, parsed once: it never changes, and a plan may be large.

    A text is looked up by the beginning of its chain, which is its digest; files of format 1 have none and are parsed
    each time.
    """

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._kept: dict[str, dict[str, Any]] = {}

    def read(self, texts: Mapping[str, str], genesis: str) -> dict[str, Any]:
        """The values of these texts. Nobody may change them."""
        found = self._kept.pop(genesis, None)
        if found is None:
            found = {k: loads(v) for k, v in texts.items()}
        if genesis != GENESIS:
            self._kept[genesis] = found
            while len(self._kept) > self._most:
                self._kept.pop(next(iter(self._kept)), None)
        return found


def read_record(path: Path, *, effects: bool = True, metas: Metas | None = None) -> RunRecord:
    """One consistent picture of everything."""

    def everything(db: sqlite3.Connection) -> RunRecord:
        texts = read_texts(db)
        genesis = genesis_of(texts)
        meta = (metas or Metas(0)).read(texts, genesis)
        _, head, damage = verify_chain(db, genesis)
        found = read_effects(db) if effects else []
        return RunRecord(path.stem, dict(meta), read_events(db), found, head, damage, read_unread(db))

    with RunFile(path) as file:
        return file.read(everything)


def read_card(path: Path) -> RunCard:
    """The card in the file; of a file that has none, the one that its events make. Parses no plan in the first case."""

    def work(db: sqlite3.Connection) -> RunCard:
        last = db.execute("select seq, hash from event order by seq desc limit 1").fetchone()
        if has_tables_of_two(db):
            row = db.execute("select c.data, h.fence from card c, holder h").fetchone()
            if row is not None:
                data = {**loads(row[0]), "id": path.stem, "fence": int(row[1])}
                return card_from_data({**data, "seq": last[0], "head": last[1]} if last else data)
        meta = read_meta(db)
        seq, head = (int(last[0]), str(last[1])) if last else (0, genesis_of(read_texts(db)))
        return folded(path.stem, meta, read_events(db)).card(seq=seq, head=head)

    with RunFile(path) as file:
        return file.read(work)


def has_tables_of_two(db: sqlite3.Connection) -> bool:
    """Is it of version 2 or later?"""
    return int(db.execute("pragma user_version").fetchone()[0]) >= 2


def read_damage(path: Path) -> str:
    """What does not agree with the chain; empty: nothing."""

    def work(db: sqlite3.Connection) -> str:
        meta, two = read_meta(db), has_tables_of_two(db)
        _, _, wrong = verify_chain(db, genesis_of(read_texts(db)))
        if wrong:
            return wrong
        events = read_events(db)
        fence, digest = ("fence", "hash") if two else ("0", "''")
        rows = db.execute(f"select key, step, claimed, state, settled, request, outcome, {fence} from effect")  # noqa: S608
        if wrong := verify_ledger(((e.step, e.data) for e in events), [LedgerRow(*r) for r in rows]):
            return wrong
        heard = {int(n): str(h) for e in events if e.kind == "heard" for n, h in e.data.get("signals", {}).items()}
        last = db.execute("select seq from sqlite_sequence where name = 'signal'").fetchone()
        signals = db.execute(f"select id, at, kind, actor, data, {digest} from signal order by id")  # noqa: S608
        whole = two and str(meta.get("format", 1)) != "1"
        wrong = verify_signals(signals, int(last[0]) if last else 0, heard, hashed=whole)
        return wrong or _card_damage(db, path, meta, events)

    try:
        with RunFile(path) as file:
            return file.read(work)
    except StorageError as error:
        return error.message


def _card_damage(db: sqlite3.Connection, path: Path, meta: Mapping[str, Any], events: list[Event]) -> str:
    if not has_tables_of_two(db):
        return ""
    row = db.execute("select data from card").fetchone()
    kept = card_from_data({**loads(row[0]), "id": path.stem, "fence": 0, "seq": 0, "head": ""}) if row else None
    made = folded(path.stem, meta, events).card()
    return "" if kept is None or kept == made else "its card does not agree with its events"


# -- from outside ----------------------------------------------------------------------------------------------------


def send_signal(path: Path, kind: str, actor: str, data: Mapping[str, Any], at: float) -> int:
    """Tell a run something, from another process. Returns the signal's number. Raises ``StorageError``."""
    try:
        db = connect(path, "rw")
        try:
            db.execute("pragma synchronous=extra")
            text = canonical(data)
            db.execute("begin immediate")
            if has_tables_of_two(db):
                row = db.execute("select hash from signal order by id desc limit 1").fetchone()
                found = signal_hash(str(row[0]) if row and row[0] else GENESIS, at, kind, actor, text)
                names, values = "at, kind, actor, data, hash", [at, kind, actor, text, found]
            else:  # somebody may be writing it with the older version: its tables stay as they are
                names, values = "at, kind, actor, data", [at, kind, actor, text]
            marks = ",".join("?" * len(values))
            cursor = db.execute(f"insert into signal({names}) values({marks})", values)  # names of ours
            db.execute("commit")
            return int(cursor.lastrowid or 0)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise failed(path, error) from error
