"""Hears what people answer: texts (called in by the vendor or polled), buttons, links, and says it to the run."""

from __future__ import annotations

from collections.abc import Callable

from bcp.contracts.channel import Inbound
from bcp.deeds.answer import Answer, answer
from bcp.deeds.who import APPROVE, Ground, Who
from bcp.incident import questions
from bcp.incident.model import Question
from bcp.kernel.errors import BcpError, Refused
from bcp.kernel.log import logger
from bcp.server.core import Core
from bcp.store.sqlite.book import Book

LOG = logger(__name__)
ANSWERING = frozenset({"sms", "voice"})
BACK_S = 120.0
"""How far before the first open question a vendor's list is looked through: clocks differ."""


class Hearer:
    """Every answer is proven, written into the chain, and only then told to the run."""

    def __init__(self, core: Core, ground: Callable[[], Ground]) -> None:
        self.core, self.clock, self.ground = core, core.clock, ground

    async def run(self) -> None:
        """Poll the vendors' lists while a question is open."""
        every = self.core.settings.ask.poll
        while True:
            await self.clock.sleep(every)
            open_ = await self.core.do(questions.open_questions)
            if not open_:
                continue
            since = min(q.opened for q in open_) - BACK_S
            for name, channel in self.core.app.world.channels.items():
                if channel.form not in ANSWERING:
                    continue
                try:
                    found = await channel.answers(since)
                except BcpError as error:
                    LOG.warning("%s cannot be asked for answers: %s", name, error.message)
                    continue
                for message in found:
                    await self._one(name, message)

    async def _one(self, channel: str, message: Inbound) -> None:
        """One of a list: what cannot be taken (its run cannot be read) keeps no later one from being heard."""
        try:
            await self.text(channel, message)
        except BcpError as error:
            LOG.warning("what came by %s could not be taken, and is looked at again: %s", channel, error.message)

    async def text(self, channel: str, message: Inbound) -> str:
        """A text from a phone. What to say to them; empty: nothing."""
        people = [c.id for c in self.core.app.people.directory.contacts if message.sender in (c.phone, c.slack)]
        if not people:
            return ""
        key = self.core.key

        def work(book: Book) -> questions.Found | str | None:
            if questions.was_heard(book, channel, message.id):
                return None
            try:
                return questions.by_code(book, people, message.text, key, message.at)
            except Refused as error:
                book.note("answer_refused", "", people[0], text=error.message, how=channel)
                return error.message

        found = await self.core.do(work)
        said = found if isinstance(found, str) else ""
        if isinstance(found, questions.Found):
            how = f"{channel} from {_masked(message.sender)}"
            try:
                said = await self.answer(found.question, found.person, yes=found.yes, how=how)
            except Refused as error:
                said = error.message
        await self.core.do(lambda b: questions.note_heard(b, channel, message.id))
        return said

    async def answer(self, question: Question, person: str, *, yes: bool, how: str) -> str:
        """An answer that is proven. Raises ``Refused`` when it does not count (any more)."""
        who = Who(person, person, how, frozenset({APPROVE}))
        done = await answer(self.ground(), who, Answer(yes, question=question.id))
        self.core.asking.set()
        self.core.changed()
        return f"{'Yes' if yes else 'No'} from {done.by}, noted at {done.checksum[:12]}."


def _masked(address: str) -> str:
    return f"...{address[-4:]}" if len(address) > 6 else address
