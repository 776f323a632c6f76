"""Says things to people by the channels for questions: a question, how it ended, what happened in an incident."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bcp.comms.render import render
from bcp.contracts.channel import Channel, Choice, Delivery, NotSent, RateLimited
from bcp.incident.model import Incident
from bcp.kernel.clock import local_text
from bcp.kernel.errors import BcpError, Invalid, Permanent
from bcp.kernel.log import logger
from bcp.kernel.secret import redact
from bcp.pages.words.said import in_language
from bcp.server.core import Core
from bcp.server.parts.spoken import catalogue, language_of, seen, title
from bcp.store.sqlite.book import Book

LOG = logger(__name__)
TRIES = 3
LONGEST_S = 60.0
"""For one try. Channels have time limits of their own; this is for one whose library forgets it."""


class Speaker:
    """Sends one message at a time; what is said by many at once is the courier's."""

    def __init__(self, core: Core) -> None:
        self.core, self.clock = core, core.clock

    def channels(self) -> list[Channel[Any]]:
        """Those of the configuration, else every text and chat channel."""
        world = self.core.app.world
        return [world.channels[n] for n in world.askers]

    async def send(
        self, channel: Channel[Any], address: str, template: str, language: str, values: Mapping[str, Any], key: str,
        choices: tuple[Choice, ...] = (), *, drill: bool = False, reply_url: str = "",
    ) -> tuple[str, str]:  # fmt: skip
        """Say it; a refusal that is safe to repeat is repeated. A lost answer is not: the next turn asks again
        anyway. Returns ``sent``, ``failed`` or ``doubt``, with the receipt or the reason; raises nothing of ours."""
        app = self.core.app
        default = app.settings.organisation.language
        try:
            pack = app.world.pack
            message = render(pack.get(template), channel.form, language or default, default, values, drill=drill)
        except Invalid as error:  # a text that cannot be made keeps no other from leaving
            found = error.problems[0] if error.problems else error
            return "failed", found.message
        for attempt in range(TRIES):
            try:
                one = Delivery(key, address, message, self.clock.now(), choices, reply_url)
                async with asyncio.timeout(LONGEST_S):
                    receipt = await channel.send(one)
                return "sent", receipt.id
            except (RateLimited, NotSent) as error:
                problem = error.message
                await self.clock.sleep(min(10.0, error.retry_after_s or 1.0) if attempt + 1 < TRIES else 0.0)
            except Permanent as error:
                return "failed", redact(error.message)
            except BcpError as error:
                return "doubt", redact(error.message)
            except TimeoutError:
                return "doubt", f"{channel.name} did not answer in {LONGEST_S:g} s"
            except Exception as error:  # a channel that breaks its promise ends nothing but this one message
                LOG.exception("%s: unexpected", channel.name)
                return "doubt", f"a fault in the channel {channel.name} ({type(error).__name__}); see the log"
        return "failed", redact(problem)

    def org(self) -> dict[str, Any]:
        """What every text may name."""
        settings = self.core.app.settings
        return {
            "org": settings.organisation.said(),
            "service": settings.service,
            "now": local_text(self.clock.now(), settings.organisation.timezone),
        }

    def tell(self, incident: Incident, text: str) -> None:
        """Tell the people on call, beside everything else."""
        self.core.spawn(self._tell(incident, text), "tell")

    def _noticed(self, incident: Incident, text: str, form: str, language: str) -> dict[str, Any]:
        """What a notice says, in the language of whoever reads it."""
        language = language_of(self.core, "incident-notice", form, language)
        found, w = self.core.seen(), catalogue(language)
        ask = {
            "what": title(incident, w) if w else incident.title or found.state,
            "result": str(in_language(text, language))[:200],
            "seen": seen(found, w) if w else "; ".join(found.evidence[:2])[:300] or found.why,
            "incident": incident.id,
        }
        return {"outage_class": found.outage_class, "ask": ask}

    async def _tell(self, incident: Incident, text: str) -> None:
        people = (
            self.core.app.people.directory.members(self.core.settings.oncall)
            if self.core.settings.oncall in self.core.app.people.directory.audiences
            else []
        )
        key = f"{incident.id}/notice/{self.clock.now():.3f}"

        async def one(channel: Channel[Any], language: str, address: str) -> bool:
            values = {**self.org(), **self._noticed(incident, text, getattr(channel, "form", "sms"), language)}
            state, problem = await self.send(channel, address, "incident-notice", language, values, key)
            if state != "sent":
                LOG.warning("%s: somebody on call could not be told by %s: %s", incident.id, channel.name, problem)
            return state == "sent"

        ways = [
            (channel, language, address)
            for channel in self.channels()
            for language, address in (
                [("", channel.place())] if channel.broadcast else [(p.language, channel.address_of(p)) for p in people]
            )
            if address
        ]
        done = await asyncio.gather(*(one(*way) for way in ways))
        sent, failed = done.count(True), done.count(False)
        await self.core.do(lambda b: _note_told(b, incident.id, text, sent, failed))
        if not sent:
            LOG.error("%s: nobody on call is known to have been told: %s", incident.id, text[:200])
        self.core.changed()


def _note_told(book: Book, incident: str, text: str, sent: int, failed: int) -> None:
    book.note("told", incident, "bcp", text=text[:300], sent=sent, failed=failed)
    if not sent:
        tried = f"{failed} tries, and no channel took it" if failed else "there is no channel or nobody to tell"
        book.note("nobody_told", incident, "bcp", text=f"{tried}: {text[:200]}")
