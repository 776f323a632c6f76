"""Questions: what is asked, whom, by what, and how an answer is known to be theirs. The book keeps them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bcp.contracts.book import Book
from bcp.contracts.incident import Asked, Question
from bcp.engine.gate import Answer
from bcp.incident.codes import MAX_WRONG, codes_in, link_holds, link_nonce, plain_digits, sealed
from bcp.kernel.errors import Missing, Refused
from bcp.kernel.ids import new_id
from bcp.kernel.text import sound


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
        if found := book.question_at(run, step, opened):
            return found, False
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
        book.add_question(made)
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
    return book.questions(state="open")


def questions_of(book: Book, incident: str) -> list[Question]:
    """All of an incident, the newest first."""
    return book.questions(incident=incident)


def waiting_of(book: Book, incident: str) -> list[Question]:
    """Those of an incident that wait for an answer, however many were asked since; the newest first."""
    return book.questions(incident=incident, state="open")


def question(book: Book, name: str) -> Question:
    """One. Raises ``Invalid``."""
    found = book.question(name)
    if found is None:
        raise Missing(f"there is no question {name!r}", hint="bcp incident show", rule="no-such-question")
    return found


def close(book: Book, asked: Question, result: str, *, rule: str = "") -> None:
    """It is answered, or nobody may answer any more. ``rule``: why, as a code; ``result``: for people."""
    result = sound(result)
    with book:
        if book.close_question(asked.id, result):
            book.note(
                "question_closed", asked.incident, question=asked.id, run=asked.run, result=result[:300], rule=rule
            )


# -- asking ----------------------------------------------------------------------------------------------------------


def claim(
    book: Book, asked: Question, person: str, channel: str, cycle: int, *, yes: str, no: str, link: str, key: bytes
) -> bool:
    """Before a question leaves: False when this person was asked so before."""
    with book:
        proof = [sealed(key, asked.id, person, asked.checksum, c) if c else "" for c in (yes, no)]
        mark = sealed(key, "link", link_nonce(link).hex()) if link else ""
        one = Asked(person, channel, cycle, book.clock.now(), "claimed", "")
        return book.add_asked(asked.id, one, yes=proof[0], no=proof[1], link=mark)


def settle(book: Book, asked: Question, person: str, channel: str, cycle: int, state: str, receipt: str) -> None:
    """After it left, or did not. A receipt is a vendor's word: it may be no text that can be written."""
    receipt = sound(receipt)
    with book:
        book.settle_asked(asked.id, person, channel, cycle, state, receipt)
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
    return book.asked_of(name)


def unsettled(book: Book) -> int:
    """Questions that were about to leave when we were killed: they are asked again, with codes of their own.

    A question that comes twice does less harm than one that never came. The codes and the link of the first one keep
    their worth: it may have arrived, and whoever answers it answers the same question. It moves to a turn below zero.
    """
    with book:
        found = book.doubt_claimed()
        if found:
            book.note("asked_again", "", count=found)
        return found


# -- answers ---------------------------------------------------------------------------------------------------------


def by_code(book: Book, people: Sequence[str], text: str, key: bytes, at: float | None = None) -> Found | None:
    """The first answer of ``by_codes``; ``None`` when there is none. Raises ``Refused`` as that does."""
    return next(iter(by_codes(book, people, text, key, at)), None)


def by_codes(book: Book, people: Sequence[str], text: str, key: bytes, at: float | None = None) -> tuple[Found, ...]:
    """Answers by digits from somebody at this address, at most one a question; none when it answers nothing.

    Every code in a text that is not one of theirs is a try, at each question that they were asked by then: a text with
    many codes is many tries, and answers nothing. ``at`` is when it was written (epoch seconds): what is older than a
    question says nothing about it. A question that is locked for somebody leaves the others open.

    Raises:
        Refused: the code is right, and this person tried too often at that question.
    """
    given = codes_in(text)
    if not given:
        return ()
    with book:
        heard = [
            (asked, person, said)
            for asked in open_questions(book)
            if at is None or at + SKEW_S >= asked.opened
            for person in people
            if (said := _said(book, asked, person, given, key)) is not None
        ]
        known = {code for _, _, said in heard for code in said}
        if wrong := len(given) - len(known):  # right for one question is not wrong for the other
            for asked, person, said in heard:
                if len(given) > MOST_CODES or not said:
                    _wrong(book, asked, person, wrong)
        fits = [(asked, p, set(said.values())) for asked, p, said in heard if said and len(given) <= MOST_CODES]
        clear = [(asked, p, meaning.pop()) for asked, p, meaning in fits if len(meaning) == 1]
        done: dict[str, Found] = {}
        for asked, person, yes in clear:
            if book.wrong_tries(asked.id, person) < MAX_WRONG:
                done.setdefault(asked.id, Found(asked, person, yes))
        for asked, person, _ in clear if not done else ():
            check_tries(book, asked, person)
    return tuple(done.values())


def waits_for(book: Book, people: Sequence[str], at: float) -> tuple[Question, str] | None:
    """The newest question that one of these was asked by digits before this time, and has not answered; and who."""
    open_ = sorted(open_questions(book), key=lambda q: -q.opened)
    waiting = (
        (asked, person)
        for asked in open_
        if at + SKEW_S >= asked.opened
        for person in people
        if book.proofs(asked.id, person) and not any(a.by == person for a in answers_of(book, asked))
    )
    return next(waiting, None)


def why_nothing(book: Book, people: Sequence[str], text: str, at: float) -> tuple[str, str, str]:
    """Of a text that answered nothing: what its writer has to be told (the name of the words), who they are, and about
    which question. All are empty for whoever is not asked, or wrote one digit: that answers another message.

    ``number-wanted``: it has no number. ``wrong-number``: it has one that is not theirs. ``both-numbers``: it has both.
    ``locked``: too many were wrong.
    """
    found = waits_for(book, people, at)
    if found is None or _ONE_DIGIT.match(plain_digits(text)) or not text.strip():
        return "", "", ""
    asked, person = found
    tries, given = book.wrong_tries(asked.id, person), len(codes_in(text))
    if not given:
        return "number-wanted", person, asked.id
    if tries >= MAX_WRONG:
        return "locked", person, asked.id
    return "both-numbers" if given > 1 else "wrong-number", person, f"{asked.id}/{tries}"


_ONE_DIGIT = re.compile(r"^\W*[0-9](?:[^0-9]|$)")


SKEW_S = 2.0
"""Twilio's dates have whole seconds, and clocks differ a little."""
MOST_CODES = 4
"""In one text: our own one quoted back, with the numbers of two questions."""


def _said(book: Book, asked: Question, person: str, given: Sequence[str], key: bytes) -> dict[str, bool] | None:
    """Which of these codes are this question's, and whether each says yes; ``None``: this person was not asked."""
    rows = book.proofs(asked.id, person)
    if not rows:
        return None
    meaning = {proof: yes for both in rows for proof, yes in zip(both, (True, False), strict=True)}
    proofs = {code: sealed(key, asked.id, person, asked.checksum, code) for code in given}
    return {code: meaning[proof] for code, proof in proofs.items() if proof in meaning}


def by_link(book: Book, token: str, key: bytes) -> tuple[Question, str]:
    """Which question and whom a link is for. Using it is another matter.

    Raises:
        Refused: forged, of another plan, or void.
    """
    mark = sealed(key, "link", link_nonce(token).hex())
    row = book.by_link(mark)
    if row is None:
        raise Refused("this link is not known", rule="link", hint="Use the newest message, or `bcp approve`.")
    asked = question(book, row[0])
    if not link_holds(key, token, asked.id, row[1], asked.checksum):
        raise Refused("this link is not genuine", rule="link", hint="Use the newest message, or `bcp approve`.")
    return asked, row[1]


def check_tries(book: Book, asked: Question, person: str) -> None:
    """Raises ``Refused`` after too many wrong codes."""
    if book.wrong_tries(asked.id, person) >= MAX_WRONG:
        raise Refused("too many wrong codes; answer in another way", rule="locked", hint="bcp approve, or the console.")


def _wrong(book: Book, asked: Question, person: str, tries: int) -> None:
    """So many wrong codes, up to where they lock: then codes of this person about this question are void."""
    for _ in range(min(tries, MAX_WRONG - book.wrong_tries(asked.id, person))):
        count = book.add_wrong(asked.id, person)
        book.note("wrong_code", asked.incident, person, question=asked.id, wrong=count)


def record(book: Book, asked: Question, person: str, *, yes: bool, how: str) -> bool:
    """Write an answer into the chain; False when this person answered before (an answer is used once)."""
    with book:
        if any(a.by == person for a in answers_of(book, asked)):
            return False
        book.note("answered", asked.incident, person, question=asked.id, yes=yes, how=how, checksum=asked.checksum)
        return True


def answers_of(book: Book, asked: Question) -> list[Answer]:
    """Answers as the gate judges them."""
    return [
        Answer(e.actor, e.at, bool(e.data["yes"]), str(e.data["checksum"]), asked.step) for e in book.answers(asked)
    ]


def how_of(book: Book, asked: Question) -> list[dict[str, Any]]:
    """Answers for people: who, what, by what."""
    return [{"by": e.actor, "at": e.at, "yes": e.data["yes"], "how": e.data["how"]} for e in book.answers(asked)]


def was_heard(book: Book, channel: str, name: str) -> bool:
    """Was this message handled?"""
    return book.was_heard(channel, name)


def note_heard(book: Book, channel: str, name: str) -> None:
    """It is handled: after its answer was told, not before, so that a crash between the two loses none."""
    with book:
        book.note_heard(channel, name)
