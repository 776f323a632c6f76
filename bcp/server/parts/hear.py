"""Hears what people answer: texts (called in by the vendor or polled), buttons, links, and says it to the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from bcp.contracts.channel import Channel, Inbound
from bcp.deeds.answer import Answer, answer
from bcp.deeds.who import APPROVE, Ground, Who
from bcp.incident import questions
from bcp.incident.model import Question
from bcp.kernel.errors import BcpError, Refused
from bcp.kernel.hashing import digest_text
from bcp.kernel.log import logger
from bcp.pages.words import words
from bcp.server.core import Core
from bcp.server.parts import tongue
from bcp.server.parts.spoken import does_not_count, noted
from bcp.store.sqlite.book import Book

LOG = logger(__name__)
ANSWERING = frozenset({"sms", "voice"})
LONGEST_S = 30.0
"""For one look at a vendor's list, all its pages. A list without end keeps no other vendor from being heard."""
ANY_WAY = "text"
"""Under which it is noted that a text was heard, by whatever way it came."""
LOCKED = "too many wrong codes; answer in another way"
BACK_S = 120.0
"""How far before the first open question a vendor's list is looked through: clocks differ."""


class Hearer:
    """Every answer is proven, written into the chain, and only then told to the run."""

    def __init__(self, core: Core, ground: Callable[[], Ground]) -> None:
        self.core, self.clock, self.ground = core, core.clock, ground
        self.deaf: dict[str, str] = {}
        """Channels that cannot be asked for answers, and why: said when it begins and when it ends."""

    async def run(self) -> None:
        """Poll the vendors' lists while a question is open."""
        every = self.core.settings.ask.poll
        while True:
            await self.clock.sleep(every)
            open_ = await self.core.do(questions.open_questions)
            if not open_:
                continue
            first = min(q.opened for q in open_)
            found = self.core.app.world.channels.items()
            ways = [(n, c) for n, c in found if c.form in ANSWERING]
            await asyncio.gather(*(self._listen(n, c, first) for n, c in ways))

    async def _listen(self, name: str, channel: Channel[Any], first: float) -> None:
        """Everything that lies at one vendor since the first open question. What goes wrong there is said, and ends
        nothing else. What is older, or has no words, answers nothing, and is not taken for heard: its date or its
        words may be the vendor's slip."""
        problem, found = "", list[Inbound]()
        try:
            async with asyncio.timeout(LONGEST_S):
                found = await channel.answers(first - BACK_S)
        except TimeoutError:
            problem = f"it did not answer in {LONGEST_S:g} s"
        except BcpError as error:
            problem = error.message
        except Exception as error:  # a channel that breaks its promise
            LOG.exception("%s: unexpected", name)
            problem = f"a fault in the channel ({type(error).__name__})"
        await self._heard(name, problem)
        for message in found:
            if message.text and message.at + questions.SKEW_S >= first:
                await self._one(name, message)

    async def _heard(self, name: str, problem: str) -> None:
        """Say it when answers by this channel cannot be heard any more, and when they can again."""
        if bool(problem) == (name in self.deaf):
            return
        if problem:
            self.deaf[name] = problem
            LOG.warning("%s cannot be asked for answers: %s", name, problem)
        else:
            del self.deaf[name]
        kind, text = ("unheard", f"{name}: {problem[:200]}") if problem else ("heard_again", name)
        await self.core.do(lambda b: _note(b, kind, text))
        self.core.changed()

    async def _one(self, channel: str, message: Inbound) -> None:
        """One of a list: what cannot be taken (its run cannot be read) keeps no later one from being heard."""
        try:
            await self.text(channel, message)
        except (BcpError, UnicodeError) as error:
            said = error.message if isinstance(error, BcpError) else "it is no text"
            LOG.warning("what came by %s could not be taken, and is looked at again: %s", channel, said)

    async def text(self, channel: str, message: Inbound) -> str:
        """A text from a phone. What to say to them; empty: nothing. It may come by the vendor's call and again in its
        list, each several times and in any order: it is heard once."""
        people = [
            c.id for c in self.core.app.people.directory.contacts
            if message.sender and message.sender in (c.phone, c.slack)
        ]  # fmt: skip
        if not people:
            return ""
        key, name = self.core.key, _name(message)

        def work(book: Book) -> Sequence[questions.Found] | str:
            if questions.was_heard(book, ANY_WAY, name):
                return ""
            try:
                found = questions.by_codes(book, people, message.text, key, message.at)
                return found or self._why_nothing(book, people, message)
            except Refused as error:
                book.note("answer_refused", "", people[0], text=error.message, how=channel)
                return does_not_count(self.core.app, error, people[0])

        found = await self.core.do(work)
        if isinstance(found, str):
            said = [found]
        else:
            how = f"{channel} from {_masked(message.sender)}"
            said = [await self._take(one, how) for one in found]
        await self.core.do(lambda b: questions.note_heard(b, ANY_WAY, name))
        return " ".join(said)

    async def _take(self, one: questions.Found, how: str) -> str:
        try:
            return await self.answer(one.question, one.person, yes=one.yes, how=how)
        except Refused as error:
            return does_not_count(self.core.app, error, one.person)

    def _why_nothing(self, book: Book, people: Sequence[str], message: Inbound) -> str:
        """Words for somebody who is asked and wrote something that is no answer: they may believe that it was one.
        Said once a question and reason, so that two machines do not answer each other for ever."""
        why, person, about = questions.why_nothing(book, people, message.text, message.at)
        if not why or questions.was_heard(book, why, f"{about}/{person}"):
            return ""
        questions.note_heard(book, why, f"{about}/{person}")
        if why == "locked":
            return does_not_count(self.core.app, Refused(LOCKED, rule=why), person)
        language = tongue.of_person(self.core.app, person)
        return words(language)(f"reply.{why}")

    async def answer(self, question: Question, person: str, *, yes: bool, how: str) -> str:
        """An answer that is proven. Raises ``Refused`` when it does not count (any more)."""
        who = Who(person, person, how, frozenset({APPROVE}))
        done = await answer(self.ground(), who, Answer(yes, question=question.id))
        self.core.asking.set()
        self.core.changed()
        return noted(self.core.app, done.by, done.checksum, yes=yes)


def _note(book: Book, kind: str, text: str) -> None:
    """In every incident with an open question."""
    for incident in dict.fromkeys(q.incident for q in questions.open_questions(book)):
        book.note(kind, incident, "bcp", text=text)


def _name(message: Inbound) -> str:
    """By what a text is known again: a list that shows other words under its id has not let it be heard yet."""
    return f"{message.id}/{digest_text(message.sender + message.text)[:16]}"


def _masked(address: str) -> str:
    return f"...{address[-4:]}" if len(address) > 6 else address
