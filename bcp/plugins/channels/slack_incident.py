"""``slack-incident``: a channel of its own for each run:
opened, people invited, the first message pinned, the rest in its thread."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

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
from bcp.kernel.errors import InDoubt, Permanent
from bcp.kernel.secret import Secret
from bcp.kernel.text import for_slack
from bcp.plugins.vendors.slack import (
    MAX_TEXT,
    SlackClient,
    blocks_of,
    check_bot,
    key_of,
    messages_of,
    metadata_of,
    ts_of,
)

BATCH = 200
"""People invited at once; Slack takes up to 1,000 (docs.slack.dev, conversations.invite)."""


class SlackIncidentSettings(ChannelSettings):
    """A bot that may open channels."""

    kind: Literal["slack-incident"] = "slack-incident"
    """Which plug-in."""
    token: Secret
    """Bot token, by reference. Scopes: channels:manage (or groups:write), chat:write, pins:write, channels:history,
    channels:read."""
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,30}$")] = "inc"
    """The channel is called prefix-DATE-ID."""
    private: bool = False
    """A private channel."""
    invite: list[Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,}$")]] = Field(default_factory=list)
    """Ids of people who are invited."""
    timeout: Duration = 10.0
    """For one request."""
    concurrency: Annotated[int, Field(ge=1, le=1)] = 1
    """One after the other: the second message goes into the thread of the first."""
    api_url: str = ""
    """Another base URL, for tests."""

    def at_once(self) -> int:
        """As configured."""
        return self.concurrency


class SlackIncident(Channel[SlackIncidentSettings]):
    """Chat. Opening, inviting and pinning can be repeated without harm;
    the message itself carries our key and is never posted twice."""

    kind = "slack-incident"
    form = "chat"
    broadcast: ClassVar[bool] = True
    Settings = SlackIncidentSettings

    def __init__(self, name: str, settings: SlackIncidentSettings) -> None:
        super().__init__(name, settings)
        self._slack = SlackClient(settings.token, api_url=settings.api_url, timeout_s=settings.timeout)
        self._rooms: dict[str, str] = {}

    def address_of(self, contact: Contact) -> str:
        """Everybody who is invited reads it."""
        return self.name

    def room_name(self, key: str) -> str:
        """Name of the channel of the run that this key belongs to: 80 characters at most, lower case."""
        run = re.sub(r"[^a-z0-9-]+", "-", key.split("/", 1)[0].removeprefix("run-").lower())
        return f"{self.settings.prefix}-{run}"[:80]

    async def send(self, delivery: Delivery) -> Receipt:
        """Post into the run's channel, in the thread of its first message; that one is pinned."""
        room, fresh = await self._room(delivery.key)
        root = "" if fresh else await self._root(room)
        text = for_slack(delivery.message.body)[:MAX_TEXT]
        more: dict[str, Any] = {"thread_ts": root, "reply_broadcast": True} if root else {}
        answer = await self._slack.call(
            "chat_postMessage",
            channel=room,
            text=text,
            blocks=blocks_of(text),
            metadata=metadata_of(delivery.key),
            unfurl_links=False,
            **more,
        )
        receipt = Receipt(ts_of(answer), room)
        if not root:
            await self._quietly("pins_add", channel=room, timestamp=receipt.id)
        return receipt

    async def _room(self, key: str) -> tuple[str, bool]:
        """Id of the channel, and whether it was made now."""
        name = self.room_name(key)
        if name in self._rooms:
            return self._rooms[name], False
        try:
            made = await self._slack.call("conversations_create", name=name, is_private=self.settings.private)
            room, fresh = _id_of(made.get("channel")), True
        except Permanent as error:
            if "name_taken" not in error.message:
                raise
            room, fresh = await self._find_room(name), False
            if not room:
                raise Permanent(
                    f"the channel {name} exists and cannot be seen", hint="Invite the bot, or choose another prefix."
                ) from error
        except InDoubt as error:  # it may be there: asking again finds out, nothing was said yet
            raise NotSent("Slack did not say whether the channel was opened", hint="It is looked for again.") from error
        self._rooms[name] = room
        for i in range(0, len(self.settings.invite), BATCH):
            await self._quietly(
                "conversations_invite", channel=room, users=",".join(self.settings.invite[i : i + BATCH]), force=True
            )
        return room, fresh

    async def _find_room(self, name: str) -> str:
        """Its id; empty where the whole list does not hold it."""
        cursor = ""
        for _ in range(50):
            more = {"cursor": cursor} if cursor else {}
            page = await self._slack.call(
                "conversations_list", limit=1000, exclude_archived=True, types="public_channel,private_channel", **more
            )
            if not isinstance(page.get("channels"), list):
                raise InDoubt("Slack's answer holds no list of channels")
            for channel in page["channels"]:
                if isinstance(channel, dict) and channel.get("name") == name:
                    return _id_of(channel)
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return ""
        raise InDoubt("Slack's list of channels has no end", hint="Look in Slack, then `bcp settle`.")

    async def _history(self, room: str) -> list[Any]:
        """Every message, the newest first. Raises ``InDoubt`` where there is no end of them."""
        found: list[Any] = []
        more: dict[str, Any] = {}
        for _ in range(20):
            page = await self._slack.call(
                "conversations_history", channel=room, limit=200, include_all_metadata=True, **more
            )
            found += messages_of(page)
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not page.get("has_more") or not cursor:
                return found
            more = {"cursor": cursor}
        raise InDoubt("Slack's history of this channel has no end", hint="Look in Slack, then `bcp settle`.")

    async def _root(self, room: str) -> str:
        """The first message of ours there."""
        ours = [m for m in await self._history(room) if key_of(m)]
        return ts_of(ours[-1]) if ours else ""

    async def _quietly(self, method: str, **arguments: Any) -> None:
        """What is nice to have must not hold up the message."""
        try:
            await self._slack.call(method, **arguments)
        except (Permanent, NotSent, RateLimited, InDoubt):
            return

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Look through the run's channel for our key. No channel: nothing was said."""
        try:
            room = self._rooms.get(self.room_name(delivery.key)) or await self._find_room(self.room_name(delivery.key))
        except (Permanent, NotSent, RateLimited) as error:
            raise InDoubt(f"Slack cannot be asked: {error.message}", hint="Give the bot channels:read.") from error
        if not room:
            return None
        try:
            found = await self._history(room)
        except (Permanent, NotSent, RateLimited) as error:
            raise InDoubt(f"Slack cannot be asked: {error.message}", hint="Give the bot channels:history.") from error
        return next((Receipt(ts_of(m), "found") for m in found if key_of(m) == delivery.key), None)

    async def check(self) -> list[Check]:
        """``auth.test``: the token and its scopes."""
        return await check_bot(
            self._slack,
            self.name,
            (
                "chat:write",
                "channels:manage|groups:write",
                "channels:history|groups:history",
                "channels:read|groups:read",
                "pins:write",
            ),
        )

    async def close(self) -> None:
        """Close the pool."""
        await self._slack.close()


def _id_of(channel: Any) -> str:
    found = channel.get("id") if isinstance(channel, dict) else None
    if not isinstance(found, str) or not found:
        raise InDoubt("Slack's answer names no channel")
    return found


PLUGIN = ChannelPlugin(api=1, settings=SlackIncidentSettings, make=SlackIncident)
