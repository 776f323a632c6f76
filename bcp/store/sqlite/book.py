"""The book of incidents: one SQLite file, one writer, one chain of hashes over everything that happened.

A body from a monitoring system is known, joined to an incident and written into the chain in one transaction: after
``kill -9`` between receipt and answer the sender's retry finds exactly one incident.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bcp.contracts.incident import OPEN, Event, Incident
from bcp.contracts.store import Anchor
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Invalid, Missing, StorageError
from bcp.kernel.hashing import GENESIS, canonical
from bcp.kernel.ids import new_id
from bcp.kernel.text import one_line
from bcp.store.chain import link_book
from bcp.store.files.audit import BOOK, AuditLog
from bcp.store.files.witness import Witness
from bcp.store.sqlite.book_alerts import AlertRows
from bcp.store.sqlite.book_questions import QuestionRows
from bcp.store.sqlite.connect import connect_to_read
from bcp.store.sqlite.migrations import Schema, check_version, open_database

SCHEMA = Schema(
    "the book of incidents",
    (
        """
create table incident(id text primary key, service text not null, state text not null, opened real not null,
  declared real not null default 0, resolved real not null default 0, closed real not null default 0,
  classes text not null default '', title text not null default '', mode text not null default 'notify',
  playbook text not null default '', runs text not null default '');
create table event(seq integer primary key, at real not null, incident text not null, kind text not null,
  actor text not null, data text not null, hash text not null);
create index event_incident on event(incident);
create table delivered(source text not null, identity text not null, at real not null, incident text not null,
  primary key(source, identity)) without rowid;
create index delivered_at on delivered(at);
create table alert(source text not null, outage text not null, started text not null, firing integer not null,
  changed real not null, incident text not null, title text not null,
  primary key(source, outage, started)) without rowid;
create index alert_incident on alert(incident, firing);
create table question(id text primary key, incident text not null, run text not null, step text not null,
  checksum text not null, opened real not null, deadline real not null, count integer not null, groups text not null,
  state text not null, result text not null default '', unique(run, step, opened));
create table asked(question text not null, person text not null, channel text not null, cycle integer not null,
  at real not null, state text not null, receipt text not null default '', yes text not null default '',
  no text not null default '', link text not null default '',
  primary key(question, person, channel, cycle)) without rowid;
create table tries(question text not null, person text not null, wrong integer not null,
  primary key(question, person)) without rowid;
create table heard(channel text not null, id text not null, at real not null, primary key(channel, id)) without rowid;
create table receipt(id text primary key, at real not null, rank integer not null, status text not null,
  error text not null default '') without rowid;
""",
        """
create index question_incident on question(incident, opened);
create index question_open on question(state) where state = 'open';
create index asked_link on asked(link) where link != '';
""",
    ),
)


class Book(QuestionRows, AlertRows):
    """Every method is one transaction, or part of the one that ``Writer`` holds open. Raises ``StorageError``."""

    def __init__(self, path: Path, clock: Clock, *, to_read: bool = False) -> None:
        """``to_read``: nothing is written, not even to migrate it; it may lie on a full or read-only disk.

        Raises:
            Refused: (``store-newer``) it is of a newer version of this program.
            StorageError: the file cannot be opened.
        """
        self.path, self.clock = path, clock
        self.witness = Witness(path)
        try:
            self.db = _connect_to_read(path) if to_read else open_database(path, SCHEMA)
            self._noted = not self.witness.known and not to_read
            """There are events that the witness does not know."""
            self._tell_witness()
        except sqlite3.Error as error:
            raise failed(path, error) from error
        self._grouped, self._depth, self._added = False, 0, False

    def close(self) -> None:
        """Let the file go. What was noted since it was opened is anchored in the audit file."""
        newest = self._newest() if self._added else None
        if newest is not None:
            with contextlib.suppress(StorageError, Invalid):
                audit = AuditLog(self.path.parent / "audit.jsonl")
                audit.anchor(Anchor(BOOK, newest[1], "closed", self.clock.now(), newest[0]))
        self.witness.close()
        self.db.close()

    # -- transactions --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Several calls become one transaction."""
        self.db.execute("begin immediate")
        self._grouped = True

    def commit(self) -> None:
        """It is on disk."""
        self._grouped, self._depth = False, 0
        self.db.execute("commit")
        self._tell_witness()

    def rollback(self) -> None:
        """Nothing of it was done."""
        self._grouped, self._depth, self._noted = False, 0, False
        if self.db.in_transaction:
            self.db.execute("rollback")

    def __enter__(self) -> Book:
        if self._depth == 0 and not self._grouped:
            self.db.execute("begin immediate")
        self._depth += 1
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._depth -= 1
        if self._grouped or self._depth:
            return
        if kind is None:
            self.db.execute("commit")
            self._tell_witness()
        elif self.db.in_transaction:
            self._noted = False
            self.db.execute("rollback")

    def _tell_witness(self) -> None:
        newest = self._newest() if self._noted else None
        if newest is not None:
            self.witness.write(*newest)
        self._noted = False

    def _newest(self) -> tuple[int, str] | None:
        row = self.db.execute("select seq, hash from event order by seq desc limit 1").fetchone()
        return (int(row[0]), str(row[1])) if row else None

    # -- the chain -----------------------------------------------------------------------------------------------

    def note(self, kind: str, incident: str = "", actor: str = "", **data: Any) -> None:
        """Append to the chain."""
        with self:
            seq, head = self._newest() or (0, GENESIS)
            at = self.clock.now()
            found = link_book(head, seq + 1, at, incident, kind, actor, data)
            self.db.execute(
                "insert into event values (?,?,?,?,?,?,?)", (seq + 1, at, incident, kind, actor, canonical(data), found)
            )
            self._noted = self._added = True

    def events(self, incident: str | None = None, *, limit: int = 500, before: int = 0) -> list[Event]:
        """The newest events, oldest first; of one incident, or of all."""
        rows = self.db.execute(
            "select * from event where (?1 is null or incident = ?1) and (?3 = 0 or seq < ?3)"
            " order by seq desc limit ?2",
            (incident, limit, before),
        ).fetchall()
        return [Event(q, at, i, kind, who, json.loads(data), h) for q, at, i, kind, who, data, h in reversed(rows)]

    def damage(self) -> str:
        """What is wrong with the chain; empty: nothing."""
        return damage_of(self.db, self.path)

    def pulse(self) -> None:
        """Write something, to know that it can be written."""
        with self:
            self.db.execute("insert or replace into heard values ('', 'pulse', ?)", (self.clock.now(),))

    def head(self) -> str:
        """Hash of the newest event."""
        newest = self._newest()
        return newest[1] if newest else GENESIS

    # -- incidents -----------------------------------------------------------------------------------------------

    def incidents(self, *, limit: int = 50) -> list[Incident]:
        """The newest first."""
        rows = self.db.execute("select * from incident order by opened desc, rowid desc limit ?", (limit,)).fetchall()
        return [_incident(r) for r in rows]

    def incident(self, name: str) -> Incident:
        """One of them; ``last`` is the newest, and the beginning of an id is enough. Raises ``Invalid``."""
        if name in {"", "last"}:
            found = self.incidents(limit=1)
        else:
            query = "select * from incident where substr(id, 1, ?) = ?"
            found = [_incident(r) for r in self.db.execute(query, (len(name), name))]
        if not found and name in {"", "last"}:
            raise Missing("there are no incidents yet", hint="`bcp serve` writes them down.", rule="no-such-incident")
        if len(found) != 1:
            if found:
                raise Invalid(f"several incidents begin with {name!r}", hint="bcp incident list", rule="ambiguous")
            raise Missing(f"there is no incident {name!r}", hint="bcp incident list", rule="no-such-incident")
        return found[0]

    def current(self, service: str) -> Incident | None:
        """The one that is not closed."""
        marks = ",".join("?" * len(OPEN))
        row = self.db.execute(
            f"select * from incident where service = ? and state in ({marks}) order by opened desc limit 1",  # noqa: S608
            (service, *OPEN),
        ).fetchone()
        return _incident(row) if row else None

    def incident_of(self, run_id: str) -> str:
        """The incident that a run belongs to; empty: none."""
        query = "select id from incident where instr(' ' || runs || ' ', ?) > 0 order by opened desc limit 1"
        row = self.db.execute(query, (f" {run_id} ",)).fetchone()
        return str(row[0]) if row else ""

    def open(self, service: str, title: str, mode: str, actor: str, **data: Any) -> tuple[Incident, bool]:
        """The current incident, or a new one; True when it is new."""
        title = one_line(title, 200)  # an alert's may hold anything
        with self:
            found = self.current(service)
            if found is not None:
                stronger = found.stronger(mode)
                if stronger != found.mode:
                    self.db.execute("update incident set mode = ? where id = ?", (stronger, found.id))
                return replace(found, mode=stronger), False
            made = Incident(
                new_id("inc", self.clock.now()), service, "opened", self.clock.now(), title=title, mode=mode
            )
            self.db.execute(
                "insert into incident(id, service, state, opened, title, mode) values (?,?,?,?,?,?)",
                (made.id, service, made.state, made.opened, title, mode),
            )
            self.note("opened", made.id, actor, title=title, mode=mode, **data)
            return made, True

    def change(self, incident: str, kind: str, actor: str = "bcp", *, fields: Mapping[str, Any], **data: Any) -> None:
        """Change some columns, and say so in the chain."""
        allowed = {"state", "declared", "resolved", "closed", "classes", "title", "mode", "playbook", "runs"}
        with self:
            for name, value in fields.items():
                assert name in allowed
                stored = " ".join(value) if isinstance(value, tuple) else value
                query = f"update incident set {name} = ? where id = ?"  # noqa: S608 - a known column
                self.db.execute(query, (stored, incident))
            self.note(kind, incident, actor, **data)


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads. Raises ``sqlite3.Error`` and ``Refused``."""
    db = connect_to_read(path)
    try:
        check_version(db, SCHEMA, path)
    except BaseException:
        db.close()
        raise
    return db


@contextlib.contextmanager
def opened(path: Path, clock: Clock, *, to_read: bool = False) -> Iterator[Book]:
    """The book for one piece of work, beside whoever else writes it. Raises ``StorageError``, whatever is wrong with
    the file or its disk."""
    book = Book(path, clock, to_read=to_read)
    try:
        yield book
    except (sqlite3.Error, OSError) as error:
        raise failed(path, error) from error
    finally:
        with contextlib.suppress(sqlite3.Error, OSError):
            book.close()


def opened_at(path: Path, service: str) -> float:
    """When the incident that is not closed was opened, read beside the writer of the book; 0: there is none, or it
    cannot be read."""
    if not path.exists():
        return 0.0
    marks = ",".join("?" * len(OPEN))
    query = f"select min(opened) from incident where service = ? and state in ({marks})"  # noqa: S608 - only marks
    try:
        with contextlib.closing(connect_to_read(path, timeout_s=2.0)) as db:
            row = db.execute(query, (service, *OPEN)).fetchone()
    except sqlite3.Error:
        return 0.0
    return float(row[0] or 0.0) if row else 0.0


def _incident(row: Sequence[Any]) -> Incident:
    mark, service, state, opened, declared, resolved, closed, classes, title, mode, playbook, runs = row
    times = (float(opened), float(declared), float(resolved), float(closed))
    return Incident(mark, service, state, *times, tuple(classes.split()), title, mode, playbook, tuple(runs.split()))


def failed(path: Path, error: Exception) -> StorageError:
    """What went wrong with the file, for people."""
    return StorageError(
        f"the book of incidents {path} cannot be used: {error}",
        hint="Free space, fix permissions, or end the process that holds it; nothing was taken.",
    )


def chain_damage(path: Path, anchor: Anchor | None = None) -> str:
    """The same for a file, beside its writer: a long chain takes a while to check. Also for one that is gone.

    ``anchor``: what the audit file says of it.
    """
    if not path.exists():
        return "the whole book is gone" if Witness(path).known or anchor is not None else ""
    try:
        db = connect_to_read(path, timeout_s=2.0)
        try:
            wrong = damage_of(db, path)
            if wrong or anchor is None:
                return wrong
            row = db.execute("select hash from event where seq = ?", (anchor.seq,)).fetchone()
            kept = row is not None and row[0] == anchor.head
            return (
                "" if kept else f"event {anchor.seq} is not the one that the audit file knows: it was cut or replaced"
            )
        finally:
            db.close()
    except sqlite3.Error as error:
        return f"it cannot be read: {error}"


def damage_of(db: sqlite3.Connection, path: Path, witness: Witness | None = None) -> str:
    """What is wrong with the chain of an open book, or with what its witness saw last."""
    witness = witness or Witness(path)
    head, expected, seen = GENESIS, 1, ""
    for seq, at, incident, kind, actor, data, digest in db.execute("select * from event order by seq"):
        if seq != expected or link_book(head, seq, at, incident, kind, actor, json.loads(data)) != digest:
            return f"event {seq} was changed, or one before it was taken out"
        head, expected = digest, seq + 1
        seen = digest if seq == witness.seq else seen
    if witness.damage:
        return witness.damage
    if witness.seq >= expected:
        return f"the newest events are gone: {witness.seq} were written, {expected - 1} are left"
    return "its events were written anew" if witness.seq and seen != witness.head else ""
