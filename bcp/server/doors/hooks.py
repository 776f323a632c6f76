"""``POST /hooks/NAME``: who are you, what do you say, is it on disk; then the answer, in well under a second.

401 no proof · 413 too large · 415 not JSON · 422 another shape · 429 no proof, from where too many came without one ·
503 not durable · 202 taken. A right proof is taken from everywhere: whoever shares the monitoring's address (a proxy, a
NAT) can make its wrong proofs be turned away, never its right ones.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bcp import registry
from bcp.contracts.hook import Alert, Hook, HookPlugin, Received, Unauthentic
from bcp.incident.model import Taken
from bcp.kernel.errors import BcpError, Invalid, StorageError
from bcp.kernel.json_in import loads
from bcp.kernel.log import logger
from bcp.kit.hook_auth import by_head, verify
from bcp.playbook.expr import ExpressionError, condition
from bcp.server.daemon import Daemon
from bcp.server.doors.body import read_or_refuse
from bcp.server.doors.guard import Throttle, headers_of, peer_of

LOG = logger(__name__)
JSON = ("application/json", "text/json")
FORM = "application/x-www-form-urlencoded"
GZIP = b"\x1f\x8b"
"""The first bytes of what is compressed (RFC 1952): no sender that is known does so unless told to."""


class Hooks:
    """All configured senders."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.hooks: dict[str, Hook[Any]] = {}
        self.throttle = Throttle(60, 60.0)
        self.counts: dict[tuple[str, int], int] = {}
        self.reload()

    def reload(self) -> None:
        """Take over the configuration."""
        fresh = {}
        for name, settings in self.daemon.app.configuration.plugins["triggers"].items():
            hook: Hook[Any] = registry.made(registry.find(HookPlugin, settings.kind).create, name, settings)
            hook.key_store = self.daemon.state / "keys"
            fresh[name] = hook
        self.hooks = fresh

    async def __call__(self, request: Request) -> Response:
        """One request."""
        source = str(request.path_params["source"])
        answer = await self._answer(request, source)
        key = (source if source in self.hooks else "unknown", answer.status_code)
        self.counts[key] = self.counts.get(key, 0) + 1
        return answer

    async def _answer(self, request: Request, source: str) -> Response:
        peer = peer_of(request, self.daemon.settings.proxies)
        hook = self.hooks.get(source)
        if hook is None:
            return self._wrong(peer, source, _no(404, "there is no such hook"))
        head = Received(
            b"",
            headers_of(request),
            time.time(),  # noqa: TID251 - signatures age in real time
            request.client.host if request.client else "",
            str(request.path_params.get("token") or ""),
        )
        unproven = _no(401, "the sender did not prove who it is", {"WWW-Authenticate": "Bearer"})
        try:
            if self.throttle.closed(peer) and not hook.settings.auth.hmac and not await by_head(hook, head):
                return self._wrong(peer, source, unproven)  # its body proves nothing, and is not read
            raw = await read_or_refuse(request, self.daemon.settings.max_body)
            if isinstance(raw, Response):
                return raw
            received = replace(head, raw=raw)
            await verify(hook, received)
        except Unauthentic:
            return self._wrong(peer, source, unproven)
        except BcpError as error:  # our own secret cannot be read
            LOG.error("hook %s: %s", source, error.message)
            return _no(503, "this hook cannot check credentials now", {"Retry-After": "30"})
        return await self._take(hook, received)

    def _wrong(self, peer: str, source: str, answer: Response) -> Response:
        """The answer to whoever proved nothing: once too many came from this address it is 429, and no more is
        logged."""
        if self.throttle.refuses(peer):
            return _no(429, "too many requests without a valid credential", {"Retry-After": "60"})
        LOG.warning("hook %s: no valid credential", source[:60], extra={"facts": {"peer": peer}})
        return answer

    async def _take(self, hook: Hook[Any], received: Received) -> Response:
        kind = received.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        form = hook.forms and kind == FORM
        if not form and kind not in JSON and not kind.endswith("+json"):
            return _no(415, f"send application/json, not {kind[:60]}")
        if received.raw[:2] == GZIP:
            return _no(415, "the body is compressed, which is not read", hint="Switch the sender's compression off.")
        try:
            body = _fields(received.raw) if form else loads(received.raw)
        except (ValueError, Invalid):
            return _no(422, f"the body is no {'form' if form else 'JSON'}")
        try:
            alerts = [a for a in hook.alerts(body, received) if self._wanted(hook, a)]
        except Invalid as error:
            return _no(422, error.message, hint=error.hint)
        except (TypeError, ValueError, AttributeError, KeyError, RecursionError):
            LOG.warning("hook %s: a body of an unknown shape", hook.name, exc_info=True)
            return _no(422, "the body has another shape than this kind of sender's")
        s = hook.settings
        try:
            taken = await self.daemon.take(hook.name, alerts, s.mode, s.playbook) if alerts else Taken("", ignored=1)
        except StorageError as error:
            LOG.error("hook %s: %s", hook.name, error.message)
            return _no(503, "it cannot be written down now; try again", {"Retry-After": "10"})
        return JSONResponse(
            {
                "incident": taken.incident or None,
                "new": taken.new,
                "repeated": taken.repeated,
                "ignored": taken.ignored,
                "opened": taken.opened,
                "resolved": taken.resolved,
            },
            202,
        )

    def _wanted(self, hook: Hook[Any], alert: Alert) -> bool:
        """Is the hook's condition true for it? A condition that cannot be evaluated (a missing label) is not."""
        if not hook.settings.when:
            return True
        try:
            return condition(
                hook.settings.when, {"labels": dict(alert.labels), "title": alert.title, "firing": alert.firing}
            )
        except ExpressionError:
            return False


def _fields(raw: bytes) -> dict[str, str]:
    """A form's fields. Raises ``ValueError``: no form, or too many."""
    return dict(parse_qsl(raw.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=100))


def _no(status: int, text: str, headers: dict[str, str] | None = None, *, hint: str = "") -> Response:
    return JSONResponse({"error": text} | ({"hint": hint} if hint else {}), status, headers=headers)
