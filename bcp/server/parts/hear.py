"""Hears what people answer: texts (called in by the vendor or polled), buttons, links, and says it to the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bcp.contracts.channel import Inbound
from bcp.incident import questions
from bcp.incident.book import Book
from bcp.incident.model import Question
from bcp.kernel.errors import BcpError, Refused
from bcp.kernel.log import logger

if TYPE_CHECKING:
    from bcp.server.daemon import Daemon

LOG = logger(__name__)
ANSWERING = frozenset({"sms", "voice"})
BACK_S = 120.0
"""How far before the first open question a vendor's list is looked through: clocks differ."""


class Hearer:
    """Every answer is proven, written into the chain, and only then told to the run."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon, self.clock = daemon, daemon.clock

    async def run(self) -> None:
        """Poll the vendors' lists while a question is open."""
        every = self.daemon.settings.ask.poll
        while True:
            await self.clock.sleep(every)
            open_ = await self.daemon.writer.do(questions.open_questions)
            if not open_:
                continue
            since = min(q.opened for q in open_) - BACK_S
            for name, channel in self.daemon.app.world.channels.items():
                if channel.form not in ANSWERING:
                    continue
                try:
                    for message in await channel.answers(since):
                        await self.text(name, message)
                except BcpError as error:
                    LOG.warning("%s cannot be asked for answers: %s", name, error.message)

    async def text(self, channel: str, message: Inbound) -> str:
        """A text from a phone. What to say to them; empty: nothing."""
        people = [c.id for c in self.daemon.app.people.directory.contacts if message.sender in (c.phone, c.slack)]
        if not people:
            return ""
        key = self.daemon.key

        def work(book: Book) -> questions.Found | str | None:
            if questions.was_heard(book, channel, message.id):
                return None
            try:
                return questions.by_code(book, people, message.text, key)
            except Refused as error:
                book.note("answer_refused", "", people[0], text=error.message, how=channel)
                return error.message

        found = await self.daemon.writer.do(work)
        said = found if isinstance(found, str) else ""
        if isinstance(found, questions.Found):
            how = f"{channel} from {_masked(message.sender)}"
            try:
                said = await self.answer(found.question, found.person, yes=found.yes, how=how)
            except Refused as error:
                said = error.message
        await self.daemon.writer.do(lambda b: questions.note_heard(b, channel, message.id))
        return said

    async def answer(self, question: Question, person: str, *, yes: bool, how: str) -> str:
        """An answer that is proven. Raises ``Refused`` when it does not count any more."""
        if question.state != "open":
            raise Refused(f"this question is closed: {question.result}", rule="closed", hint="bcp incident show")
        if person not in question.people:
            await self.daemon.writer.do(
                lambda b: b.note("answer_refused", question.incident, person, question=question.id, how=how)
            )
            raise Refused(
                f"{person} may not answer this question",
                rule="not-an-approver",
                hint="It asks: " + ", ".join(sorted(question.people)),
            )
        if self.clock.now() > question.deadline:
            raise Refused("it came too late", rule="too-late", hint="Make a new plan: bcp plan")
        before = await self.daemon.writer.do(lambda b: questions.answers_of(b, question))
        if any(a.by == person for a in before):
            raise Refused(
                f"{person} has answered already",
                rule="answered",
                hint="An answer is used once. To stop a run: bcp abort",
            )
        kind = "approve" if yes else "reject"
        if question.run:  # first: what is written down twice does no harm, what is not told would
            self.daemon.app.running.runs.tell(
                question.run, kind, person, checksum=question.checksum, step=question.step, how=how, reason=how
            )
        await self.daemon.writer.do(lambda b: questions.record(b, question, person, yes=yes, how=how))
        self.daemon.asker.woken.set()
        self.daemon.hub.changed()
        return f"{'Yes' if yes else 'No'} from {person}, noted at {question.checksum[:12]}."


def _masked(address: str) -> str:
    return f"...{address[-4:]}" if len(address) > 6 else address
