"""``slack``: one message into one channel through slack_sdk, with its retries off."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bcp.contracts.channel import Channel, Check, Delivery, NotSent, RateLimited, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Duration, PluginSettings
from bcp.kernel.errors import InDoubt, Permanent
from bcp.kernel.secret import Secret

MAX_TEXT = 10_000
"""Blocks fail near 13,200 characters in total although 40,000 are documented (slackapi/bolt-js issue 2509)."""


class SlackSettings(PluginSettings):
    """A bot and the channel it posts to."""

    kind: Literal["slack"] = "slack"
    """Which plug-in."""
    token: Secret
    """Bot token, by reference. Scopes: chat:write, and channels:history to settle what is in doubt."""
    channel: Annotated[str, Field(pattern=r"^[CGD][A-Z0-9]{2,}$")]
    """Id of the channel, such as C0123456789 (not its name)."""
    timeout: Duration = 10.0
    """For one request."""
    depends_on: list[str] = Field(default_factory=list)
    """`microsoft` when people sign in to Slack through Entra and have no exemption."""
    concurrency: Annotated[int, Field(ge=1, le=20)] = 1
    """Slack allows about one message a second in a channel."""
    api_url: str = ""
    """Another base URL, for tests."""


class Slack(Channel[SlackSettings]):
    """Chat. Each message carries our key as metadata, so that a lost answer can be looked up."""

    kind = "slack"
    form = "chat"
    broadcast: ClassVar[bool] = True
    Settings = SlackSettings

    def __init__(self, name: str, settings: SlackSettings) -> None:
        super().__init__(name, settings)
        self._client: Any = None
        self._session: Any = None

    def _open(self) -> Any:
        if self._client is None:
            import aiohttp  # noqa: PLC0415
            from slack_sdk.web.async_client import AsyncWebClient  # noqa: PLC0415 - 0.2 s of import

            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.settings.timeout))
            options: dict[str, Any] = (
                {"base_url": self.settings.api_url.rstrip("/") + "/api/"} if self.settings.api_url else {}
            )
            self._client = AsyncWebClient(
                token=self.settings.token.reveal(),
                timeout=max(1, int(self.settings.timeout)),
                session=self._session,
                retry_handlers=[],
                **options,
            )
        return self._client

    def address_of(self, contact: Contact) -> str:
        """Everybody reads the channel."""
        return self.settings.channel

    def place(self) -> str:
        """The channel."""
        return self.settings.channel

    async def send(self, delivery: Delivery) -> Receipt:
        """Post it. ``text`` is the notification and the fall-back of the blocks."""
        text = delivery.message.body[:MAX_TEXT]
        metadata = {"event_type": "bcp_message", "event_payload": {"key": delivery.key}}
        blocks = [
            {"type": "section", "text": {"type": "mrkdwn", "text": text[i : i + 2900]}}
            for i in range(0, len(text), 2900)
        ]
        answer = await self._call(
            "chat_postMessage",
            channel=self.settings.channel,
            text=text,
            blocks=blocks,
            metadata=metadata,
            unfurl_links=False,
        )
        return Receipt(str(answer["ts"]))

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Look through the channel since the claim for our key."""
        try:
            answer = await self._call(
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
        for message in answer.get("messages") or ():
            if ((message.get("metadata") or {}).get("event_payload") or {}).get("key") == delivery.key:
                return Receipt(str(message["ts"]), "found")
        return None

    async def check(self) -> list[Check]:
        """``auth.test``: token and reachability."""
        try:
            answer = await self._call("auth_test")
        except (Permanent, NotSent, RateLimited, InDoubt) as error:
            return [Check(self.name, "fail", f"Slack: {error.message}", error.hint or "Check the token.")]
        return [Check(self.name, "ok", f"Slack workspace {answer.get('team')} as {answer.get('user')}")]

    async def _call(self, method: str, **arguments: Any) -> Any:
        import aiohttp  # noqa: PLC0415
        from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415

        try:
            return await getattr(self._open(), method)(**arguments)
        except SlackApiError as error:
            raise _translate(error) from error
        except aiohttp.ClientConnectorError as error:
            raise NotSent("Slack cannot be reached", hint="Nothing was sent.") from error
        except (TimeoutError, aiohttp.ClientError, SlackClientError) as error:
            raise InDoubt(f"no usable answer from Slack ({type(error).__name__})") from error

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
        self._client = self._session = None


def create(name: str, settings: SlackSettings) -> Slack:
    """The channel of these settings."""
    return Slack(name, settings)


def _translate(error: Any) -> Permanent | RateLimited | InDoubt:
    status = getattr(error.response, "status_code", 0)
    name = error.response.get("error", "") if isinstance(getattr(error.response, "data", None), dict) else ""
    if status == 429 or name == "ratelimited":
        wait = (error.response.headers or {}).get("Retry-After")
        return RateLimited(
            "Slack asks to slow down", retry_after_s=float(str(wait)) if str(wait or "").isdigit() else None
        )
    if status >= 500 or name in {"internal_error", "fatal_error", "request_timeout", "service_unavailable"}:
        return InDoubt(f"Slack answers {name or status}")
    hints = {
        "not_in_channel": "Invite the bot to the channel.",
        "channel_not_found": "Use the channel's id, and invite the bot.",
        "invalid_auth": "Check the token.",
        "token_revoked": "Make a new token.",
        "missing_scope": "Give the bot the scope.",
        "is_archived": "Choose another channel.",
    }
    return Permanent(
        f"Slack refuses it: {name or status}", hint=hints.get(name, "See Slack's list of errors for this method.")
    )
