"""HTTP over aiohttp: one deadline, no hidden retry, capped bodies, and *not sent* told apart from *outcome unknown*."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bcp.kernel.errors import InDoubt, Invalid, Transient
from bcp.kit.body import read_whole
from bcp.kit.dates import Asked, seconds_of
from bcp.kit.wire_words import OPENED, UNTRUSTED, plain

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing: they may be sent again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers (lower-case names) and a capped body."""

    status: int
    headers: Mapping[str, str]
    body: str
    cut: bool = False
    """The body was longer than the limit: what stands here is its beginning."""
    raw: bytes = b""
    """The body as it came, for what is no text."""


class Http:
    """A shared connection pool for one event loop. Redirects are not followed: a redirect is an answer."""

    def __init__(self, *, connections: int = 100, ca_file: Path | None = None) -> None:
        self._connections, self._ca_file = connections, ca_file
        self._sessions: dict[tuple[bool, bool], Any] = {}

    def _open(self, fresh: bool, again: bool) -> Any:
        """``again``: what breaks off before an answer may be asked once more, as happens to connections that were
        kept."""
        key = (fresh, again)
        if key not in self._sessions:
            import aiohttp  # 0.15 s of import, only where HTTP is spoken

            connector = aiohttp.TCPConnector(
                limit=self._connections, limit_per_host=0, ssl=self._trust(), force_close=fresh
            )
            session = aiohttp.ClientSession(
                connector=connector, trust_env=False, auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar()
            )
            session._retry_connection = again  # it sends PUT and DELETE twice; aiohttp has no other way to be told
            self._sessions[key] = session
        return self._sessions[key]

    def _trust(self) -> ssl.SSLContext | bool:
        """The system's certificates, and those of a private authority where there is one.

        Raises ``Invalid``: its file cannot be read.
        """
        if self._ca_file is None:
            return True
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(self._ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise Invalid(f"the certificates in {self._ca_file} cannot be read: {error.strerror or error}") from error
        return context

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        timeout_s: float = 10.0,
        cap: int = 200_000,
        params: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> Reply:
        """One request.

        ``fresh``: over a connection of its own. One that was kept may have been closed by the other side since, and
        what is written to it then is lost without anybody knowing whether it was read: not for what must be sent once.

        Raises:
            Invalid: the URL is not http or https.
            Transient: it did not leave (no connection, no TLS). Safe to repeat.
            InDoubt: it left and no answer came. Not safe to repeat.
        """
        import aiohttp

        if not url.startswith(("http://", "https://")):
            raise Invalid(f"{url.split('?')[0][:80]!r} is not an http(s) URL", hint="Write https://...")
        session, asked = self._open(fresh, method.upper() in READS), Asked(url)
        try:
            async with asyncio.timeout(timeout_s):
                async with session.request(
                    method, url, headers=headers, data=data, params=params, allow_redirects=False
                ) as answer:
                    asked.answered(answer.headers)
                    raw = await read_whole(answer.content, cap + 1)
                    text = raw[:cap].decode(answer.charset or "utf-8", "replace") if raw else ""
                    told = {k.lower(): v for k, v in answer.headers.items()}
                    return Reply(answer.status, told, text, len(raw) > cap, raw[:cap])
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            why = _reason(error)
            hint = OPENED if UNTRUSTED in why else "Check the network and the address. Nothing was sent."
            raise Transient(f"{_origin(url)} cannot be reached: {why}", hint=hint) from error
        except TimeoutError as error:
            raise InDoubt(
                f"{_origin(url)} did not answer in {timeout_s:g} s", hint="It may have acted on the request."
            ) from error
        except (aiohttp.ClientError, LookupError, ValueError) as error:
            raise InDoubt(
                f"{_origin(url)} broke off: {_reason(error)}", hint="It may have acted on the request."
            ) from error

    async def close(self) -> None:
        """Close the pool."""
        while self._sessions:
            _, session = self._sessions.popitem()
            await session.close()


def _origin(url: str) -> str:
    """Scheme and host only: paths and queries may hold tokens."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.split('/')[0].split('?')[0].rpartition('@')[2]}"


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or error
    said = str(getattr(cause, "strerror", None) or type(cause).__name__)
    return plain(f"{said} {error}") or said


MAX_WAIT_S = 3_600.0
"""Whoever asks for a longer pause is asked again after this: a vendor's slip may not stop a message for ever."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds in a ``Retry-After`` header, between 0 and an hour; ``None``: there is none that can be read.

    It is a number or a date (RFC 9110 section 10.2.3). A date is counted from the ``Date`` of the same answer: the
    sender's clock, whatever ours says.
    """
    given = headers.get("retry-after", "")
    try:
        seconds = float(given)
    except ValueError:
        then, now = seconds_of(given), seconds_of(headers.get("date", ""))
        if then is None or now is None:
            return None
        seconds = then - now
    return min(max(0.0, seconds), MAX_WAIT_S) if seconds == seconds else None  # not a number is not equal to itself
