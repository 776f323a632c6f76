"""Slack's Socket Mode: buttons come over a connection that we open, so that nobody has to reach us from outside."""

from __future__ import annotations

import asyncio
from typing import Any

from bcp.kernel.log import logger
from bcp.server.daemon import Daemon
from bcp.server.doors.inbound import pressed

LOG = logger(__name__)


async def listen(daemon: Daemon) -> None:
    """Until cancelled. The library reconnects by itself; every envelope is acknowledged before it is acted on."""
    from slack_sdk.socket_mode.aiohttp import SocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest
    from slack_sdk.socket_mode.response import SocketModeResponse
    from slack_sdk.web.async_client import AsyncWebClient

    settings = daemon.settings.slack
    base = {"base_url": settings.api_url.rstrip("/") + "/api/"} if settings.api_url else {}
    client = SocketModeClient(app_token=settings.app_token.reveal(), web_client=AsyncWebClient(**base))

    async def heard(socket: Any, request: SocketModeRequest) -> None:
        await socket.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        if request.type != "interactive":
            return
        said = await pressed(daemon, request.payload)
        url = str(request.payload.get("response_url") or "")
        if url:
            await _say(url, said, settings.api_url)

    client.socket_mode_request_listeners.append(heard)
    await client.connect()
    try:
        await asyncio.Event().wait()
    finally:
        await client.close()


async def _say(url: str, text: str, api_url: str) -> None:
    """Tell the one who pressed, only them. The URL came in a payload: it must be Slack's own."""
    import aiohttp

    if not url.startswith(("https://hooks.slack.com/", *([api_url] if api_url else []))):
        LOG.warning("a response URL that is not Slack's was not called")
        return
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            body = {"text": text, "response_type": "ephemeral", "replace_original": False}
            async with session.post(url, json=body, allow_redirects=False):
                return
    except (aiohttp.ClientError, TimeoutError) as error:
        LOG.info("the one who pressed could not be told: %s", error)
