"""The book of incidents: one SQLite file, one writer, one chain of hashes over everything that happened.

A body from a monitoring system is known, joined to an incident and written into the chain in one transaction: after
``kill -9`` between receipt and answer the sender's retry finds exactly one incident.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bcp.contracts.hook import Alert
from bcp.incident.model import OPEN, Event, Incident, Taken
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Invalid, Missing, StorageError
from bcp.kernel.hashing import GENESIS, canonical, link
from bcp.kernel.ids import new_id
from bcp.kernel.sqlite import open_durable

KEEP_IDENTITY_S = 7 * 86_400.0
"""Identities of alerts are known for a week: PagerDuty repeats for 48 h, GitHub redelivers for three days."""
MAX_KNOWN = 200_000
"""... but no more than this many, so that a flood does not fill the disk; the oldest go first."""

SCHEMA = """
create table if not exists incident(id text primary key, service text not null, state text not null, opened real not null,
  declared real not null default 0, resolved real not null default 0, closed real not null default 0,
  classes text not null default '', title text not null default '', mode text not null default 'notify',
  playbook text not null default '', runs text not null default '');
create table if not exists event(seq integer primary key, at real not null, incident text not null, kind text not null,
  actor text not null, data text not null, hash text not null);
create index if not exists event_incident on event(incident);
create table if not exists delivered(source text not null, identity text not null, at real not null, incident text not null,
  primary key(source, identity)) without rowid;
create index if not exists delivered_at on delivered(at);
create table if not exists alert(source text not null, outage text not null, started text not null, firing integer not null,
  changed real not null, incident text not null, title text not null, primary key(source, outage, started)) without rowid;
create index if not exists alert_incident on alert(incident, firing);
create table if not exists question(id text primary key, incident text not null, run text not null, step text not null,
  checksum text not null, opened real not null, deadline real not null, count integer not null, groups text not null,
  state text not null, result text not null default '', unique(run, step, opened));
create table if not exists asked(question text not null, person text not null, channel text not null, cycle integer not null,
  at real not null, state text not null, receipt text not null default '', yes text not null default '',
  no text not null default '', link text not null default '', primary key(question, person, channel, cycle)) without rowid;
create table if not exists tries(question text not null, person text not null, wrong integer not null, primary key(question, person)) without rowid;
create table if not exists heard(channel text not null, id text not null, at real not null, primary key(channel, id)) without rowid;
create table if not exists receipt(id text primary key, at real not null, rank integer not null, status text not null,
  error text not null default '') without rowid;
"""


class Book:
    """Every method is one transaction, or part of the one that ``Writer`` holds open. Raises ``StorageError``."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self.clock = path, clock
        try:
            self.db = open_durable(path, SCHEMA)
        except sqlite3.Error as error:
            raise failed(path, error) from error
        self._grouped, self._depth = False, 0

    def close(self) -> None:
        """Let the file go."""
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

    def rollback(self) -> None:
        """It never was."""
        self._grouped, self._depth = False, 0
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
        elif self.db.in_transaction:
            self.db.execute("rollback")

    # -- the chain -----------------------------------------------------------------------------------------------

    def note(self, kind: str, incident: str = "", actor: str = "", **data: Any) -> None:
        """Append to the chain."""
        with self:
            row = self.db.execute("select seq, hash from event order by seq desc limit 1").fetchone()
            seq, head = (int(row[0]) + 1, str(row[1])) if row else (1, GENESIS)
            at = self.clock.now()
            record = {"seq": seq, "at": at, "incident": incident, "kind": kind, "actor": actor, "data": data}
            self.db.execute(
                "insert into event values (?,?,?,?,?,?,?)",
                (seq, at, incident, kind, actor, canonical(data), link(head, record)),
            )

    def events(self, incident: str | None = None, *, limit: int = 500, before: int = 0) -> list[Event]:
        """The newest events, oldest first; of one incident, or of all."""
        rows = self.db.execute(
            "select * from event where (?1 is null or incident = ?1) and (?3 = 0 or seq < ?3) order by seq desc limit ?2",
            (incident, limit, before),
        ).fetchall()
        return [Event(q, at, i, kind, who, json.loads(data), h) for q, at, i, kind, who, data, h in reversed(rows)]

    def damage(self) -> str:
        """What is wrong with the chain; empty: nothing."""
        return _damage(self.db)

    def pulse(self) -> None:
        """Write something, to know that it can be written."""
        with self:
            self.db.execute("insert or replace into heard values ('', 'pulse', ?)", (self.clock.now(),))

    def head(self) -> str:
        """Hash of the newest event."""
        row = self.db.execute("select hash from event order by seq desc limit 1").fetchone()
        return str(row[0]) if row else GENESIS

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

    def incident_of(self, run_id: str) -> str:
        """The incident that a run belongs to; empty: none."""
        row = self.db.execute(
            "select id from incident where instr(' ' || runs || ' ', ' ' || ? || ' ') order by opened desc limit 1",
            (run_id,),
        ).fetchone()
        return str(row[0]) if row else ""

    def current(self, service: str) -> Incident | None:
        """The one that is not closed."""
        row = self.db.execute(
            f"select * from incident where service = ? and state in ({','.join('?' * len(OPEN))}) order by opened desc limit 1",  # noqa: S608 - constants
            (service, *OPEN),
        ).fetchone()
        return _incident(row) if row else None

    def open(self, service: str, title: str, mode: str, actor: str, **data: Any) -> tuple[Incident, bool]:
        """The current incident, or a new one; True when it is new."""
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
                (made.id, service, made.state, made.opened, title[:200], mode),
            )
            self.note("opened", made.id, actor, title=title[:200], mode=mode, **data)
            return made, True

    def change(self, incident: str, kind: str, actor: str = "bcp", *, fields: Mapping[str, Any], **data: Any) -> None:
        """Change some columns, and say so in the chain."""
        allowed = {"state", "declared", "resolved", "closed", "classes", "title", "mode", "playbook", "runs"}
        with self:
            for name, value in fields.items():
                assert name in allowed
                stored = " ".join(value) if isinstance(value, tuple) else value
                self.db.execute(f"update incident set {name} = ? where id = ?", (stored, incident))  # noqa: S608 - a known column
            self.note(kind, incident, actor, **data)

    # -- what monitoring systems say -----------------------------------------------------------------------------

    def receive(self, source: str, service: str, alerts: Sequence[Alert], mode: str) -> Taken:
        """Take one body: everything or nothing. Repeats change nothing but the count."""
        new = repeated = ignored = 0
        opened = False
        touched: dict[str, None] = {}
        with self:
            self._forget()
            for alert in alerts:
                known = self._known(source, alert)
                if known is not None:
                    repeated += 1
                    if known:
                        touched[known] = None
                    continue
                incident, made, word = self._join(source, service, alert, mode)
                opened |= made
                new += word == "new"
                ignored += word == "ignored"
                if incident:
                    touched[incident] = None
            last = next(reversed(touched), "")
            over = bool(last) and not self.firing(last) and any(not a.firing for a in alerts)
        return Taken(last, new, repeated, ignored, opened, over)

    def _known(self, source: str, alert: Alert) -> str | None:
        """The incident of an alert that was delivered before; ``None`` for a new one."""
        if alert.identity:
            row = self.db.execute(
                "select incident from delivered where source = ? and identity = ?", (source, alert.identity[:1000])
            ).fetchone()
            return str(row[0]) if row else None
        row = self.db.execute(
            "select firing, incident from alert where source = ? and outage = ? and started = ?",
            (source, alert.outage[:1000], alert.started),
        ).fetchone()
        return str(row[1]) if row and bool(row[0]) == alert.firing else None

    def _join(self, source: str, service: str, alert: Alert, mode: str) -> tuple[str, bool, str]:
        key = (source, alert.outage[:1000], alert.started)
        row = self.db.execute(
            "select firing, incident from alert where source = ? and outage = ? and started = ?", key
        ).fetchone()
        # Its end came before its beginning. One that had begun, had ended and fires again is news, whatever its start.
        late = bool(row) and not row[0] and not row[1] and alert.firing and bool(alert.started)
        incident, made, word = (str(row[1]) if row else ""), False, "ignored"
        if alert.firing and not late:
            found, made = self.open(service, alert.title, mode, source, outage=alert.outage[:300], url=alert.url[:300])
            incident, word = found.id, "new"
        elif not alert.firing and row:
            word = "new"
        if not late:
            self.db.execute(
                "insert or replace into alert values (?,?,?,?,?,?,?)",
                (*key, int(alert.firing), self.clock.now(), incident, alert.title[:200]),
            )
        if word == "new" and not made:
            kind = "alert_firing" if alert.firing else "alert_resolved"
            self.note(kind, incident, source, title=alert.title[:200], outage=alert.outage[:300])
        if alert.identity:
            self.db.execute(
                "insert or replace into delivered values (?,?,?,?)",
                (source, alert.identity[:1000], self.clock.now(), incident),
            )
        return incident, made, word

    def firing(self, incident: str) -> int:
        """How many alerts of this incident still fire."""
        row = self.db.execute("select count(*) from alert where incident = ? and firing = 1", (incident,)).fetchone()
        return int(row[0])

    def alerts(self, incident: str, *, limit: int = 50) -> list[dict[str, Any]]:
        """What the senders said of this incident, the newest first."""
        rows = self.db.execute(
            "select source, title, firing, changed from alert where incident = ? order by changed desc limit ?",
            (incident, limit),
        )
        return [{"source": s, "title": t, "firing": bool(f), "at": at} for s, t, f, at in rows]

    def _forget(self) -> None:
        """Drop what is too old to come again."""
        now = self.clock.now()
        self.db.execute("delete from delivered where at < ?", (now - KEEP_IDENTITY_S,))
        self.db.execute("delete from heard where at < ?", (now - KEEP_IDENTITY_S,))
        row = self.db.execute("select max(rowid) from event").fetchone()
        if row and row[0] and int(row[0]) % 1000 == 0:
            self.db.execute(
                "delete from delivered where (source, identity) in (select source, identity from delivered order by at desc limit -1 offset ?)",
                (MAX_KNOWN,),
            )


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


def chain_damage(path: Path) -> str:
    """The same for a file, beside its writer: a long chain takes a while to check."""
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2.0)
    try:
        return _damage(db)
    finally:
        db.close()


def _damage(db: sqlite3.Connection) -> str:
    head, expected = GENESIS, 1
    for seq, at, incident, kind, actor, data, digest in db.execute("select * from event order by seq"):
        record = {
            "seq": seq,
            "at": at,
            "incident": incident,
            "kind": kind,
            "actor": actor,
            "data": json.loads(data),
        }
        if seq != expected or link(head, record) != digest:
            return f"event {seq} was changed, or one before it was taken out"
        head, expected = digest, seq + 1
    return ""
