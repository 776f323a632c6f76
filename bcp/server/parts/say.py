"""Says things to people by the channels for questions: a question, how it ended, what happened in an incident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.comms.render import render
from bcp.contracts.channel import Channel, Choice, Delivery, NotSent, RateLimited
from bcp.incident.model import Incident
from bcp.kernel.clock import local_text
from bcp.kernel.errors import BcpError, Invalid, Permanent
from bcp.kernel.secret import redact
from bcp.server.core import Core

TRIES = 3


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
                receipt = await channel.send(Delivery(key, address, message, self.clock.now(), choices, reply_url))
                return "sent", receipt.id
            except (RateLimited, NotSent) as error:
                problem = error.message
                await self.clock.sleep(min(10.0, error.retry_after_s or 1.0) if attempt + 1 < TRIES else 0.0)
            except Permanent as error:
                return "failed", redact(error.message)
            except BcpError as error:
                return "doubt", redact(error.message)
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

    async def _tell(self, incident: Incident, text: str) -> None:
        found = self.core.seen()
        values = {
            **self.org(),
            "outage_class": found.outage_class,
            "ask": {
                "what": incident.title or found.state,
                "result": text[:200],
                "seen": "; ".join(found.evidence[:2])[:300] or found.why,
                "incident": incident.id,
            },
        }
        people = (
            self.core.app.people.directory.members(self.core.settings.oncall)
            if self.core.settings.oncall in self.core.app.people.directory.audiences
            else []
        )
        sent = failed = 0
        for channel in self.channels():
            targets = (
                [("", channel.place())] if channel.broadcast else [(p.language, channel.address_of(p)) for p in people]
            )
            for language, address in targets:
                if not address:
                    continue
                state, _ = await self.send(
                    channel,
                    address,
                    "incident-notice",
                    language,
                    values,
                    f"{incident.id}/notice/{self.clock.now():.3f}",
                )
                sent, failed = sent + (state == "sent"), failed + (state != "sent")
        await self.core.do(lambda b: b.note("told", incident.id, "bcp", text=text[:300], sent=sent, failed=failed))
        self.core.changed()
