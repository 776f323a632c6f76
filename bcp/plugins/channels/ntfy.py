"""``ntfy``: a push to a topic, from a server of your own on another cloud, or a public one."""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal

from pydantic import Field

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
from bcp.kernel.json_in import rows
from bcp.kernel.secret import Secret
from bcp.kit.http import Http, retry_after

MAX_MESSAGE = 4_000
"""Longer messages become attachments (docs.ntfy.sh, publishing)."""


class NtfySettings(ChannelSettings):
    """A server and a topic."""

    kind: Literal["ntfy"] = "ntfy"
    """Which plug-in."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+/?$")]
    """The server."""
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """The topic that people have subscribed to. Whoever knows the name of an open topic can read it."""
    token: Secret | None = None
    """Access token, by reference."""
    priority: Annotated[int, Field(ge=1, le=5)] = 4
    """1 to 5."""
    timeout: Duration = 10.0
    """For one request."""


class Ntfy(Channel[NtfySettings]):
    """One message for everybody who subscribed. Our key travels as a tag,
    so that a lost answer can be looked up in the topic."""

    kind = "ntfy"
    form = "chat"
    broadcast: ClassVar[bool] = True
    Settings = NtfySettings

    def __init__(self, name: str, settings: NtfySettings) -> None:
        super().__init__(name, settings)
        self._http = Http(connections=2)

    def address_of(self, contact: Contact) -> str:
        """Everybody reads the topic."""
        return self.place()

    def place(self) -> str:
        """The topic."""
        return f"{self.settings.url.rstrip('/')}/{self.settings.topic}"

    def _headers(self) -> dict[str, str]:
        token = self.settings.token
        return {"Authorization": f"Bearer {token.reveal()}"} if token is not None else {}

    async def send(self, delivery: Delivery) -> Receipt:
        """Publish it as JSON."""
        s = self.settings
        body = {
            "topic": s.topic,
            "title": delivery.message.subject or delivery.message.title or delivery.message.template,
            "message": delivery.message.body.replace("*", "")[:MAX_MESSAGE],
            "priority": s.priority,
            "tags": [_tag(delivery.key)],
        }
        try:
            reply = await self._http.request(
                "POST", s.url, headers=self._headers(), data=json.dumps(body), timeout_s=s.timeout
            )
        except Transient as error:
            raise NotSent(error.message, hint=error.hint) from error
        if reply.status == 429:
            raise RateLimited("ntfy asks to slow down", retry_after_s=retry_after(reply.headers))
        if reply.status >= 500:
            raise InDoubt(f"ntfy answers {reply.status}")
        if reply.status >= 300:
            raise Permanent(f"ntfy refuses it: {reply.status}", hint="Check the topic and the token.")
        if not (taken := _id(reply.body)):
            raise InDoubt("ntfy's address answers, but not as ntfy does", hint="Is a proxy in between?")
        return Receipt(taken)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Read the topic since the claim and look for our tag."""
        since = int(delivery.since) - 5
        try:
            reply = await self._http.request(
                "GET",
                f"{self.place()}/json?poll=1&since={since}",
                headers=self._headers(),
                timeout_s=self.settings.timeout,
            )
        except Transient as error:
            raise InDoubt("ntfy cannot be asked whether it took it", hint="Ask again later: `bcp resume`.") from error
        if reply.status != 200 or reply.cut:
            raise InDoubt(
                f"ntfy cannot be asked whether it took it: {reply.status}", hint="Is caching on for the topic?"
            )
        for line in rows(reply.body):
            if not _id(line):  # not the topic: it says nothing of what was taken
                raise InDoubt("ntfy's address answers, but not as ntfy does", hint="Is a proxy in between?")
            if f'"{_tag(delivery.key)}"' in line:
                return Receipt(_id(line), "found")
        return None

    async def check(self) -> list[Check]:
        """The server's health page."""
        try:
            reply = await self._http.request(
                "GET", f"{self.settings.url.rstrip('/')}/v1/health", timeout_s=self.settings.timeout
            )
        except (Transient, InDoubt) as error:
            return [Check(self.name, "fail", error.message, "Is the server up?")]
        fine = reply.status == 200 and '"healthy":true' in reply.body.replace(" ", "")
        return [Check(self.name, "ok" if fine else "warn", f"ntfy answers {reply.status}")]

    async def close(self) -> None:
        """Close the pool."""
        await self._http.close()


def _tag(key: str) -> str:
    from bcp.kernel.hashing import digest_text

    return "bcp-" + digest_text(key)[:16]


def _id(text: str) -> str:
    """The id of a message; empty where this is none."""
    try:
        found = json.loads(text)["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


PLUGIN = ChannelPlugin(api=1, settings=NtfySettings, make=Ntfy)
