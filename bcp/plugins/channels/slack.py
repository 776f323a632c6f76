"""``slack``: one message into one channel through slack_sdk, with its retries off."""

from __future__ import annotations

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
from bcp.kernel.errors import InDoubt, Permanent
from bcp.kernel.secret import Secret
from bcp.kernel.text import for_slack
from bcp.plugins.vendors.slack import (
    MAX_TEXT,
    SlackClient,
    blocks_of,
    buttons_of,
    check_bot,
    key_of,
    messages_of,
    metadata_of,
    ts_of,
)


class SlackSettings(ChannelSettings):
    """A bot and the channel it posts to."""

    kind: Literal["slack"] = "slack"
    """Which plug-in."""
    token: Secret
    """Bot token, by reference. Scopes: chat:write, and channels:history to settle what is in doubt."""
    channel: Annotated[str, Field(pattern=r"^[CGD][A-Z0-9]{2,}$")]
    """Id of the channel, such as C0123456789 (not its name)."""
    timeout: Duration = 10.0
    """For one request."""
    concurrency: Annotated[int, Field(ge=1, le=20)] = 1
    """Slack allows about one message a second in a channel."""
    api_url: str = ""
    """Another base URL, for tests."""

    def at_once(self) -> int:
        """As configured."""
        return self.concurrency


class Slack(Channel[SlackSettings]):
    """Chat. Each message carries our key as metadata, so that a lost answer can be looked up."""

    kind = "slack"
    form = "chat"
    broadcast: ClassVar[bool] = True
    buttons: ClassVar[bool] = True
    Settings = SlackSettings

    def __init__(self, name: str, settings: SlackSettings) -> None:
        super().__init__(name, settings)
        self._slack = SlackClient(settings.token, api_url=settings.api_url, timeout_s=settings.timeout)

    def address_of(self, contact: Contact) -> str:
        """Everybody reads the channel."""
        return self.settings.channel

    def place(self) -> str:
        """The channel."""
        return self.settings.channel

    async def send(self, delivery: Delivery) -> Receipt:
        """Post it. ``text`` is the notification and the fall-back of the blocks."""
        text = for_slack(delivery.message.body)[:MAX_TEXT]
        answer = await self._slack.call(
            "chat_postMessage",
            channel=self.settings.channel,
            text=text,
            blocks=[*blocks_of(text), *buttons_of(delivery.choices)],
            metadata=metadata_of(delivery.key),
            unfurl_links=False,
        )
        return Receipt(ts_of(answer))

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Look through the channel since the claim for our key."""
        try:
            answer = await self._slack.call(
                "conversations_history",
                channel=self.settings.channel,
                oldest=f"{delivery.since - 5:.6f}",
                limit=200,
                include_all_metadata=True,
            )
        except (Permanent, NotSent, RateLimited) as error:
            raise InDoubt(
                f"Slack cannot be asked whether it took it: {error.message}", hint="Give the bot channels:history."
            ) from error
        for message in messages_of(answer):
            if key_of(message) == delivery.key:
                return Receipt(ts_of(message), "found")
        if answer.get("has_more"):
            raise InDoubt("Slack has more messages since then than it lists", hint="Look in Slack, then `bcp settle`.")
        return None

    async def check(self) -> list[Check]:
        """``auth.test``: the token and its scopes."""
        return await check_bot(self._slack, self.name, ("chat:write", "channels:history|groups:history"))

    async def close(self) -> None:
        """Close the pool."""
        await self._slack.close()


PLUGIN = ChannelPlugin(api=1, settings=SlackSettings, make=Slack)
