"""Slack's Socket Mode on loopback: one call that gives a URL, one web socket that gives envelopes."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import WSMsgType, web

from bcp.testing.command import free_port


class SlackSocket:
    """Slack's Socket Mode: one call that gives a URL,
    one web socket that gives envelopes and takes acknowledgements."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.acknowledged: list[str] = []
        self.said: list[dict[str, Any]] = []

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/api/apps.connections.open", self._open)
        app.router.add_get("/socket", self._socket)
        app.router.add_post("/respond", self._respond)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self.runner.setup()
        self.port = free_port()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.url = f"http://127.0.0.1:{self.port}"

    async def _open(self, request: web.Request) -> web.Response:
        ok = request.headers.get("Authorization") == "Bearer xapp-lab"
        return web.json_response(
            {"ok": ok, "url": f"ws://127.0.0.1:{self.port}/socket"} if ok else {"ok": False, "error": "invalid_auth"}
        )

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        made = web.WebSocketResponse()
        await made.prepare(request)
        self.sockets.append(made)
        await made.send_json(
            {"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}, "debug_info": {"host": "lab"}}
        )
        async for message in made:
            if message.type == WSMsgType.TEXT and "envelope_id" in message.data:
                self.acknowledged.append(json.loads(message.data)["envelope_id"])
        return made

    async def _respond(self, request: web.Request) -> web.Response:
        self.said.append(await request.json())
        return web.Response(text="ok")

    async def press(self, user: str, value: str) -> None:
        """Somebody presses a button."""
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "response_url": f"{self.url}/respond",
            "actions": [{"action_id": "bcp-answer-0", "value": value, "type": "button"}],
        }
        await self.sockets[-1].send_json(
            {
                "type": "interactive",
                "envelope_id": f"e{time.time()}",
                "accepts_response_payload": False,
                "payload": payload,
            }
        )

    async def stop(self) -> None:
        """Listen no more."""
        await self.runner.cleanup()
