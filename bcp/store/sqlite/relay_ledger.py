"""The ledger of relays in one SQLite file: what their agents told, indexed for the questions that are asked of it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bcp.contracts.relay_ledger import FORWARDED, MAIL, UNSEEN, WAITING, Fate, Remark, Source, Told, Total, Wanted
from bcp.kernel.errors import StorageError
from bcp.store.sqlite.migrations import Schema, open_database
from bcp.store.sqlite.relay_merge import BEFORE, from_the_middle, merged
from bcp.store.sqlite.relay_rows import domain_of, row_of
from bcp.store.sqlite.relay_wanted import conditions, hours, in_, in_tally

FILE = "relays.db"
AGAIN_S = 3600.0
"""The same remark within so many seconds is the same thing."""
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
create table tally(relay text, hour integer, kind text, domain text, status text, told text, people integer not null,
  primary key(hour, relay, kind, domain, status, told)) without rowid;
create index fate_taken on fate(taken, kind);
create index fate_unhappy on fate(taken) where status <> 'sent';
create index fate_recipient on fate(recipient, taken);
create index fate_doubled on fate(taken) where doubled = 1;
create index fate_risky on fate(taken) where risky > 0;
create index mail_message_id on mail(message_id);
create index mail_queue_id on mail(queue_id);
create index mail_sender on mail(sender);
""",
        """
alter table mail add column first text not null default '';
alter table fate add column passed text not null default '';
update mail set first = substr(uid, 1, instr(uid, '.') - 1);
update mail set first = substr(first, instr(first, ':') + 1);
create index mail_first on mail(first);
create index fate_remote on fate(remote_id) where remote_id <> '' and status in ('sent', 'unknown');
""",
        """
create table ours(domain text primary key, missed real not null) without rowid;
""",
        """
alter table source add column blind real not null default 0;
create table noted(id integer primary key, relay text not null, at real not null, code text not null,
  text text not null, unique(relay, code, text, at));
insert into noted select id, relay, at, code, text from remark;
drop table remark;
alter table noted rename to remark;
""",
        "alter table source add column doubt text not null default '';",
    ),
)
_COLUMNS = (
    "m.relay, m.uid, m.queue_id, f.kind, f.recipient, f.addressed, f.status, f.at, f.answer, f.via, f.remote_id,"
    " f.tries, f.risky, f.told, f.people, f.taken, m.sender, m.size, m.message_id, m.client, m.tls, f.doubled, f.passed"
)
_TALLY = """
insert into tally(relay, hour, kind, domain, status, told, people) values (?, ?, ?, ?, ?, ?, ?)
on conflict do update set people = people + excluded.people
"""
_COUNTED = "select relay, cast(taken / 3600 as int) * 3600, kind, domain, status, told, people from fate where mail = ?"
# "cross join" keeps the order (sqlite.org/optoverview.html, section 8): from one mail to its few rows, never from a
# recipient, who may have had every mail of the relay, as the address of always_bcc has.
_TWINS = """
select f.mail, f.n, m.uid from mail m cross join fate f on f.mail = m.id
where m.message_id = ? and f.recipient = ? and f.status = 'sent' and f.kind in ('mail', 'unseen')
"""

_HEIR = """
select 1 from mail m cross join fate f on f.mail = m.id
where m.first = ? and m.relay <> ? and m.message_id = ? and f.recipient = ? and f.kind in ('mail', 'forwarded') limit 1
"""
_HANDED_ON = "update fate set kind = 'forwarded', status = 'forwarded', doubled = 0 where mail = ? and n = ?"
_GIVERS = """
select f.mail, f.n, lower(f.addressed), f.taken, f.relay, f.kind, f.domain, f.status, f.told, f.people
from fate f join mail m on m.id = f.mail
where f.remote_id = ? and f.remote_id <> '' and f.status in ('sent', 'unknown') and f.kind = 'mail' and m.relay <> ?
and m.message_id = ?
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
            change: Counter[tuple[Any, ...]] = Counter()
            for one in told:
                self._mail(source.relay, one, change)
            self._db.executemany(_TALLY, [(*key, n) for key, n in change.items() if n])
            for remark in remarks:
                self._remark(remark)

    def goes_on(self, relay: str, stream: str, remarks: Sequence[Remark]) -> None:
        """A chain that was taken before is told again: its next batch is the one that comes next."""
        query = "select seq, digest from batch where relay = ? and stream = ? order by seq desc limit 1"
        with self._used(), self._all_or_nothing():
            for seq, digest in self._db.execute(query, (relay, stream)).fetchall():
                given = (stream, seq, digest, relay)
                self._db.execute("update source set stream = ?, seq = ?, digest = ? where relay = ?", given)
            for remark in remarks:
                self._remark(remark)

    def heard(self, source: Source) -> None:
        """How the agent is."""
        s = source
        with self._used(), self._all_or_nothing():
            self._db.execute(
                "insert or ignore into source values (?, '', 0, '', 0, 0, 0, 0, '', '', 0, '')", (s.relay,)
            )
            self._db.execute(
                "update source set (heard, skew, read, log, problem, counted, blind, doubt) = (?, ?, ?, ?, ?, ?, ?, ?)"
                " where relay = ?",
                (s.heard, s.skew, s.read, s.log, s.problem, s.counted, s.blind, s.doubt, s.relay),
            )

    def trouble(self) -> str:
        """Why nothing can be kept now, found by writing the version that stands there already; empty: it can."""
        try:
            with self._used(), self._all_or_nothing():
                self._db.execute(f"pragma user_version={SCHEMA.version}")
        except StorageError as error:
            return error.message
        return ""

    def _source(self, s: Source) -> None:
        state = (s.heard, s.skew, s.read, s.log, s.problem, s.counted, s.blind, s.doubt)
        values = (s.relay, s.stream, s.seq, s.digest, *state)
        self._db.execute("insert or replace into source values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def _mail(self, relay: str, told: Told, change: Counter[tuple[Any, ...]]) -> None:
        """Its rows in place of those before; ``change``: what that means for the sums by hour."""
        told = self._whole(relay, told)
        first = told.fates[0] if told.fates else None
        if first is None:
            return
        fates = [self._settled(f) for f in told.fates]
        query = "select id, last from mail where relay = ? and uid = ?"
        known = self._db.execute(query, (relay, told.uid)).fetchone()
        if known is not None and known[1] > told.last:
            return
        values = (first.queue_id, told.last, first.sender, first.size, first.message_id, first.client, first.tls)
        if known is None:
            row = self._db.execute(
                "insert into mail(queue_id, last, sender, size, message_id, client, tls, relay, uid, first)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, relay, told.uid, first_id(told.uid)),
            )
            ident = int(row.lastrowid or 0)
        else:
            ident = int(known[0])
            self._db.execute(
                "update mail set queue_id = ?, last = ?, sender = ?, size = ?, message_id = ?, client = ?, tls = ?"
                " where id = ?",
                (*values, ident),
            )
            for *key, people in self._db.execute(_COUNTED, (ident,)):
                change[tuple(key)] -= people
            self._db.execute("delete from fate where mail = ?", (ident,))
        self._db.executemany(
            "insert into fate values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
            [row_of(ident, n, f) for n, f in enumerate(fates)],
        )
        for f in fates:
            change[relay, int(f.taken // 3600) * 3600, f.kind, domain_of(f), f.status, f.told] += f.people
        self._inherit(told, change)
        self._twins(first.message_id, {f.recipient for f in fates if f.status == "sent" and f.recipient})

    def _whole(self, relay: str, told: Told) -> Told:
        """With its beginning, where the agent tells it from the middle and the ledger has that."""
        if not from_the_middle(told):
            return told
        before = self._db.execute(BEFORE, (first_id(told.uid), relay, told.uid, told.last)).fetchone()
        if before is None:
            return told
        query = f"select {_COLUMNS} from fate f join mail m on m.id = f.mail where m.id = ?"  # noqa: S608
        rows = self._db.execute(query, before[:1]).fetchall()
        old = [replace(Fate(*row), doubled=bool(row[-2])) for row in rows]
        return replace(told, uid=str(before[2]), fates=merged(old, told)) if any(f.kind == MAIL for f in old) else told

    def _settled(self, f: Fate) -> Fate:
        """A recipient that was handed to another relay is told of there; until then nobody knows."""
        if f.status != "sent" or f.kind not in {MAIL, UNSEEN} or not (f.remote_id or f.passed):
            return f
        asked = (f.remote_id, f.relay, f.message_id, f.to.lower())
        if f.remote_id and self._db.execute(_HEIR, asked).fetchone():
            return replace(f, kind=FORWARDED, status="forwarded")
        if f.passed:
            return replace(f, status="unknown", answer=f"handed to {f.passed}, which has not told of it: {f.answer}")
        return f

    def _inherit(self, told: Told, change: Counter[tuple[Any, ...]]) -> None:
        """Rows of other relays that handed this message over are told of here from now on."""
        ours = {f.recipient for f in told.fates if f.recipient and f.kind in {MAIL, FORWARDED}}
        asked = (first_id(told.uid), told.fates[0].relay, told.fates[0].message_id)
        for mail, n, to, taken, relay, *rest in self._db.execute(_GIVERS, asked).fetchall() if ours else ():
            if to in ours:
                kind, domain, status, said, people = rest
                hour = int(taken // 3600) * 3600
                change[relay, hour, kind, domain, status, said] -= people
                change[relay, hour, FORWARDED, domain, "forwarded", said] += people
                self._db.execute(_HANDED_ON, (mail, n))

    def _twins(self, message_id: str, recipients: set[str]) -> None:
        """Mark what was delivered to one recipient more than once."""
        for recipient in recipients if message_id else ():
            found = self._db.execute(_TWINS, (message_id, recipient)).fetchall()
            if len({uid for _, _, uid in found}) > 1:  # one that is told under two names of a relay is one
                rows = [(mail, n) for mail, n, _ in found]
                self._db.executemany("update fate set doubled = 1 where mail = ? and n = ?", rows)

    def give_up(self, relay: str, answer: str, at: float) -> int:
        """What waits at this source counts as removed by a person from now on."""
        waits = f"relay = ? and status in ({','.join('?' * len(WAITING))})"
        change: Counter[tuple[Any, ...]] = Counter()
        with self._used(), self._all_or_nothing():
            columns = "cast(taken / 3600 as int) * 3600, kind, domain, status, told, people"
            rows = self._db.execute(f"select {columns} from fate where {waits}", (relay, *WAITING)).fetchall()  # noqa: S608
            for hour, kind, domain, status, told, people in rows:
                change[relay, hour, kind, domain, status, told] -= people
                change[relay, hour, kind, domain, "removed", "no"] += people
            given = f"update fate set status = 'removed', told = 'no', answer = ?, at = ? where {waits}"  # noqa: S608
            self._db.execute(given, (answer, at, relay, *WAITING))
            self._db.executemany(_TALLY, [(*key, n) for key, n in change.items() if n])
        return sum(int(row[-1]) for row in rows)

    def ours(self, domains: Sequence[str], now: float) -> dict[str, float]:
        """These domains are in ``bcp.yaml`` now. Those that were once, and when they were missed first."""
        living = {d.lower() for d in domains}
        with self._used():
            known: dict[str, float] = dict(self._db.execute("select domain, missed from ours").fetchall())
            here = [(d, 0.0) for d in sorted(living) if known.get(d, 1.0)]
            gone = [(d, now) for d, missed in known.items() if d not in living and not missed]
            if here or gone:
                with self._all_or_nothing():
                    self._db.executemany("insert or replace into ours values (?, ?)", [*here, *gone])
        return {d: missed for d, missed in (known | dict(gone)).items() if d not in living}

    # -- remarks -------------------------------------------------------------------------------------------------

    def remark(self, remark: Remark) -> None:
        """Note something."""
        with self._used(), self._all_or_nothing():
            self._remark(remark)

    def _remark(self, r: Remark) -> None:
        """Once an hour. What is over once the agent is heard again (a batch that was refused) has one row, the newest:
        what was lost stays lost, and each loss has its own."""
        known = "select id, at from remark where relay = ? and code = ? and text = ? order by abs(at - ?) limit 1"
        near = self._db.execute(known, (r.relay, r.code, r.text, r.at)).fetchone()
        if near is not None and r.code.startswith("batch-"):
            self._db.execute("update remark set at = max(at, ?) where id = ?", (r.at, near[0]))
        elif near is None or abs(near[1] - r.at) >= AGAIN_S:
            values = (r.relay, r.at, r.code, r.text)
            self._db.execute("insert into remark(relay, at, code, text) values (?, ?, ?, ?)", values)

    def remarks(self, relays: Sequence[str] = (), since: float = 0.0) -> list[Remark]:
        """What was noted, the oldest first."""
        where, values = in_("relay", relays)
        query = f"select relay, at, code, text from remark where at >= ?{where} order by at, id"  # noqa: S608
        with self._used():
            return [Remark(*row) for row in self._db.execute(query, (since, *values))]

    # -- questions -----------------------------------------------------------------------------------------------

    def fates(self, wanted: Wanted, *, limit: int = 1000, first: int = 0) -> list[Fate]:
        """Rows, the newest accepted first."""
        where, values = conditions(wanted)
        order = "order by f.taken desc, f.mail desc, f.n limit ? offset ?"
        query = f"select {_COLUMNS} from fate f join mail m on m.id = f.mail where {where} {order}"  # noqa: S608
        with self._used():
            rows = self._db.execute(query, (*values, limit, first)).fetchall()
        return [replace(Fate(*row), doubled=bool(row[-2])) for row in rows]

    def count(self, wanted: Wanted) -> int:
        """How many recipients these are."""
        if in_tally(wanted):
            return sum(t.people for t in self.totals(wanted))
        where, values = conditions(wanted)
        source = "fate f join mail m on m.id = f.mail" if "m." in where else "fate f"
        with self._used():
            row = self._db.execute(f"select sum(people) from {source} where {where}", values).fetchone()  # noqa: S608
        return int(row[0] or 0)

    def totals(self, wanted: Wanted) -> list[Total]:
        """Recipients by hour, kind and fate: whole hours from the sums, the two at the ends from the rows."""
        first, last = hours(wanted)
        found: Counter[tuple[int, str, str, str]] = Counter()
        if not in_tally(wanted) or first >= last:
            parts = [wanted]
        else:
            parts = [replace(wanted, until=first)] * (wanted.since < first) if wanted.since else []
            parts += [replace(wanted, since=last)] if wanted.until and wanted.until > last else []
            where, values = conditions(replace(wanted, since=first, until=last))
            self._sum(found, f"hour, kind, status, told, sum(people) from tally f where {where}", values)
        for part in parts:
            where, values = conditions(part)
            source = "fate f join mail m on m.id = f.mail" if "m." in where else "fate f"
            columns = "cast(f.taken / 3600 as int) * 3600, f.kind, f.status, f.told, sum(f.people)"
            self._sum(found, f"{columns} from {source} where {where}", values)
        return [Total(*key, people=people) for key, people in sorted(found.items()) if people]

    def _sum(self, found: Counter[tuple[int, str, str, str]], query: str, values: Sequence[Any]) -> None:
        query = query.replace("f.taken", "f.hour") if " from tally " in query else query
        with self._used():
            rows = self._db.execute(f"select {query} group by 1, 2, 3, 4", values).fetchall()
        for hour, kind, status, told, people in rows:
            found[hour, kind, status, told] += people

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


def first_id(uid: str) -> str:
    """The queue id that a message had first, as Postfix told it to whoever handed the message over."""
    return uid.partition(".")[0].rpartition(":")[2]
