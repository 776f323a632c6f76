"""``POST /callers/NAME/PATH``: vendors tell us what people answered and what became of messages.

404 no such caller or path · 401 no proof · 413, 408 too large, too slow · 415, 422 another shape · 503 not durable: the
vendor calls again. Kinds that have a section of their own in ``serve:`` (``twilio:``) are called at ``/twilio/PATH``.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bcp.contracts.caller import Answered, Call, Caller, Keyed, Pressed, Reported, Said, Texted, Unauthentic, told
from bcp.contracts.channel import Inbound
from bcp.incident import questions
from bcp.incident.receipts import note_receipt
from bcp.kernel.errors import BcpError, Invalid, Missing, Refused, StorageError
from bcp.kernel.log import logger
from bcp.pages.words import known_language, words
from bcp.server.daemon import Daemon
from bcp.server.doors.body import read_or_refuse
from bcp.server.doors.guard import headers_of
from bcp.server.parts import tongue
from bcp.server.parts.spoken import does_not_count, refused_in
from bcp.store.files.inbox import add_answer
from bcp.store.files.optouts import note_optout, read_optouts, word_of

LOG = logger(__name__)
MAX = 100_000
SENSELESS = (TypeError, ValueError, AttributeError, LookupError, RecursionError)
"""What a plug-in may raise for a body that it did not expect."""
OPTED = "opted"
NOT_OURS = words()("reply.not-ours")


class Callers:
    """Proves a call, hears what it says, and answers the vendor in its own form."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    async def __call__(self, request: Request) -> Response:
        """One request."""
        name = str(request.path_params.get("name") or request.url.path.split("/")[1])
        caller = self.daemon.app.world.callers.get(name)
        if caller is None or not caller.takes_calls():
            return PlainTextResponse("not configured", 404)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if caller.forms and kind not in caller.forms:
            return PlainTextResponse(f"expected: {', '.join(caller.forms)}", 415)
        raw = await read_or_refuse(request, MAX)
        if isinstance(raw, Response):
            return raw
        query = f"?{request.url.query}" if request.url.query else ""
        url = self.daemon.settings.public_url + request.url.path + query
        call = Call(str(request.path_params["path"]), url, raw, headers_of(request), time.time())  # noqa: TID251 - signatures age in real time
        return await self._take(caller, call)

    async def _take(self, caller: Caller[Any], call: Call) -> Response:
        try:
            await caller.prove(call)
            said = caller.heard(call)
        except Unauthentic:
            LOG.warning("a call that says it is %s is not proven", caller.name)
            return PlainTextResponse("not signed", 401)
        except Missing as error:
            return PlainTextResponse(error.message, 404)
        except Invalid as error:
            return PlainTextResponse(error.message, 422)
        except BcpError as error:  # our own secret cannot be read
            LOG.error("caller %s: %s", caller.name, error.message)
            return PlainTextResponse("it cannot be checked now", 503)
        except SENSELESS:
            LOG.warning("caller %s: a call of an unknown shape", caller.name, exc_info=True)
            return PlainTextResponse("the call has another shape than this kind of caller's", 422)
        try:
            text = await self._hear(caller.name, said)
        except BcpError as error:
            LOG.error("what %s says could not be taken: %s", caller.name, error.message)
            return PlainTextResponse("try again", 503)
        answer = caller.reply(said, text)
        return Response(answer.body, answer.status, media_type=answer.media)

    def loops(self) -> list[tuple[str, Any]]:
        """Of every caller that opens a connection itself: its name, and what listens."""
        found = self.daemon.app.world.callers
        return [(n, partial(c.listen, partial(self.hear, n))) for n, c in found.items() if c.listens()]

    async def hear(self, name: str, said: Said) -> str:
        """What came over a connection of ours: the words for whoever said it. Never raises one of our errors."""
        try:
            return await self._hear(name, said)
        except BcpError as error:
            LOG.error("what %s says could not be taken: %s", name, error.message)
            return self._told("reply.not-written", self._language(said))

    def _language(self, said: Said) -> str:
        """Of whoever said it, as far as it tells who that is."""
        sender = said.message.sender if isinstance(said, Texted | Keyed) else getattr(said, "sender", "")
        return tongue.of_address(self.daemon.app, sender)

    def _told(self, key: str, language: str) -> str:
        """Words of ours in this language."""
        return told(words(language)(key), known_language(language))

    async def _hear(self, name: str, said: Said) -> str:
        """Written down and acted on. Raises ``StorageError``."""
        match said:
            case Texted():
                return await self._texted(name, said)
            case Keyed(message):
                if message.text:
                    add_answer(self.daemon.state, message)
                return self._told("reply.thanks" if message.text else "reply.bye", self._language(said))
            case Answered(link, yes):
                return await self._answered(link, yes)
            case Pressed(sender, value):
                return await self._pressed(name, sender, value)
            case Reported(receipt, status, error):
                if receipt and status:
                    await self.daemon.writer.do(lambda b: note_receipt(b, receipt, status, error))
                return ""

    async def _texted(self, name: str, said: Texted) -> str:
        word = said.opt or word_of(said.message.text)
        try:
            if word in {"stop", "start"} and await self._opted(said.message, word):
                return ""  # the vendor itself answers these
            add_answer(self.daemon.state, said.message)
            return await self.daemon.hearer.text(name, said.message)
        except Refused as error:
            return refused_in(error, self._language(said))

    async def _opted(self, message: Inbound, word: str) -> bool:
        """Somebody leaves, or returns: once, since a repeated STOP must not take back the START that came after it.
        False where they did not mean that: *yes* from somebody who never left is meant for us."""
        number, state, do = message.sender, self.daemon.state, self.daemon.writer.do
        alone = message.text.strip().lower().strip(".!")
        if word == "start" and alone == "yes" and number not in read_optouts(state):
            return False
        if not number or await do(lambda b: questions.was_heard(b, OPTED, message.id)):
            return True
        if note_optout(state, number, word):
            person = next((c.id for c in self.daemon.app.people.directory.contacts if c.phone == number), "")
            await do(lambda b: b.note(f"texts_{word}", "", person))
            self.daemon.app.people.forget()
        await do(lambda b: questions.note_heard(b, OPTED, message.id))
        return True

    async def _answered(self, link: str, yes: bool | None) -> str:
        """A key in a call: the words are read aloud, so they say their language."""
        key, app, person = self.daemon.key, self.daemon.app, ""
        try:
            asked, person = await self.daemon.writer.do(lambda b: questions.by_link(b, link, key))
            if yes is None:
                return self._told("reply.nothing", tongue.of_person(app, person))
            said = (await self.daemon.hearer.answer(asked, person, yes=yes, how="call")).partition(",")[0]
        except BcpError as error:
            if yes is None:
                return self._told("reply.nothing", tongue.of_person(app, person))
            said = does_not_count(app, error, person)
        return told(said, known_language(tongue.of_person(app, person)))

    async def _pressed(self, name: str, sender: str, value: str) -> str:
        question, _, word = value.partition(":")
        language = tongue.of_address(self.daemon.app, sender)
        if not sender or word not in {"yes", "no"}:
            return self._told("reply.not-ours", language)
        people = self.daemon.app.people.directory.contacts
        person = next((c.id for c in people if sender in (c.slack, c.phone, c.email)), "")
        if not person:
            return self._told("reply.nobody", language)
        try:
            asked = await self.daemon.writer.do(lambda b: questions.question(b, question))
            return await self.daemon.hearer.answer(asked, person, yes=word == "yes", how=f"{name} button")
        except StorageError as error:
            LOG.error("a button could not be taken: %s", error.message)
            return self._told("reply.not-pressed", language)
        except (Refused, Invalid) as error:
            said = refused_in(error, language)
            return error.whole if said == error.message else said
