"""What stands before everything: security headers, an access log without secrets, limits on slow and many."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bcp.kernel.log import logger

LOG = logger("bcp.access")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "X-Frame-Options": "DENY",
}
"""On every answer. The status page, which holds its own style, brings its own policy."""
_SECRET_PATH = re.compile(r"^(/hooks/[^/]+/|/a/|/twilio/gather/).+")
HEAD_S, CONNECTIONS = 10.0, 2000


def shown(path: str) -> str:
    """A path without what proves something."""
    found = _SECRET_PATH.match(path)
    return f"{found[1]}********" if found else path[:300]


def peer_of(request: Request, proxies: Sequence[str]) -> str:
    """Who calls: the connection's address, or, behind a proxy of ours, the last address that it wrote down."""
    direct = request.client.host if request.client else ""
    if direct in proxies:
        given = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return given or direct
    return direct


class Throttle:
    """Counts what went wrong, by address; closed for an address with too much of it. Remembers a bounded number of addresses."""

    def __init__(self, most: int, seconds: float, *, addresses: int = 10_000) -> None:
        self.most, self.seconds, self.addresses = most, seconds, addresses
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def closed(self, peer: str) -> bool:
        """Too much lately?"""
        if peer not in self._wrong:
            return False
        now = time.monotonic()
        times = [t for t in self._wrong[peer] if now - t < self.seconds]
        return len(times) >= self.most

    def count(self, peer: str) -> None:
        """One more."""
        now = time.monotonic()
        times = [t for t in self._wrong.pop(peer, []) if now - t < self.seconds]
        self._wrong[peer] = [*times, now][-self.most :]
        while len(self._wrong) > self.addresses:
            self._wrong.popitem(last=False)


class Guard:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app, self.secure = app, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self.secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, answer)
        finally:
            if LOG.isEnabledFor(20):
                facts = {
                    "method": scope["method"],
                    "path": shown(scope["path"]),
                    "status": status,
                    "ms": round((time.monotonic() - began) * 1000, 1),
                }
                LOG.info("%s %s %s", facts["method"], facts["path"], status, extra={"facts": facts})


class HooksFirst:
    """Hooks are answered before anything else looks at them: in a storm every middleware counts."""

    def __init__(self, app: ASGIApp, hooks: Callable[[Request], Awaitable[Response]]) -> None:
        self.app, self.hooks = app, hooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/") if scope["type"] == "http" and scope["method"] == "POST" else []
        if len(parts) not in {3, 4} or parts[1] != "hooks":
            await self.app(scope, receive, send)
            return
        scope["path_params"] = {"source": parts[2], "token": parts[3] if len(parts) == 4 else ""}
        answer = await self.hooks(Request(scope, receive))
        await answer(scope, receive, send)


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections whose request line and headers do not come in time, and refuses more than so many at once."""

    alive = 0

    def connection_made(self, transport: Any) -> None:
        """A connection."""
        super().connection_made(transport)
        GuardedProtocol.alive += 1
        self._counted = True
        if GuardedProtocol.alive > CONNECTIONS:
            transport.close()
            return
        self._head = asyncio.get_running_loop().call_later(HEAD_S, self._slow)

    def on_headers_complete(self) -> None:
        """The head came."""
        self._head.cancel()
        super().on_headers_complete()

    def on_message_begin(self) -> None:
        """Another request on the same connection: it too must come in time."""
        self._head.cancel()
        self._head = asyncio.get_running_loop().call_later(HEAD_S, self._slow)
        super().on_message_begin()

    def _slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if getattr(self, "_counted", False):
            GuardedProtocol.alive -= 1
            self._counted = False
        if hasattr(self, "_head"):
            self._head.cancel()
        super().connection_lost(exc)
