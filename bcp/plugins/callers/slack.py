"""``slack``: buttons in Slack, over a connection that we open (Socket Mode) or by Slack's requests to us."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlsplit

from bcp.contracts.caller import (
    Call,
    Caller,
    CallerPlugin,
    CallerSettings,
    Hear,
    Pressed,
    Reply,
    Said,
    Unauthentic,
)
from bcp.kernel.errors import Invalid, Missing
from bcp.kernel.json_in import loads
from bcp.kernel.log import logger
from bcp.kernel.secret import Secret
from bcp.kernel.text import sound
from bcp.kit.hook_auth import fresh

LOG = logger(__name__)
WINDOW_S = 300.0
"""How old a signed time may be (api.slack.com, verifying requests)."""


class SlackCallsSettings(CallerSettings):
    """Buttons in Slack."""

    kind: Literal["slack"] = "slack"
    """Which plug-in."""
    app_token: Secret | None = None
    """App-level token (xapp-..., scope connections:write) for Socket Mode: no public address is needed."""
    signing_secret: Secret | None = None
    """Signing secret, for requests to /slack/interactive instead."""
    api_url: str = ""
    """Another base URL, for tests."""


class SlackCalls(Caller[SlackCallsSettings]):
    """`v0=` HMAC-SHA256 over `v0:time:body` (api.slack.com, verifying requests)."""

    kind = "slack"
    Settings = SlackCallsSettings
    example: ClassVar[str] = """Your app > Socket Mode: on (app_token), or
Your app > Interactivity: Request URL {url}/interactive (signing_secret)"""

    def takes_calls(self) -> bool:
        """With the secret that Slack signs with."""
        return self.settings.signing_secret is not None

    def listens(self) -> bool:
        """With a token for Socket Mode."""
        return self.settings.app_token is not None

    async def prove(self, call: Call) -> None:
        """Signed, and not long ago."""
        secret = self.settings.signing_secret
        moment, given = (call.headers.get(f"x-slack-{n}", "") for n in ("request-timestamp", "signature"))
        key = secret.reveal().encode() if secret is not None else b""
        right = hmac.new(key, b"v0:" + moment.encode() + b":" + call.raw, hashlib.sha256).hexdigest()
        same = hmac.compare_digest(f"v0={right}".encode(), given.encode())
        if secret is None or not same or not fresh(moment, call.at, WINDOW_S):
            raise Unauthentic("not signed by Slack")

    def heard(self, call: Call) -> Said:
        """A button, or something that is none of ours."""
        if call.path != "interactive":
            raise Missing(f"Slack has nothing to say at {call.path[:60]!r}", rule="no-such-path")
        try:
            payload = loads(dict(parse_qsl(call.raw.decode()))["payload"])
        except (ValueError, KeyError, UnicodeDecodeError) as error:
            raise Invalid("the body has no payload") from error
        return _button(payload)

    def reply(self, said: Said, words: str) -> Reply:
        """Shown to the one who pressed."""
        return Reply(json.dumps({"text": words}), "application/json")

    async def listen(self, hear: Hear) -> None:
        """The library reconnects by itself; every envelope is acknowledged before it is acted on."""
        from slack_sdk.socket_mode.aiohttp import SocketModeClient
        from slack_sdk.socket_mode.request import SocketModeRequest
        from slack_sdk.socket_mode.response import SocketModeResponse
        from slack_sdk.web.async_client import AsyncWebClient

        token, api_url = self.settings.app_token, self.settings.api_url
        base = {"base_url": api_url.rstrip("/") + "/api/"} if api_url else {}
        client = SocketModeClient(app_token=token.reveal() if token else "", web_client=AsyncWebClient(**base))

        async def heard(socket: Any, request: SocketModeRequest) -> None:
            await socket.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
            if request.type == "interactive":
                words = await hear(_button(request.payload))
                url = request.payload.get("response_url") if isinstance(request.payload, dict) else ""
                await _say(str(url or ""), words, api_url)

        client.socket_mode_request_listeners.append(heard)
        await client.connect()
        try:
            await asyncio.Event().wait()
        finally:
            await client.close()


def _button(payload: Any) -> Pressed:
    """Who pressed which; two empty texts where it is no button."""
    try:
        if payload["type"] == "block_actions":
            return Pressed(sound(str(payload["user"]["id"])), sound(str(payload["actions"][0]["value"])))
    except (KeyError, IndexError, TypeError):
        pass
    return Pressed("", "")


def of_slack(url: str, api_url: str = "") -> bool:
    """Does this address lead to Slack (or to what stands for it), whatever else it holds?"""
    known = {("https", "hooks.slack.com", 443)} | ({_place(api_url)} if api_url else set())
    return _place(url) in known


def _place(url: str) -> tuple[str, str, int]:
    """Scheme, host and port; three nothings for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "", "", 0
    return parts.scheme, parts.hostname or "", port


async def _say(url: str, text: str, api_url: str) -> None:
    """Tell the one who pressed, only them. The URL came in a payload: it must be Slack's own."""
    import aiohttp

    if not url:
        return
    if not of_slack(url, api_url):
        LOG.warning("a response URL that is not Slack's was not called")
        return
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            body: Mapping[str, Any] = {"text": text, "response_type": "ephemeral", "replace_original": False}
            async with session.post(url, json=body, allow_redirects=False):
                return
    except (aiohttp.ClientError, TimeoutError) as error:
        LOG.info("the one who pressed could not be told: %s", error)


PLUGIN = CallerPlugin(api=1, settings=SlackCallsSettings, make=SlackCalls)
