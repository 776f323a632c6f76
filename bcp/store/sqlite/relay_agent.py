"""What the agent on a relay keeps: the place in the log, and each message as it knows it, always in one commit.

Messages are documents (JSON) here: nothing is looked up in them. What changed since the last batch was cut is found by
``changed``, which grows with each commit.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bcp.kernel.errors import StorageError
from bcp.store.sqlite.migrations import Schema, open_database

SCHEMA = Schema(
    "the agent's ledger",
    (
        """
create table meta(key text primary key, value text not null) without rowid;
create table mail(uid text primary key, over integer not null, taken integer not null, last real not null,
  changed integer not null, body text not null);
create index mail_changed on mail(changed);
create index mail_open on mail(last) where over = 0;
create table life(key text primary key, uid text not null) without rowid;
create index life_uid on life(uid);
create table batch(seq integer primary key, upto integer not null, body blob not null);
""",
    ),
)


class Kept(NamedTuple):
    """One message to be kept."""

    uid: str
    key: str
    """The queue id that it has now."""
    over: bool
    taken: bool
    """Was it accepted?"""
    last: float
    body: str


class AgentStore:
    """One writer. Raises ``StorageError`` whenever the file cannot be used; nothing of a commit is kept then."""

    def __init__(self, path: Path) -> None:
        self.path, self._over = path, False
        with _storage(path):
            self._db = open_database(path, SCHEMA)
            self._db.execute("pragma cache_size=-2000")

    def get(self, key: str) -> str:
        """A value of the agent's own; empty where there is none."""
        with _storage(self.path):
            row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def by_key(self, key: str) -> str:
        """The last message under this queue id."""
        return self._body("select body from mail join life using(uid) where life.key = ?", key)

    def by_uid(self, uid: str) -> str:
        """One message."""
        return self._body("select body from mail where uid = ?", uid)

    def _body(self, query: str, value: str) -> str:
        with _storage(self.path):
            row = self._db.execute(query, (value,)).fetchone()
        return str(row[0]) if row else ""

    def open_before(self, last: float) -> list[str]:
        """Messages in the queue of which nothing was heard since."""
        with _storage(self.path):
            rows = self._db.execute(
                "select body from mail where over = 0 and taken = 1 and last < ?", (last,)
            ).fetchall()
        return [str(r[0]) for r in rows]

    def newest(self, most: int) -> list[str]:
        """Messages that changed last, the newest one last."""
        with _storage(self.path):
            rows = self._db.execute(
                "select body from mail order by changed desc, rowid desc limit ?", (most,)
            ).fetchall()
        return [str(r[0]) for r in reversed(rows)]

    def asked(self, now: float) -> None:
        """Somebody asks, and something can be written."""
        self.keep([("asked", repr(now))], [])

    def keep(self, values: Iterable[tuple[str, str]], mails: Sequence[Kept]) -> None:
        """Values and messages, in one commit."""
        with _storage(self.path), self._all_or_nothing():
            changed = 1 + int(self._db.execute("select max(changed) from mail").fetchone()[0] or 0)
            self._db.executemany("insert or replace into meta values (?, ?)", list(values))
            self._db.executemany(
                "insert into mail(uid, over, taken, last, changed, body) values (?, ?, ?, ?, ?, ?) on conflict(uid) do"
                " update set over = excluded.over, taken = excluded.taken, last = excluded.last,"
                " changed = excluded.changed, body = excluded.body",
                [(m.uid, m.over, m.taken, m.last, changed, m.body) for m in mails],
            )
            self._db.executemany("insert or replace into life values (?, ?)", [(m.key, m.uid) for m in mails])

    # -- batches -------------------------------------------------------------------------------------------------

    def last_batch(self) -> tuple[int, int, bytes]:
        """Number of the newest, up to which change it goes, and its bytes; zeros when there is none."""
        with _storage(self.path):
            row = self._db.execute("select seq, upto, body from batch order by seq desc limit 1").fetchone()
        return (int(row[0]), int(row[1]), bytes(row[2])) if row else (0, 0, b"")

    def batch(self, seq: int) -> bytes:
        """One; empty when it is not kept."""
        with _storage(self.path):
            row = self._db.execute("select body from batch where seq = ?", (seq,)).fetchone()
        return bytes(row[0]) if row else b""

    def changes(self, after: int, most: int) -> tuple[list[str], int]:
        """Accepted messages that changed after this, about so many, and up to which change they go; none in half."""
        with _storage(self.path):
            query = "select changed from mail where changed > ? order by changed limit 1 offset ?"
            row = self._db.execute(query, (after, most)).fetchone()
            upto = max(int(row[0]) - 1, after + 1) if row else None
            where = "changed > ?" if upto is None else "changed > ? and changed <= ?"
            given = (after,) if upto is None else (after, upto)
            found = self._db.execute(f"select body, taken from mail where {where} order by changed", given).fetchall()  # noqa: S608
            last = int(self._db.execute("select max(changed) from mail").fetchone()[0] or after)
        return [str(body) for body, taken in found if taken], last if upto is None else upto

    def add_batch(self, seq: int, upto: int, body: bytes, values: Iterable[tuple[str, str]] = ()) -> None:
        """Keep a batch before it leaves: whoever asks again gets the same bytes."""
        with _storage(self.path), self._all_or_nothing():
            self._db.execute("insert into batch values (?, ?, ?)", (seq, upto, body))
            self._db.executemany("insert or replace into meta values (?, ?)", list(values))

    def drop_batches(self, before: int) -> None:
        """Those that the main node has; the newest is never dropped, because the next follows it."""
        with _storage(self.path), self._all_or_nothing():
            self._db.execute(
                "delete from batch where seq < ? and seq < (select max(seq) from batch)",
                (before,),
            )

    def begin_anew(self, values: Iterable[tuple[str, str]]) -> None:
        """Forget all batches: the next one is the first of another chain, and tells everything."""
        with _storage(self.path), self._all_or_nothing():
            self._db.execute("delete from batch")
            self._db.executemany("insert or replace into meta values (?, ?)", list(values))

    def forget(self, before: float) -> int:
        """Let go of messages that are over since, and of beginnings that came to nothing, and are in a batch."""
        with _storage(self.path), self._all_or_nothing():
            upto = int(self._db.execute("select coalesce(max(upto), 0) from batch").fetchone()[0])
            done = self._db.execute(
                "delete from mail where last < ? and (over = 1 or taken = 0) and changed <= ?",
                (before, upto),
            )
            self._db.execute("delete from life where uid not in (select uid from mail)")
            return int(done.rowcount)

    def reopen(self) -> None:
        """SQLite never writes through a file that it had to open where nothing could be written: open it anew, if that
        can be done."""
        if self._over:
            return
        with contextlib.suppress(StorageError, OSError), _storage(self.path):
            fresh = open_database(self.path, SCHEMA)
            fresh.execute("pragma cache_size=-2000")
            self._db.close()
            self._db = fresh

    def close(self) -> None:
        """End."""
        self._over = True
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("rollback")
            raise


@contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        hint = "Free space, or fix its permissions. Nothing is lost: it is tried again, and goes on where it was."
        raise StorageError(f"{path} cannot be used: {error}", hint=hint) from error
