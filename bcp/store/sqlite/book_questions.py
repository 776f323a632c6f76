"""Questions in the book, as rows: what was asked, whom, by what, and how often somebody was wrong."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from bcp.contracts.incident import Asked, Event, Question
from bcp.kernel.clock import Clock


class QuestionRows:
    """See ``bcp.contracts.book.QuestionRows``. Callers group calls to transactions with ``with book:``."""

    db: sqlite3.Connection
    clock: Clock

    def add_question(self, question: Question) -> None:
        """A new one."""
        q = question
        self.db.execute(
            "insert into question values (?,?,?,?,?,?,?,?,?,?,'')",
            (
                q.id,
                q.incident,
                q.run,
                q.step,
                q.checksum,
                q.opened,
                q.deadline,
                q.count,
                json.dumps(q.groups),
                q.state,
            ),
        )

    def question_at(self, run: str, step: str, opened: float) -> Question | None:
        """The question about this gate."""
        query = "select * from question where run = ? and step = ? and opened = ?"
        row = self.db.execute(query, (run, step, opened)).fetchone()
        return _question(row) if row else None

    def question(self, name: str) -> Question | None:
        """One by id."""
        row = self.db.execute("select * from question where id = ?", (name,)).fetchone()
        return _question(row) if row else None

    def questions(self, *, incident: str | None = None, state: str = "", newest: int = 0) -> list[Question]:
        """Of an incident the newest first, else by the time they were opened."""
        order = "opened" if incident is None else "opened desc"
        rows = self.db.execute(
            "select * from question where (?1 is null or incident = ?1) and (?2 = '' or state = ?2)"  # noqa: S608
            f" order by {order} limit ?3",
            (incident, state, newest or -1),
        )
        return [_question(r) for r in rows]

    def close_question(self, name: str, result: str) -> bool:
        """False when it was closed before."""
        query = "update question set state = 'closed', result = ? where id = ? and state = 'open'"
        return bool(self.db.execute(query, (result[:300], name)).rowcount)

    def add_asked(self, question: str, asked: Asked, *, yes: str, no: str, link: str) -> bool:
        """Claim one asking; False when it was claimed before."""
        found = self.db.execute(
            "insert into asked values (?,?,?,?,?,?,?,?,?,?) on conflict do nothing",
            (question, asked.person, asked.channel, asked.cycle, asked.at, asked.state, asked.receipt, yes, no, link),
        )
        return bool(found.rowcount)

    def settle_asked(self, question: str, person: str, channel: str, cycle: int, state: str, receipt: str) -> None:
        """How an asking ended."""
        self.db.execute(
            "update asked set state = ?, receipt = ? where question = ? and person = ? and channel = ? and cycle = ?",
            (state, receipt[:300], question, person, channel, cycle),
        )

    def asked_of(self, question: str) -> list[Asked]:
        """Who was asked, by what, the first one first."""
        query = "select person, channel, cycle, at, state, receipt from asked where question = ? order by at"
        return [Asked(*r) for r in self.db.execute(query, (question,))]

    def proofs(self, question: str, person: str) -> list[tuple[str, str]]:
        """Digests of *yes* and *no* of every asking of this person."""
        query = "select yes, no from asked where question = ? and person = ? and yes != ''"
        return [(str(y), str(n)) for y, n in self.db.execute(query, (question, person))]

    def by_link(self, mark: str) -> tuple[str, str] | None:
        """Question and person of a link, by its digest."""
        row = self.db.execute("select question, person from asked where link = ? and link != ''", (mark,)).fetchone()
        return (str(row[0]), str(row[1])) if row else None

    def doubt_claimed(self) -> int:
        """Askings that were claimed and never settled move to a turn below zero, so that they are made again."""
        found = self.db.execute("select question, person, channel, cycle from asked where state = 'claimed'").fetchall()
        for one in found:
            self.db.execute(
                "update asked set state = 'doubt', cycle = (select min(0, min(cycle)) - 1 from asked"
                " where question = ?1 and person = ?2 and channel = ?3)"
                " where question = ?1 and person = ?2 and channel = ?3 and cycle = ?4",
                tuple(one),
            )
        return len(found)

    def wrong_tries(self, question: str, person: str) -> int:
        """How often this person was wrong."""
        query = "select wrong from tries where question = ? and person = ?"
        row = self.db.execute(query, (question, person)).fetchone()
        return int(row[0]) if row else 0

    def add_wrong(self, question: str, person: str) -> int:
        """Once more; returns how often."""
        self.db.execute(
            "insert into tries values (?,?,1) on conflict(question, person) do update set wrong = wrong + 1",
            (question, person),
        )
        return self.wrong_tries(question, person)

    def answers(self, question: Question) -> list[Event]:
        """What was answered, in order."""
        rows = self.db.execute(
            "select seq, at, incident, kind, actor, data, hash from event"
            " where incident = ? and kind = 'answered' order by seq",
            (question.incident,),
        )
        found = [Event(q, float(at), i, kind, str(by), json.loads(d), h) for q, at, i, kind, by, d, h in rows]
        return [e for e in found if e.data["question"] == question.id]

    def was_heard(self, channel: str, name: str) -> bool:
        """Was this message handled?"""
        found = self.db.execute("select 1 from heard where channel = ? and id = ?", (channel, name)).fetchone()
        return bool(name) and found is not None

    def note_heard(self, channel: str, name: str) -> None:
        """It is handled."""
        if name:
            self.db.execute("insert or ignore into heard values (?,?,?)", (channel, name, self.clock.now()))

    def note_receipt(self, mark: str, status: str, rank: int, error: str) -> bool:
        """A delivery report; False when it says no more than what is known."""
        row = self.db.execute("select rank from receipt where id = ?", (mark,)).fetchone()
        if row is not None and int(row[0]) >= rank:
            return False
        self.db.execute(
            "insert or replace into receipt values (?,?,?,?,?)", (mark, self.clock.now(), rank, status, error)
        )
        return True


def _question(row: Sequence[Any]) -> Question:
    mark, incident, run, step, checksum, opened, deadline, count, groups, state, result = row
    asked = tuple(tuple(g) for g in json.loads(groups))
    return Question(mark, incident, run, step, checksum, opened, deadline, count, asked, state, result)
