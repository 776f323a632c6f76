"""What stands before everything: security headers, an access log without secrets, limits on slow and many."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bcp.kernel.log import logger
from bcp.kernel.peers import address_of, crowd_of, within
from bcp.server.doors.connections import CONNECTIONS, RESERVED, GuardedProtocol, fit_descriptors

__all__ = ["CONNECTIONS", "RESERVED", "GuardedProtocol", "fit_descriptors"]
LOG = logger("bcp.access")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), "
    "publickey-credentials-create=(self)",
    "X-Frame-Options": "DENY",
}
"""On every answer. The status page, which holds its own style, brings its own policy."""
_SECRET_PATH = re.compile(r"^(/hooks/[^/]+/|/a/|/twilio/gather/|/callers/[^/]+/[^/]+/).+")
BODY_S = 15.0
"""For a whole body."""
HOPS = 20
"""Proxies one behind the other that are followed back."""


def shown(path: str) -> str:
    """A path without what proves something."""
    found = _SECRET_PATH.match(path)
    return f"{found[1]}********" if found else path[:300]


def peer_of(request: Request, proxies: Sequence[str]) -> str:
    """Who calls: the connection's address, or, behind proxies of ours, the last address that is none of them.

    A client may send X-Forwarded-For lines of its own: they stand before those of the proxies, on lines of their own or
    in one (RFC 7239 section 8.1 says the same of Forwarded). Only what our proxies wrote is believed, in whatever form
    (``198.51.100.7:4711``, ``[2001:db8::7]:443``, ``::ffff:198.51.100.7``). What is no address (``unknown``, ``unix:``)
    was written by a proxy that does not know who called: then it is the proxy, never what stands before it.
    """
    direct = request.client.host if request.client else ""
    caller = address_of(direct)
    if caller is None or not within(caller, proxies):
        return str(caller or direct)
    written = [p for line in request.headers.getlist("x-forwarded-for") for p in line.split(",")]
    for text in reversed(written[-HOPS:]):
        hop = address_of(text)
        if hop is None:
            break
        if not within(hop, proxies):
            return str(hop)
    return str(caller)


def headers_of(request: Request) -> dict[str, str]:
    """Headers by name in small letters. One that stands twice is both values (RFC 9110 section 5.3): whoever puts a
    second signature, token or word of a proxy beside the first has none that holds."""
    found: dict[str, str] = {}
    for name, value in request.headers.raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


class Throttle:
    """Counts what went wrong, by address (IPv6: by network); closed for an address with too much of it.
    Remembers a bounded number of addresses."""

    def __init__(self, most: int, seconds: float, *, addresses: int = 10_000) -> None:
        self.most, self.seconds, self.addresses = most, seconds, addresses
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def closed(self, peer: str) -> bool:
        """Did this address make too many mistakes lately (``most`` within ``seconds``)?"""
        peer = crowd_of(peer)
        if peer not in self._wrong:
            return False
        now = time.monotonic()  # noqa: TID251 - guesses are counted in real time
        times = [t for t in self._wrong[peer] if now - t < self.seconds]
        return len(times) >= self.most

    def refuses(self, peer: str) -> bool:
        """One more mistake of this address: is it one too many? Then it is not counted: the address opens again when
        those that closed it are old. Ask only once the proof was found wrong: a right one is never in the way."""
        if self.closed(peer):
            return True
        self.count(peer)
        return False

    def count(self, peer: str) -> None:
        """Count one more mistake of this address."""
        peer, now = crowd_of(peer), time.monotonic()  # noqa: TID251 - guesses are counted in real time
        times = [t for t in self._wrong.pop(peer, []) if now - t < self.seconds]
        self._wrong[peer] = [*times, now][-self.most :]
        while len(self._wrong) > self.addresses:
            self._wrong.popitem(last=False)


class Guard:
    """The outermost layer. ``limit``: bytes of a body that anybody may send."""

    def __init__(self, app: ASGIApp, *, secure: bool, limit: int = 2_000_000) -> None:
        self.app, self.secure, self.limit = app, secure, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 0  # noqa: TID251 - how long an answer took

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                self._add_headers(message, str(scope["path"]))
            await send(message)

        bounded = BoundedBody(receive, answer, self.limit)
        try:
            if not await bounded.refused_before(scope):
                await self.app(scope, bounded.receive, bounded.send)
        except Exception:
            if not bounded.closed:  # the app noticed that the body ended early; the answer is out already
                raise
        finally:
            if LOG.isEnabledFor(20):
                facts = {
                    "method": scope["method"],
                    "path": shown(scope["path"]),
                    "status": status,
                    "ms": round((time.monotonic() - began) * 1000, 1),  # noqa: TID251 - how long an answer took
                }
                LOG.info("%s %s %s", facts["method"], facts["path"], status, extra={"facts": facts})

    def _add_headers(self, message: Message, path: str) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if self.secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if not path.startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")


class BoundedBody:
    """A request's body, counted and timed as it comes, before anybody asks who sent it.

    Past the limit the answer is given here (413, 408) and the connection ends: the application is told that its client
    is gone, and what it says afterwards goes nowhere.
    """

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self.limit = receive, send, limit
        self._size, self._more, self._until = 0, True, 0.0
        self._answered = False
        self.closed = False

    async def refused_before(self, scope: Scope) -> bool:
        """Does the head already say that it is too much?"""
        declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"")
        if declared.isdigit() and int(declared[:20]) > self.limit:
            await self._refuse(413, f"the body is larger than {self.limit} bytes")
        return self.closed

    async def receive(self) -> Message:
        """The next part. After the body's end: whatever comes, however long it takes."""
        if self.closed:
            return {"type": "http.disconnect"}
        if not self._more:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        self._until = self._until or now + BODY_S
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            return await self._refuse(408, "the body came too slowly")
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._more = bool(message.get("more_body"))
            if self._size > self.limit:
                return await self._refuse(413, f"the body is larger than {self.limit} bytes")
        return message

    async def send(self, message: Message) -> None:
        """What the application answers, unless it is answered already."""
        if not self.closed:
            self._answered = True
            await self._send(message)

    async def _refuse(self, status: int, why: str) -> Message:
        self.closed = True
        if not self._answered:
            body = json.dumps({"error": why}).encode()
            headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
            await self._send({"type": "http.response.start", "status": status, "headers": headers})
            await self._send({"type": "http.response.body", "body": body})
        return {"type": "http.disconnect"}


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
