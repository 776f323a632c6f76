"""Slack's Web API, as far as it is used: ``auth.test``, ``conversations.history``, ``chat.postMessage``."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from aiohttp import web

from bcp.lab.vendor_lab import VendorLab


class SlackLab(VendorLab):
    """Posts of one workspace."""

    async def _slack(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        data = await _slack_data(request)
        await self._note(request, data)
        if request.headers.get("Authorization") != f"Bearer {self.slack_token}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if method == "auth.test":
            return web.json_response(
                headers={"X-OAuth-Scopes": self.scopes} if self.scopes else None,
                data={
                    "ok": True,
                    "team": "Lab",
                    "user": "bcp",
                    "team_id": "T1",
                    "user_id": "U1",
                    "url": "https://lab.invalid/",
                },
            )
        if method == "conversations.history":
            oldest = float(data.get("oldest") or 0)
            return web.json_response(
                {
                    "ok": True,
                    "messages": [p for p in reversed(self.posts) if float(p["ts"]) >= oldest],
                    "has_more": False,
                }
            )
        if method != "chat.postMessage":
            self.complaints.append(f"slack: {method} is not emulated")
            return web.json_response({"ok": False, "error": "unknown_method"})
        return await self._post(data)

    async def _post(self, data: dict[str, Any]) -> web.Response:
        fault = self._fault("slack")
        if fault and fault.kind == "429":
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": fault.retry_after}
            )
        if not data.get("channel") or not data.get("text"):
            self.complaints.append("slack: channel and text are needed")
            return web.json_response({"ok": False, "error": "no_text"})
        post = {
            "type": "message",
            "ts": f"{time.time():.6f}",
            "text": data["text"],
            "channel": data["channel"],
            "metadata": data.get("metadata"),
            "blocks": data.get("blocks"),
        }
        self.posts.append(post)
        if fault and fault.kind == "503-after":
            return web.Response(status=503, text="upstream")
        if fault and fault.kind == "hang-after":
            await asyncio.sleep(3600)
        return web.json_response({"ok": True, "channel": data["channel"], "ts": post["ts"], "message": post})


async def _slack_data(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        return dict(await request.json())
    data: dict[str, Any] = {**request.query, **(dict(await request.post()) if request.method == "POST" else {})}
    for name in ("metadata", "blocks"):
        if isinstance(data.get(name), str):
            data[name] = json.loads(data[name])
    return data
