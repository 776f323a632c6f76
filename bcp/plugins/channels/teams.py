"""``teams``: a Microsoft Teams channel by a workflow's URL. It shares Exchange's fate and is never enough alone."""

from __future__ import annotations

import json
from typing import ClassVar, Literal

from bcp.contracts.channel import (
    Channel,
    ChannelPlugin,
    ChannelSettings,
    Check,
    Delivery,
    NotSent,
    RateLimited,
    Receipt,
)
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Duration
from bcp.kernel.errors import InDoubt, Permanent, Transient
from bcp.kernel.secret import Secret
from bcp.kit.http import Http, retry_after

MAX_TEXT = 20_000
ACCEPTED = 202
"""A workflow answers 202 and nothing else; connectors of old answered 200 and ``1``."""


class TeamsSettings(ChannelSettings):
    """A workflow that posts to a channel."""

    kind: Literal["teams"] = "teams"
    """Which plug-in."""
    url: Secret
    """The workflow's URL, by reference: whoever has it can post."""
    timeout: Duration = 15.0
    """For one request."""


class Teams(Channel[TeamsSettings]):
    """Chat, as an Adaptive Card. Lint refuses a step whose only channels share fate with what is down."""

    kind = "teams"
    form = "chat"
    broadcast: ClassVar[bool] = True
    shares_fate_with: ClassVar[tuple[str, ...]] = ("microsoft",)
    Settings = TeamsSettings

    def __init__(self, name: str, settings: TeamsSettings) -> None:
        super().__init__(name, settings)
        self._http = Http(connections=2)

    def address_of(self, contact: Contact) -> str:
        """Everybody reads the channel."""
        return self.name

    async def send(self, delivery: Delivery) -> Receipt:
        """Post one card."""
        text = delivery.message.body[:MAX_TEXT]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{"type": "TextBlock", "text": text, "wrap": True}],
        }
        body = {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
        }
        try:
            reply = await self._http.request(
                "POST",
                self.settings.url.reveal(),
                headers={"Content-Type": "application/json"},
                data=json.dumps(body),
                timeout_s=self.settings.timeout,
            )
        except Transient as error:
            raise NotSent(error.message, hint=error.hint) from error
        if reply.status == 429:
            raise RateLimited("Teams asks to slow down", retry_after_s=retry_after(reply.headers))
        if reply.status >= 500 or reply.status < 200:
            raise InDoubt(f"Teams answers {reply.status}")
        if reply.status >= 300:
            raise Permanent(f"Teams refuses it: {reply.status}", hint="Is the workflow on, and its URL current?")
        if reply.status != ACCEPTED and not (reply.status == 200 and reply.body.strip() == "1" and not reply.cut):
            raise InDoubt("the workflow's address answers, but not as Teams does", hint="Is a proxy in between?")
        return Receipt(delivery.key, str(reply.status))

    async def check(self) -> list[Check]:
        """Nothing can be asked without posting."""
        return [Check(self.name, "warn", "Teams shares fate with Exchange: an extra, never the only channel")]

    async def close(self) -> None:
        """Close the pool."""
        await self._http.close()


PLUGIN = ChannelPlugin(api=1, settings=TeamsSettings, make=Teams)
