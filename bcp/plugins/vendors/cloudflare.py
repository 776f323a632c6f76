"""Cloudflare's API, version 4, by plain HTTP: every answer is one of a few typed outcomes.

Source: https://developers.cloudflare.com/api/resources/dns/ . Nothing is sent twice: aiohttp repeats neither POST nor
PATCH, and a GET changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from bcp.kernel.errors import InDoubt, Invalid, Permanent, Transient
from bcp.kernel.json_in import loads, whole_number
from bcp.kernel.secret import Secret
from bcp.kit.http import Http, Reply, retry_after

API = "https://api.cloudflare.com/client/v4"
CAP = 4_000_000
"""Bytes of one answer: a page of 100 records is far smaller."""


class End(StrEnum):
    """How one call ended."""

    GOOD = "good"
    REFUSED = "refused"
    """Cloudflare said no: ``code`` and ``message``."""
    CREDENTIAL = "credential"
    """The token is not known, has ended, or may not do this."""
    THROTTLED = "throttled"
    NOT_SENT = "not-sent"
    LOST = "lost"
    """No answer that could be used: it may have been done."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one call. ``result`` is untrusted: whoever uses it checks its shape."""

    end: End
    result: Any = None
    pages: int = 1
    code: int = 0
    message: str = ""
    hint: str = ""
    wait_s: float = 0.0

    @property
    def good(self) -> bool:
        """Did it do what was asked?"""
        return self.end is End.GOOD


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
        """Read."""
        return await self._call("GET", path, params=params)

    async def post(self, path: str, body: Mapping[str, Any]) -> Told:
        """Write, once."""
        return await self._call("POST", path, body=body)

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Told:
        import json

        await self._pace.turn()
        try:
            reply = await self._http.request(
                method,
                self._base + path,
                headers={"Authorization": f"Bearer {self._bearer()}", "Content-Type": "application/json"},
                data=None if body is None else json.dumps(body),
                params=params,
                timeout_s=self._timeout_s,
                cap=CAP,
                fresh=method != "GET",
            )
        except Transient as error:
            return Told(End.NOT_SENT, message=error.message, hint=error.hint)
        except InDoubt as error:
            return Told(End.LOST, message=error.message, hint=error.hint)
        return told(reply)

    def _bearer(self) -> str:
        """The token. Raises ``Permanent`` where it cannot be one."""
        value = self._token.reveal().strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            hint = f"Check {self._token.reference}: the token alone, without quotes."
            raise Permanent("the Cloudflare token is empty or holds characters that no token has", hint=hint)
        return value

    async def close(self) -> None:
        """Let connections go."""
        await self._http.close()


def told(reply: Reply) -> Told:
    """What an HTTP answer means. Pure."""
    if reply.status == 429:
        wait = retry_after(reply.headers)
        return Told(End.THROTTLED, message="Cloudflare asks us to slow down", wait_s=wait if wait is not None else 5.0)
    try:
        body = None if reply.cut else loads(reply.body)
    except Invalid:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("success"), bool):
        text = f"what answers ({reply.status}) is not Cloudflare's API"
        return Told(End.LOST, message=text, hint="Is a proxy or a log-in page in between? Check api_url.")
    code, message = _error(body)
    if body["success"] and 200 <= reply.status < 300:
        return Told(End.GOOD, body.get("result"), _pages(body.get("result_info")))
    if reply.status in {401, 403} or code in {9109, 10000, 6003, 1000}:
        hint = "Make a token with Zone: DNS: Edit for this zone (dash.cloudflare.com/profile/api-tokens)."
        return Told(End.CREDENTIAL, code=code, message=f"Cloudflare refuses the token: {message}", hint=hint)
    if reply.status >= 500:
        return Told(End.LOST, code=code, message=f"Cloudflare failed ({reply.status}): {message}")
    return Told(End.REFUSED, code=code, message=message)


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
    return code or 0, str(message or "it says no, and not why")[:300]
