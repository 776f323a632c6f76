"""The drill book: one SQLite file, a chain of hashes for each exercise, its head in the audit file after each event."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bcp.contracts.exercise_book import EVENTS, DrillEvent
from bcp.contracts.store import Anchor, AuditFile
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Invalid, Missing, Refused, StorageError
from bcp.kernel.hashing import GENESIS, canonical
from bcp.store.chain import link_book
from bcp.store.sqlite.connect import connect_to_read
from bcp.store.sqlite.migrations import Schema, open_database

PREFIX = "drill-"
"""How the ids of exercises begin, also in the audit file."""
EVERYTHING = "select * from event order by drill, seq"
SCHEMA = Schema(
    "the drill book",
    (
        """
create table event(drill text not null, seq integer not null, at real not null, kind text not null,
  actor text not null, data text not null, hash text not null, primary key(drill, seq));
""",
    ),
)


class DrillBook:
    """See ``bcp.contracts.exercise_book.DrillBook``. Nothing is opened or made before it is used; any thread may."""

    def __init__(self, path: Path, clock: Clock, audit: AuditFile) -> None:
        self.path, self.clock, self.audit = path, clock, audit
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = open_database(self.path, SCHEMA)
        return self._db

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. Raises ``StorageError`` for whatever is wrong with the file or its disk."""
        with self._lock:
            try:
                db = self._open()
                db.execute("begin immediate")
                try:
                    yield db
                    db.execute("commit")
                except BaseException:
                    if db.in_transaction:
                        db.execute("rollback")
                    raise
            except (sqlite3.Error, OSError) as error:
                raise _failed(self.path, error) from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """For reading, without making a file that is not there; ``None`` then."""
        with self._lock:
            if self._db is None and not self.path.exists():
                yield None
                return
            try:
                yield self._open()
            except (sqlite3.Error, OSError) as error:
                raise _failed(self.path, error) from error

    def append(
        self, drill: str, kind: str, actor: str, data: Mapping[str, Any], *, after: int | None = None
    ) -> DrillEvent:
        """One event more. Raises ``Refused`` (``drill-moved``)."""
        assert kind in EVENTS
        assert drill.startswith(PREFIX)
        with self._transaction() as db:
            row = db.execute(
                "select seq, hash from event where drill = ? order by seq desc limit 1", (drill,)
            ).fetchone()
            seq, head = (int(row[0]), str(row[1])) if row else (0, GENESIS)
            if after is not None and seq != after:
                raise Refused(f"{drill} was changed meanwhile", rule="drill-moved", hint="Look at it again.")
            at, text = self.clock.now(), canonical(dict(data))
            found = link_book(head, seq + 1, at, drill, kind, actor, json.loads(text))
            db.execute("insert into event values (?,?,?,?,?,?,?)", (drill, seq + 1, at, kind, actor, text, found))
        self.audit.anchor(Anchor(drill, found, kind, at, seq + 1))
        return DrillEvent(drill, seq + 1, at, kind, actor, json.loads(text), found)

    def events(self, drill: str) -> list[DrillEvent]:
        """All events of one exercise, the oldest first."""
        with self._reading() as db:
            rows = [] if db is None else db.execute("select * from event where drill = ? order by seq", (drill,))
            return [DrillEvent(d, q, at, k, who, json.loads(text), h) for d, q, at, k, who, text, h in rows]

    def drills(self) -> list[str]:
        """Ids: the one in which something was written last stands first; reminders do not count."""
        with self._reading() as db:
            query = (
                "select drill from event where kind != 'reminded' group by drill order by max(at) desc, max(rowid) desc"
            )
            return [] if db is None else [str(r[0]) for r in db.execute(query)]

    def find(self, text: str) -> str:
        """The exercise meant by an id, its beginning or end, or ``last``. Raises ``Missing`` or ``Invalid``."""
        known = self.drills()
        return match_drill(known, text)

    def damage(self) -> Mapping[str, str]:
        """What is wrong, by exercise."""
        return chain_damage(self.path, self.audit.read().anchors)

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None


def match_drill(known: Sequence[str], text: str) -> str:
    """Which of these ids, the newest first, is meant. Raises ``Missing`` or ``Invalid``."""
    if not known:
        hint = "bcp drill new KIND SCENARIO makes one."
        raise Missing("there are no drills yet", rule="no-such-drill", hint=hint)
    if text in {"", "last"}:
        return known[0]
    found = [d for d in known if d == text] or [d for d in known if d.startswith(text) or d.endswith(text)]
    if not found:
        raise Missing(f"there is no drill {text[:60]!r}", rule="no-such-drill", hint=f"Newest: {known[0]}")
    if len(found) > 1:
        raise Invalid(f"{len(found)} drills match {text[:60]!r}", rule="ambiguous", hint="bcp drill list")
    return found[0]


def chain_damage(path: Path, anchors: Mapping[str, Anchor]) -> dict[str, str]:
    """What is wrong with each chain of the book, beside its writer; also for chains that the audit file knows and that
    are gone."""
    mine = {name: a for name, a in anchors.items() if name.startswith(PREFIX)}
    if not path.exists():
        return dict.fromkeys(mine, "the drill book is gone")
    try:
        with contextlib.closing(connect_to_read(path, timeout_s=2.0)) as db:
            return damage_of(db.execute(EVERYTHING), mine)
    except sqlite3.Error as error:
        return {path.name: f"it cannot be read: {error}"}


def damage_of(rows: sqlite3.Cursor, anchors: Mapping[str, Anchor]) -> dict[str, str]:
    """What is wrong with these rows of ``EVERYTHING``, by exercise, as the last anchors know it."""
    wrong: dict[str, str] = {}
    heads: dict[str, tuple[int, str]] = {}
    kept: set[str] = set()
    for drill, seq, at, kind, actor, data, digest in rows:
        last, head = heads.get(drill, (0, GENESIS))
        heads[drill] = (seq, digest)
        anchor = anchors.get(drill)
        if anchor is not None and seq == anchor.seq and digest == anchor.head:
            kept.add(drill)
        if drill in wrong:
            continue
        try:
            good = seq == last + 1 and link_book(head, seq, at, drill, kind, actor, json.loads(data)) == digest
        except (ValueError, TypeError):
            good = False
        if not good:
            wrong[drill] = f"event {seq} ({kind}) was changed, or one before it was taken out"
    for name, anchor in anchors.items():
        if name not in heads:
            wrong[name] = "it is gone"
        elif name not in kept and name not in wrong:
            wrong[name] = f"event {anchor.seq} is not the one that the audit file knows: it was cut or replaced"
    for name in [n for n, (seq, _) in heads.items() if n not in anchors and seq > 1]:  # one: it was killed in between
        wrong.setdefault(name, "the audit file does not know it: lines of that were taken out")
    return wrong


def _failed(path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"the drill book {path} cannot be used: {error}",
        hint="Free space, fix permissions, or end the process that holds it; nothing was written.",
    )
