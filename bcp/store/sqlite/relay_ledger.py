"""The ledger of relays in one SQLite file: what their agents told, indexed for the questions that are asked of it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bcp.contracts.relay_ledger import Fate, Remark, Source, Told, Total, Wanted
from bcp.kernel.errors import StorageError
from bcp.store.sqlite.migrations import Schema, open_database

FILE = "relays.db"
SCHEMA = Schema(
    "the ledger of relays",
    (
        """
create table source(relay text primary key, stream text not null, seq integer not null, digest text not null,
  heard real not null, skew real not null, read real not null, log real not null, problem text not null,
  counted text not null) without rowid;
create table batch(relay text, stream text, seq integer, digest text not null, primary key(relay, stream, seq))
  without rowid;
create table remark(id integer primary key, relay text not null, at real not null, code text not null,
  text text not null, unique(relay, code, text));
create table mail(id integer primary key, relay text not null, uid text not null, queue_id text not null,
  last real not null, sender text not null, size integer not null, message_id text not null, client text not null,
  tls text not null, unique(relay, uid));
create table fate(mail integer not null, n integer not null, relay text not null, kind text not null,
  taken real not null, domain text not null, recipient text not null, status text not null, told text not null,
  people integer not null, at real not null, addressed text not null, answer text not null, via text not null,
  remote_id text not null, tries integer not null, risky integer not null, doubled integer not null,
  primary key(mail, n)) without rowid;
create index fate_taken on fate(kind, taken, status, told, people, domain, relay);
create index fate_status on fate(status, taken);
create index fate_recipient on fate(recipient, taken);
create index fate_doubled on fate(taken) where doubled = 1;
create index fate_risky on fate(taken) where risky > 0;
create index mail_message_id on mail(message_id);
create index mail_queue_id on mail(queue_id);
create index mail_sender on mail(sender);
""",
    ),
)
_COLUMNS = (
    "m.relay, m.uid, m.queue_id, f.kind, f.recipient, f.addressed, f.status, f.at, f.answer, f.via, f.remote_id,"
    " f.tries, f.risky, f.told, f.people, f.taken, m.sender, m.size, m.message_id, m.client, m.tls, f.doubled"
)
_TWINS = """
select f.mail, f.n from mail m join fate f on f.mail = m.id
where m.message_id = ? and f.recipient = ? and f.status = 'sent' and f.kind in ('mail', 'unseen')
"""


class LedgerStore:
    """See ``bcp.contracts.relay_ledger.RelayLedger``. One connection for any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.RLock()
        with self._used():
            self._db = open_database(path, SCHEMA)

    # -- taking --------------------------------------------------------------------------------------------------

    def source(self, relay: str) -> Source:
        """How far this relay's agent has told."""
        with self._used():
            row = self._db.execute("select * from source where relay = ?", (relay,)).fetchone()
        return Source(*row) if row else Source(relay)

    def sources(self) -> list[Source]:
        """All that were ever heard, by name."""
        with self._used():
            return [Source(*row) for row in self._db.execute("select * from source order by relay")]

    def digest(self, relay: str, stream: str, seq: int) -> str:
        """Of a batch that was taken; empty: it was not."""
        query = "select digest from batch where relay = ? and stream = ? and seq = ?"
        with self._used():
            row = self._db.execute(query, (relay, stream, seq)).fetchone()
        return str(row[0]) if row else ""

    def take(self, source: Source, told: Sequence[Told], remarks: Sequence[Remark]) -> None:
        """A batch, in one commit."""
        with self._used(), self._all_or_nothing():
            given = (source.relay, source.stream, source.seq, source.digest)
            if not self._db.execute("insert or ignore into batch values (?, ?, ?, ?)", given).rowcount:
                return  # another process was faster
            self._source(source)
            for one in told:
                self._mail(source.relay, one)
            for remark in remarks:
                self._remark(remark)

    def heard(self, source: Source) -> None:
        """How the agent is."""
        s = source
        with self._used(), self._all_or_nothing():
            self._db.execute("insert or ignore into source values (?, '', 0, '', 0, 0, 0, 0, '', '')", (s.relay,))
            self._db.execute(
                "update source set heard = ?, skew = ?, read = ?, log = ?, problem = ?, counted = ? where relay = ?",
                (s.heard, s.skew, s.read, s.log, s.problem, s.counted, s.relay),
            )

    def _source(self, s: Source) -> None:
        values = (s.relay, s.stream, s.seq, s.digest, s.heard, s.skew, s.read, s.log, s.problem, s.counted)
        self._db.execute("insert or replace into source values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def _mail(self, relay: str, told: Told) -> None:
        first = told.fates[0] if told.fates else None
        if first is None:
            return
        query = "select id, last from mail where relay = ? and uid = ?"
        known = self._db.execute(query, (relay, told.uid)).fetchone()
        if known is not None and known[1] > told.last:
            return
        values = (first.queue_id, told.last, first.sender, first.size, first.message_id, first.client, first.tls)
        if known is None:
            row = self._db.execute(
                "insert into mail(queue_id, last, sender, size, message_id, client, tls, relay, uid)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, relay, told.uid),
            )
            ident = int(row.lastrowid or 0)
        else:
            ident = int(known[0])
            self._db.execute(
                "update mail set queue_id = ?, last = ?, sender = ?, size = ?, message_id = ?, client = ?, tls = ?"
                " where id = ?",
                (*values, ident),
            )
            self._db.execute("delete from fate where mail = ?", (ident,))
        self._db.executemany(
            "insert into fate values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            [_row(ident, n, f) for n, f in enumerate(told.fates)],
        )
        self._twins(first.message_id, {f.recipient for f in told.fates if f.status == "sent" and f.recipient})

    def _twins(self, message_id: str, recipients: set[str]) -> None:
        """Mark what was delivered to one recipient more than once."""
        for recipient in recipients if message_id else ():
            found = self._db.execute(_TWINS, (message_id, recipient)).fetchall()
            if len({mail for mail, _ in found}) > 1:
                self._db.executemany("update fate set doubled = 1 where mail = ? and n = ?", found)

    # -- remarks -------------------------------------------------------------------------------------------------

    def remark(self, remark: Remark) -> None:
        """Note something."""
        with self._used(), self._all_or_nothing():
            self._remark(remark)

    def _remark(self, r: Remark) -> None:
        values = (r.relay, r.at, r.code, r.text)
        self._db.execute("insert or ignore into remark(relay, at, code, text) values (?, ?, ?, ?)", values)

    def remarks(self, relays: Sequence[str] = (), since: float = 0.0) -> list[Remark]:
        """What was noted, the oldest first."""
        where, values = _in("relay", relays)
        query = f"select relay, at, code, text from remark where at >= ?{where} order by at, id"  # noqa: S608
        with self._used():
            return [Remark(*row) for row in self._db.execute(query, (since, *values))]

    # -- questions -----------------------------------------------------------------------------------------------

    def fates(self, wanted: Wanted, *, limit: int = 1000, first: int = 0) -> list[Fate]:
        """Rows, the newest accepted first."""
        where, values = _where(wanted)
        order = "order by f.taken desc, f.mail desc, f.n limit ? offset ?"
        query = f"select {_COLUMNS} from fate f join mail m on m.id = f.mail where {where} {order}"  # noqa: S608
        with self._used():
            rows = self._db.execute(query, (*values, limit, first)).fetchall()
        return [replace(Fate(*row), doubled=bool(row[-1])) for row in rows]

    def count(self, wanted: Wanted) -> int:
        """How many recipients these are."""
        where, values = _where(wanted)
        source = "fate f join mail m on m.id = f.mail" if "m." in where else "fate f"
        with self._used():
            row = self._db.execute(f"select sum(people) from {source} where {where}", values).fetchone()  # noqa: S608
        return int(row[0] or 0)

    def totals(self, wanted: Wanted) -> list[Total]:
        """Recipients by hour, kind and fate."""
        where, values = _where(wanted)
        source = "fate f join mail m on m.id = f.mail" if "m." in where else "fate f"
        columns = "cast(f.taken / 3600 as int) * 3600, f.kind, f.status, f.told, sum(f.people)"
        query = f"select {columns} from {source} where {where} group by 1, 2, 3, 4 order by 1, 2, 3, 4"  # noqa: S608
        with self._used():
            return [Total(*row) for row in self._db.execute(query, values)]

    def close(self) -> None:
        """End."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    @contextmanager
    def _used(self) -> Iterator[None]:
        """By one thread at a time. Raises ``StorageError`` for what SQLite says."""
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            hint = "Check the disk and the state folder. The relay keeps what it has; it is asked again."
            raise StorageError(f"{self.path} cannot be used: {error}", hint=hint) from error

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


def _row(mail: int, n: int, f: Fate) -> tuple[Any, ...]:
    domain = f.recipient.rpartition("@")[2]
    return (
        mail, n, f.relay, f.kind, f.taken, domain, f.recipient, f.status, f.told, f.people, f.at, f.to, f.answer,
        f.via, f.remote_id, f.tries, f.risky,
    )  # fmt: skip


def _in(column: str, values: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    return (f" and {column} in ({','.join('?' * len(values))})", tuple(values)) if values else ("", ())


def _where(w: Wanted) -> tuple[str, list[Any]]:
    """The conditions as SQL, and their values."""
    parts, values = ["1 = 1"], list[Any]()
    for column, several in (("f.kind", w.kinds), ("f.relay", w.relays), ("f.status", w.statuses)):
        text, found = _in(column, several)
        parts.append(text.removeprefix(" and ") or "1 = 1")
        values += found
    if w.domains:
        text, found = _in("f.domain", (*(d.lower() for d in w.domains), ""))
        parts.append(text.removeprefix(" and "))
        values += found
    given = (
        ("f.recipient = ?", w.recipient.lower()),
        ("m.sender = ?", w.sender),
        ("m.message_id = ?", w.message_id.strip("<>")),
        ("m.queue_id = ?", w.queue_id),
        ("f.taken >= ?", w.since),
        ("f.taken < ?", w.until),
    )
    for text, value in given:
        if value:
            parts.append(text)
            values.append(value)
    parts += ["f.doubled = 1"] * w.doubled + ["f.risky > 0"] * w.risky
    return " and ".join(p for p in parts if p != "1 = 1") or "1 = 1", values
