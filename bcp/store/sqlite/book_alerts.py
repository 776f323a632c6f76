"""What monitoring systems say, as rows of the book: each alert once, however often it is delivered."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from bcp.contracts.hook import Alert
from bcp.contracts.incident import Incident, Taken
from bcp.kernel.clock import Clock

KEEP_IDENTITY_S = 7 * 86_400.0
"""Identities of alerts are known for a week: PagerDuty repeats for 48 h, GitHub redelivers for three days."""
MAX_KNOWN = 200_000
"""... but no more than this many, so that a flood does not fill the disk; the oldest go first."""


class AlertRows:
    """The part of the book that takes bodies. ``Book`` gives it a connection, transactions and a chain."""

    db: sqlite3.Connection
    clock: Clock

    def __enter__(self) -> AlertRows:
        raise NotImplementedError

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        raise NotImplementedError

    def note(self, kind: str, incident: str = "", actor: str = "", **data: Any) -> None:
        """Append to the chain."""
        raise NotImplementedError

    def open(self, service: str, title: str, mode: str, actor: str, **data: Any) -> tuple[Incident, bool]:
        """The current incident, or a new one."""
        raise NotImplementedError

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
        """What the senders said of this incident: what still fires before what does not, the newest first."""
        rows = self.db.execute(
            "select source, title, firing, changed from alert where incident = ?"
            " order by firing desc, changed desc limit ?",
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
                "delete from delivered where (source, identity) in"
                " (select source, identity from delivered order by at desc limit -1 offset ?)",
                (MAX_KNOWN,),
            )
