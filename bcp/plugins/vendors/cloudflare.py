"""Cloudflare's API, version 4, by plain HTTP: every answer is a result or a ``Fault``.

Source: https://developers.cloudflare.com/api/resources/dns/ . Nothing is sent twice: aiohttp repeats neither POST nor
PATCH, and a GET changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bcp.contracts.dns import SentState
from bcp.kernel.errors import InDoubt, Invalid, Transient
from bcp.kernel.json_in import loads, whole_number
from bcp.kernel.secret import Secret
from bcp.kit.http import Http, Reply, retry_after
from bcp.plugins.vendors.hosted import Fault, key_of, not_of

API = "https://api.cloudflare.com/client/v4"
CAP = 4_000_000
"""Bytes of one answer: a page of 100 records is far smaller."""
WAIT_S = 5.0
MOVED = frozenset({81044, 81057, 81058})
"""Codes for a record that is not there any more, and for one that is there already: somebody wrote since the read."""
ALIAS = frozenset({81053, 81054})
"""Codes for a record beside a CNAME."""
NO_ZONE = frozenset({7000, 7003})
"""Codes for an address that leads to nothing: the id of the zone in it is none."""
_LIFETIME = re.compile(r"not (?:yet )?valid\b|\bexpired\b|not[ _]before", re.IGNORECASE)
"""Words for a token whose time has not begun, or has ended."""
NO_TOKEN = frozenset({9109, 10000, 6003, 1000})
"""Codes for a token that is none, has ended, or may not do this."""


@dataclass(frozen=True, slots=True)
class Told:
    """A good answer. ``result`` is untrusted: whoever uses it checks its shape."""

    result: Any = None
    pages: int = 1
    counted: bool = True
    """Is it said how many pages there are? Else nobody knows whether this one is the last."""


class Pace(Protocol):
    """Says when one more call may be made."""

    async def turn(self) -> None: ...


class Cloudflare:
    """One token. Connections are opened when first needed."""

    def __init__(self, token: Secret, *, pace: Pace, api_url: str = "", timeout_s: float = 10.0) -> None:
        self._token, self._base, self._timeout_s = token, (api_url or API).rstrip("/"), timeout_s
        self._pace = pace
        self._http = Http(connections=8)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Told:
        """Read. Raises ``Fault``."""
        return await self._call("GET", path, params=params)

    async def post(self, path: str, body: Mapping[str, Any]) -> Told:
        """Write, once. Raises ``Fault``."""
        return await self._call("POST", path, body=body)

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Told:
        headers = {"Authorization": f"Bearer {self._bearer()}", "Content-Type": "application/json"}
        await self._pace.turn()
        try:
            reply = await self._http.request(
                method,
                self._base + path,
                headers=headers,
                data=None if body is None else json.dumps(body),
                params=params,
                timeout_s=self._timeout_s,
                cap=CAP,
                fresh=method != "GET",
            )
        except Transient as error:
            raise Fault(SentState.NOT_SENT, "unreachable", error.message, error.hint) from error
        except InDoubt as error:
            raise Fault(SentState.LOST, "silent", error.message) from error
        return told(reply)

    def _bearer(self) -> str:
        """The token. Raises ``Fault`` where it cannot be one."""
        return key_of(self._token, "the Cloudflare token")

    async def close(self) -> None:
        """Let connections go."""
        await self._http.close()


def told(reply: Reply) -> Told:
    """What a good answer holds. Raises ``Fault`` for every other. Pure."""
    if reply.status == 429:
        wait = retry_after(reply.headers)
        text = "Cloudflare asks us to slow down"
        raise Fault(SentState.THROTTLED, "throttled", text, wait_s=WAIT_S if wait is None else wait)
    try:
        body = None if reply.cut else loads(reply.body)
    except Invalid:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("success"), bool):
        raise not_cloudflare(reply.status)
    if body["success"] and 200 <= reply.status < 300:
        info = body.get("result_info")
        return Told(body.get("result"), _pages(info), isinstance(info, Mapping) and bool(info))
    raise _fault(reply.status, *_error(body))


def not_cloudflare(what: object) -> Fault:
    """An answer that is none of Cloudflare."""
    return not_of("Cloudflare's API", what, "api_url:.")


def _fault(status: int, code: int, message: str) -> Fault:
    """What an error answer means."""
    if status >= 500:  # whatever code it carries: it may have been done
        return Fault(SentState.LOST, "server", f"Cloudflare failed ({status}): {message}")
    if status in {401, 403} or code in NO_TOKEN:
        hint = "Make a token with Zone: DNS: Edit for this zone (dash.cloudflare.com/profile/api-tokens)."
        known = status == 401 or code == 1000
        if known or _LIFETIME.search(message):
            hint = f"See that its time has begun and not ended (its start and end are in the same place). {hint}"
        return Fault(
            SentState.REFUSED,
            "credential" if known else "permission",
            f"Cloudflare refuses the token: {message}",
            hint,
        )
    if code in MOVED:
        return Fault(SentState.STALE, "stale", message)
    if code in NO_ZONE:
        return Fault(SentState.REFUSED, "zone", f"Cloudflare knows no such zone: {message}", "Check zone_ids:.")
    if code in ALIAS:
        hint = "An MX cannot stand beside a CNAME (RFC 1034 section 3.6.2)."
        return Fault(SentState.REFUSED, "cname", message, hint)
    if "email routing" in message.lower():
        return Fault(SentState.REFUSED, "locked", message, "Turn Email Routing off for this zone: it owns the MX.")
    return Fault(SentState.REFUSED, "server", f"Cloudflare refuses: {message}" + (f" ({code})" if code else ""))


def _pages(info: Any) -> int:
    """How many pages a listing has, 1 at least; where only the rows are counted, it is found from them."""
    found = info if isinstance(info, dict) else {}
    pages, rows, size = (whole_number(found.get(k)) for k in ("total_pages", "total_count", "per_page"))
    if pages is None and rows is not None and size:
        pages = -(-rows // size)
    return max(1, pages or 1)


def _error(body: Mapping[str, Any]) -> tuple[int, str]:
    """Code and text of the first error; zero and a word where there is none."""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return 0, "it says no, and not why"
    code, message = whole_number(first.get("code")), first.get("message")
    return code or 0, " ".join(str(message or "it says no, and not why").split())[:300]
