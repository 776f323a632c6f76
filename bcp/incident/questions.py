"""Questions in the book: what is asked, whom, by what, and how an answer is known to be theirs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bcp.engine.gate import Answer
from bcp.incident.book import Book
from bcp.incident.codes import MAX_WRONG, codes_in, link_holds, link_nonce, sealed
from bcp.incident.model import Question
from bcp.kernel.errors import Missing, Refused
from bcp.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Asked:
    """One person asked by one channel in one turn. ``state``: claimed, sent, failed, doubt."""

    person: str
    channel: str
    cycle: int
    at: float
    state: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Found:
    """An answer that is proven. ``fresh`` is False when this person said the same before."""

    question: Question
    person: str
    yes: bool


def ask(
    book: Book,
    *,
    incident: str,
    run: str,
    step: str,
    checksum: str,
    opened: float,
    deadline: float,
    count: int,
    groups: Sequence[Sequence[str]],
) -> tuple[Question, bool]:
    """Write a question down once; True when it is new."""  # fmt: skip
    with book:
        row = book.db.execute(
            "select * from question where run = ? and step = ? and opened = ?", (run, step, opened)
        ).fetchone()
        if row:
            return _question(row), False
        made = Question(
            new_id("q", book.clock.now()),
            incident,
            run,
            step,
            checksum,
            opened,
            deadline,
            count,
            tuple(map(tuple, groups)),
        )
        book.db.execute(
            "insert into question values (?,?,?,?,?,?,?,?,?,?,'')",
            (made.id, incident, run, step, checksum, opened, deadline, count, json.dumps(made.groups), "open"),
        )
        book.note(
            "question",
            incident,
            question=made.id,
            run=run,
            step=step,
            checksum=checksum,
            people=sorted(made.people),
            until=deadline,
        )
        return made, True


def open_questions(book: Book) -> list[Question]:
    """Those that wait for an answer."""
    return [_question(r) for r in book.db.execute("select * from question where state = 'open' order by opened")]


def questions_of(book: Book, incident: str) -> list[Question]:
    """All of an incident, the newest first."""
    rows = book.db.execute("select * from question where incident = ? order by opened desc limit 50", (incident,))
    return [_question(r) for r in rows]


def question(book: Book, name: str) -> Question:
    """One. Raises ``Invalid``."""
    row = book.db.execute("select * from question where id = ?", (name,)).fetchone()
    if row is None:
        raise Missing(f"there is no question {name!r}", hint="bcp incident show", rule="no-such-question")
    return _question(row)


def close(book: Book, asked: Question, result: str, *, rule: str = "") -> None:
    """It is answered, or nobody may answer any more. ``rule``: why, as a code; ``result``: for people."""
    with book:
        changed = book.db.execute(
            "update question set state = 'closed', result = ? where id = ? and state = 'open'", (result[:300], asked.id)
        )
        if changed.rowcount:
            book.note(
                "question_closed", asked.incident, question=asked.id, run=asked.run, result=result[:300], rule=rule
            )


# -- asking ----------------------------------------------------------------------------------------------------------


def claim(
    book: Book, asked: Question, person: str, channel: str, cycle: int, *, yes: str, no: str, link: str, key: bytes
) -> bool:
    """Before a question leaves: False when this person was asked so before."""
    with book:
        if book.db.execute(
            "select 1 from asked where question = ? and person = ? and channel = ? and cycle = ?",
            (asked.id, person, channel, cycle),
        ).fetchone():
            return False
        proof = [sealed(key, asked.id, person, asked.checksum, c) if c else "" for c in (yes, no)]
        mark = sealed(key, "link", link_nonce(link).hex()) if link else ""
        book.db.execute(
            "insert into asked values (?,?,?,?,?,'claimed','',?,?,?)",
            (asked.id, person, channel, cycle, book.clock.now(), *proof, mark),
        )
        return True


def settle(book: Book, asked: Question, person: str, channel: str, cycle: int, state: str, receipt: str) -> None:
    """After it left, or did not."""
    with book:
        book.db.execute(
            "update asked set state = ?, receipt = ? where question = ? and person = ? and channel = ? and cycle = ?",
            (state, receipt[:300], asked.id, person, channel, cycle),
        )
        book.note(
            "asked",
            asked.incident,
            question=asked.id,
            person=person,
            channel=channel,
            state=state,
            detail=receipt[:300],
        )


def asked_of(book: Book, name: str) -> list[Asked]:
    """Who was asked, by what."""
    rows = book.db.execute(
        "select person, channel, cycle, at, state, receipt from asked where question = ? order by at", (name,)
    )
    return [Asked(*r) for r in rows]


def unsettled(book: Book) -> int:
    """Questions that were about to leave when we were killed: they are asked again, with codes of their own.

    A question that comes twice does less harm than one that never came. The codes and the link of the first one keep
    their worth: it may have arrived, and whoever answers it answers the same question. It moves to a turn below zero.
    """
    with book:
        found = book.db.execute("select question, person, channel, cycle from asked where state = 'claimed'").fetchall()
        for one in found:
            book.db.execute(
                "update asked set state = 'doubt', cycle = (select min(0, min(cycle)) - 1 from asked where question = ?1"
                " and person = ?2 and channel = ?3) where question = ?1 and person = ?2 and channel = ?3 and cycle = ?4",
                tuple(one),
            )
        if found:
            book.note("asked_again", "", count=len(found))
        return len(found)


# -- answers ---------------------------------------------------------------------------------------------------------


def by_code(book: Book, people: Sequence[str], text: str, key: bytes) -> Found | None:
    """An answer by digits from somebody at this address. Wrong ones are counted; ``None`` when it answers nothing.

    Raises:
        Refused: this person tried too often.
    """
    given = codes_in(text)
    if not given:
        return None
    with book:
        asked_them: list[tuple[Question, str]] = []
        for asked in open_questions(book):
            for person in people:
                said = _said(book, asked, person, given, key)
                if said is None:
                    continue
                check_tries(book, asked, person)
                if len(said) == 1:
                    return Found(asked, person, said.pop())
                if not said:
                    asked_them.append((asked, person))
        for asked, person in asked_them:
            _wrong(book, asked, person)
    return None


def _said(book: Book, asked: Question, person: str, given: Sequence[str], key: bytes) -> set[bool] | None:
    """What these numbers say to a question: yes, no, both (as when our own text is sent back) or nothing; ``None``: they were not asked."""
    rows = book.db.execute(
        "select yes, no from asked where question = ? and person = ? and yes != ''", (asked.id, person)
    ).fetchall()
    if not rows:
        return None
    proofs = {sealed(key, asked.id, person, asked.checksum, code) for code in given}
    return {meaning for yes, no in rows for meaning, proof in ((True, yes), (False, no)) if proof in proofs}


def by_link(book: Book, token: str, key: bytes) -> tuple[Question, str]:
    """Which question and whom a link is for. Using it is another matter.

    Raises:
        Refused: forged, of another plan, or void.
    """
    mark = sealed(key, "link", link_nonce(token).hex())
    row = book.db.execute("select question, person from asked where link = ?", (mark,)).fetchone()
    if row is None:
        raise Refused("this link is not known", rule="link", hint="Use the newest message, or `bcp approve`.")
    asked = question(book, str(row[0]))
    if not link_holds(key, token, asked.id, str(row[1]), asked.checksum):
        raise Refused("this link is not genuine", rule="link", hint="Use the newest message, or `bcp approve`.")
    return asked, str(row[1])


def check_tries(book: Book, asked: Question, person: str) -> None:
    """Raises ``Refused`` after too many wrong codes."""
    row = book.db.execute("select wrong from tries where question = ? and person = ?", (asked.id, person)).fetchone()
    if row and int(row[0]) >= MAX_WRONG:
        raise Refused("too many wrong codes; answer in another way", rule="locked", hint="bcp approve, or the console.")


def _wrong(book: Book, asked: Question, person: str) -> None:
    book.db.execute(
        "insert into tries values (?,?,1) on conflict(question, person) do update set wrong = wrong + 1",
        (asked.id, person),
    )
    row = book.db.execute("select wrong from tries where question = ? and person = ?", (asked.id, person)).fetchone()
    book.note("wrong_code", asked.incident, person, question=asked.id, wrong=int(row[0]))


def record(book: Book, asked: Question, person: str, *, yes: bool, how: str) -> bool:
    """Write an answer into the chain; False when this person answered before (an answer is used once)."""
    with book:
        if any(a.by == person for a in answers_of(book, asked)):
            return False
        book.note("answered", asked.incident, person, question=asked.id, yes=yes, how=how, checksum=asked.checksum)
        return True


def answers_of(book: Book, asked: Question) -> list[Answer]:
    """Answers as the gate judges them."""
    rows = book.db.execute(
        "select actor, at, data from event where incident = ? and kind = 'answered' order by seq", (asked.incident,)
    )
    found = [(str(by), float(at), json.loads(data)) for by, at, data in rows]
    return [
        Answer(by, at, bool(d["yes"]), str(d["checksum"]), asked.step)
        for by, at, d in found
        if d["question"] == asked.id
    ]


def how_of(book: Book, asked: Question) -> list[dict[str, Any]]:
    """Answers for people: who, what, by what."""
    rows = book.db.execute(
        "select actor, at, data from event where incident = ? and kind = 'answered' order by seq", (asked.incident,)
    )
    found = [(str(by), float(at), json.loads(data)) for by, at, data in rows]
    return [{"by": by, "at": at, "yes": d["yes"], "how": d["how"]} for by, at, d in found if d["question"] == asked.id]


def was_heard(book: Book, channel: str, name: str) -> bool:
    """Was this message handled?"""
    found = book.db.execute("select 1 from heard where channel = ? and id = ?", (channel, name)).fetchone()
    return bool(name) and found is not None


def note_heard(book: Book, channel: str, name: str) -> None:
    """It is handled: after its answer was told, not before, so that a crash between the two loses none."""
    with book:
        if name:
            book.db.execute("insert or ignore into heard values (?,?,?)", (channel, name, book.clock.now()))


def _question(row: Sequence[Any]) -> Question:
    mark, incident, run, step, checksum, opened, deadline, count, groups, state, result = row
    asked = tuple(tuple(g) for g in json.loads(groups))
    return Question(mark, incident, run, step, checksum, opened, deadline, count, asked, state, result)
