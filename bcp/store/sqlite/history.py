"""What was seen, in one bounded SQLite file: looks as runs of equal results, verdicts as they change.

A healthy day is a few rows. The file is history, not truth: when it cannot be written, detection goes on and says so.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bcp.contracts.probe import Result, Signal
from bcp.kernel.errors import Refused, StorageError
from bcp.kernel.text import sound
from bcp.store.sqlite.connect import connect, connect_to_read, make_file
from bcp.store.sqlite.migrations import Schema, migrate

FLUSH_S, QUICK_FLUSH_S, MANY = 60.0, 5.0, 200
"""How often counts of stretches that go on are written: of more than ``MANY`` streams, and of fewer."""
_RESULTS = {Result.OK: 0, Result.DEGRADED: 1, Result.FAIL: 2, Result.UNKNOWN: 3}
_NAMES = {n: r.value for r, n in _RESULTS.items()}
SCHEMA = Schema(
    "the history of looks",
    (
        """
create table stream(id integer primary key, probe text not null, vantage text not null, plane text not null,
  control integer not null, unique(probe, vantage));
create table seen(id integer primary key, stream integer not null, first real not null, last real not null,
  looks integer not null, result integer not null, kind text not null, evidence text not null);
create index seen_last on seen(last);
create table verdict(id integer primary key, at real not null, state text not null, stage text not null,
  classes text not null, planes text not null, action text not null, confidence integer not null,
  since real, evidence text not null);
create table latest(one integer primary key check(one = 1), at real not null, data text not null);
""",
        "create index verdict_at on verdict(at);",
    ),
)


class Said(Protocol):
    """A verdict, as far as it is kept."""

    @property
    def state(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def classes(self) -> Sequence[str]: ...
    @property
    def planes(self) -> Sequence[str]: ...
    @property
    def action(self) -> str: ...
    @property
    def confidence(self) -> int: ...
    @property
    def since(self) -> float | None: ...
    @property
    def evidence(self) -> Sequence[str]: ...


@dataclass
class _Run:
    row: int
    result: int
    kind: str
    last: float
    looks: int
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A stretch of equal results."""

    probe: str
    vantage: str
    plane: str
    result: str
    kind: str
    evidence: str
    first: float
    last: float
    looks: int
    control: bool = False


class LookRows:
    """One writer; readers open it beside. ``keep_s`` and ``max_bytes`` bound it."""

    def __init__(self, path: Path, *, keep_s: float = 90 * 86_400.0, max_bytes: int = 200 * 2**20) -> None:
        self.path, self.keep_s, self.max_bytes = path, keep_s, max_bytes
        self.problem = ""
        """Why nothing is written any more; empty when all is well."""
        self.totals: Counter[tuple[str, str, str]] = Counter()
        """Looks of this process by (plane, vantage, result)."""
        self._db: sqlite3.Connection | None = None
        self._streams: dict[tuple[str, str], int] = {}
        self._runs: dict[int, _Run] = {}
        self._pending: list[Signal] = []
        self._flushed = self._pruned = 0.0
        self._said: tuple[Any, ...] = ()

    # -- writing -------------------------------------------------------------------------------------------------

    def note(self, signal: Signal) -> None:
        """One look; written with the round."""
        self.totals[(signal.plane, signal.vantage or "local", signal.result.value)] += 1
        self._pending.append(signal)

    def round(self, decision: Said, at: float, data: Mapping[str, Any]) -> None:
        """The round is over: write what is new. Never raises."""
        pending, self._pending = self._pending, []
        try:
            db = self._open()
            db.execute("begin immediate")
            if at - self._pruned >= 3600.0 or self._pruned == 0.0 or self._crowded(db):
                self._prune(db, at)
                self._pruned = at
            for signal in pending:
                self._see(db, signal)
            self._verdict(db, decision, at)
            db.execute(
                "insert or replace into latest values (1, ?, ?)", (at, sound(json.dumps(data, ensure_ascii=False)))
            )
            if at - self._flushed >= (FLUSH_S if len(self._runs) > MANY else QUICK_FLUSH_S):
                self._flush(db)
                self._flushed = at
            db.execute("commit")
            self.problem = ""
        except (sqlite3.Error, StorageError, Refused, OSError) as error:
            self.problem = f"the history cannot be written: {getattr(error, 'strerror', None) or error}"
            self._drop()

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            make_file(self.path)
            db = connect(self.path, "rw", timeout_s=2.0)
            try:
                db.execute("pragma synchronous=normal")
                db.execute("pragma auto_vacuum=incremental")
                db.execute(f"pragma max_page_count={max(100, self.max_bytes // 4096)}")
                migrate(db, SCHEMA, self.path)
                self.path.chmod(0o600)
            except BaseException:
                db.close()
                raise
            self._db = db
            self._streams = {(p, v): i for i, p, v in self._db.execute("select id, probe, vantage from stream")}
        return self._db

    def _drop(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
        self._db, self._runs = None, {}

    def _see(self, db: sqlite3.Connection, s: Signal) -> None:
        key = (s.probe, s.vantage or "local")
        stream = self._streams.get(key)
        if stream is None:
            row = db.execute(
                "insert into stream(probe, vantage, plane, control) values (?, ?, ?, ?)", (*key, s.plane, s.control)
            )
            stream = self._streams[key] = int(row.lastrowid or 0)
        run, result = self._runs.get(stream), _RESULTS[s.result]
        if run is not None and run.result == result and run.kind == s.kind:
            run.last, run.looks, run.dirty = s.at, run.looks + 1, True
            return
        if run is not None and run.dirty:
            db.execute("update seen set last = ?, looks = ? where id = ?", (run.last, run.looks, run.row))
        row = db.execute(
            "insert into seen(stream, first, last, looks, result, kind, evidence) values (?, ?, ?, 1, ?, ?, ?)",
            (stream, s.at, s.at, result, s.kind, s.evidence[:300]),
        )
        self._runs[stream] = _Run(int(row.lastrowid or 0), result, s.kind, s.at, 1)

    def _flush(self, db: sqlite3.Connection) -> None:
        dirty = [r for r in self._runs.values() if r.dirty]
        db.executemany("update seen set last = ?, looks = ? where id = ?", [(r.last, r.looks, r.row) for r in dirty])
        for run in dirty:
            run.dirty = False

    def _verdict(self, db: sqlite3.Connection, d: Said, at: float) -> None:
        said = (d.state, d.stage, d.classes, d.planes, d.action)
        if said == self._said:
            return
        self._said = said
        db.execute(
            "insert into verdict(at, state, stage, classes, planes, action, confidence, since, evidence)"
            " values (?,?,?,?,?,?,?,?,?)",
            (
                at,
                d.state,
                d.stage,
                " ".join(d.classes),
                " ".join(d.planes),
                d.action,
                d.confidence,
                d.since,
                (d.evidence[0] if d.evidence else "")[:300],
            ),
        )

    def _crowded(self, db: sqlite3.Connection) -> bool:
        """Is the file nearly full?"""
        used = db.execute("pragma page_count").fetchone()[0] - db.execute("pragma freelist_count").fetchone()[0]
        return bool(used * 4096 > self.max_bytes * 0.8)

    def _prune(self, db: sqlite3.Connection, at: float) -> None:
        """Drop what is too old, and the oldest tenth while the file is nearly full."""
        self._flush(db)
        db.execute("delete from seen where last < ?", (at - self.keep_s,))
        db.execute("delete from verdict where at < ?", (at - self.keep_s,))
        for _ in range(20):
            if not self._crowded(db):
                break
            db.execute(
                "delete from seen where id in"
                " (select id from seen order by last limit 1 + (select count(*) from seen) / 10)"
            )
        alive = {row[0] for row in db.execute("select max(id) from seen group by stream")}
        self._runs = {s: r for s, r in self._runs.items() if r.row in alive}

    def close(self) -> None:
        """Write what is left."""
        try:
            if self._db is not None:
                self._flush(self._db)
        except sqlite3.Error as error:
            self.problem = str(error)
        self._drop()

    # -- reading -------------------------------------------------------------------------------------------------

    def _read(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        try:
            db = connect_to_read(self.path)
            try:
                if db.execute("select 1 from sqlite_master limit 1").fetchone() is None:
                    return []  # a watch is making it at this moment
                return db.execute(query, parameters).fetchall()
            finally:
                db.close()
        except sqlite3.Error as error:
            raise StorageError(
                f"the history {self.path} cannot be read: {error}", hint="Move it away; a new one is begun."
            ) from error

    def rows(self, since: float, *, probe: str = "", plane: str = "") -> Iterator[Row]:
        """Stretches that reach into the time after ``since``, oldest first."""
        for item in self._read(
            "select probe, vantage, plane, result, kind, evidence, first, last, looks, control"
            " from seen join stream on stream.id = seen.stream"
            " where last >= ? and (? = '' or probe = ?) and (? = '' or plane = ?) order by first, seen.id",
            since,
            probe,
            probe,
            plane,
            plane,
        ):
            name, vantage, where, result, kind, evidence, first, last, looks, control = item
            yield Row(name, vantage, where, _NAMES[result], kind, evidence, first, last, looks, bool(control))

    def verdicts(self, since: float) -> list[dict[str, Any]]:
        """Changes of the verdict since then, oldest first."""
        names = ("at", "state", "stage", "classes", "planes", "action", "confidence", "since", "evidence")
        rows = self._read(
            "select at, state, stage, classes, planes, action, confidence, since, evidence from verdict"
            " where at >= ? order by id",
            since,
        )
        return [{**dict(zip(names, r, strict=True)), "classes": r[3].split(), "planes": r[4].split()} for r in rows]

    def latest(self) -> tuple[float, dict[str, Any]] | None:
        """The last verdict of a watch, and when it was said."""
        rows = self._read("select at, data from latest")
        return (float(rows[0][0]), json.loads(rows[0][1])) if rows else None
