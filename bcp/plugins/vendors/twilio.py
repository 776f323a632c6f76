"""Twilio's own client over a transport of ours: one request is one request, with a deadline,
and three typed outcomes."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, urlencode

from bcp.contracts.channel import Check, NotSent, RateLimited
from bcp.kernel.errors import BcpError, InDoubt, Permanent
from bcp.kernel.secret import Secret
from bcp.kit.body import read_whole
from bcp.kit.dates import Asked


class Twilio:
    """The client of one account, made when it is first used, for one event loop."""

    def __init__(
        self, account_sid: Secret, auth_token: Secret, *, api_url: str, timeout_s: float, connections: int
    ) -> None:
        self._who, self._api_url = (account_sid, auth_token), api_url
        self._timeout_s, self._connections = timeout_s, connections
        self._client: Any = None
        self._transport: Any = None

    def open(self) -> Any:
        """``twilio.rest.Client``."""
        if self._client is None:
            from twilio.rest import Client  # 0.2 s of import, only when something is sent

            sid, token = self._who
            self._transport = transport(self._timeout_s, self._connections)
            self._client = Client(sid.reveal(), token.reveal(), http_client=self._transport)
            if self._api_url:
                self._client.api.base_url = self._api_url.rstrip("/")
        return self._client

    async def close(self) -> None:
        """Close the pool."""
        if self._transport is not None:
            await self._transport.close()
        self._client = self._transport = None


async def check_account(twilio: Twilio, name: str, sid: str, number: str | None, needs: str) -> list[Check]:
    """What Twilio's API can tell before the day: the account, whether it is a trial,
    and whether the number can do this."""
    try:
        account = await twilio.open().api.accounts(sid).fetch_async()
    except Exception as error:  # doctor reports whatever is wrong
        text = getattr(error, "message", None) or getattr(error, "msg", error)
        return [Check(name, "fail", f"Twilio: {text}", getattr(error, "hint", "") or "Check the credentials.")]
    active = str(account.status) == "active"
    out = [
        Check(
            name,
            "ok" if active else "fail",
            f"Twilio account is {account.status}",
            "" if active else "See the Twilio console.",
        )
    ]
    if str(account.type or "").lower() == "trial":
        out.append(
            Check(
                name,
                "warn",
                "it is a trial account: only verified numbers are reached",
                "Upgrade it before you need it.",
            )
        )
    out += await _balance(twilio, name, sid)
    if not number or number.startswith("+1500555"):  # Twilio's magic numbers belong to nobody
        return out
    try:
        found = await twilio.open().incoming_phone_numbers.list_async(phone_number=number, limit=1)
    except Exception:  # the number is a detail; the account was reached
        return [
            *out,
            Check(name, "warn", f"whether {number} may be used cannot be asked", "Look into the Twilio console."),
        ]
    if not found:
        return [*out, Check(name, "fail", f"{number} is not a number of this account", "Check from: in bcp.yaml.")]
    able = bool((found[0].capabilities or {}).get(needs))
    return [
        *out,
        Check(
            name,
            "ok" if able else "fail",
            f"{number} {'can' if able else 'cannot'} {needs}",
            "" if able else "Use another number.",
        ),
    ]


async def _balance(twilio: Twilio, name: str, sid: str) -> list[Check]:
    """A balance that is used up. A sub-account has none, and a key may not be allowed to ask: then nothing is said."""
    try:
        found = await twilio.open().api.accounts(sid).balance.fetch_async()
        left = float(found.balance)
    except Exception:
        return []
    if left > 0:
        return []
    text = f"the balance of this Twilio account is {found.balance} {found.currency}: it may send nothing any more"
    return [Check(name, "warn", text, "Pay in, or let Twilio charge you by itself (auto-recharge).")]


_text = lru_cache(maxsize=64)(quote_plus)


def _quoted(value: str) -> str:
    """The texts of a send are the same for all: quoted once. Numbers are each another one, and simple."""
    if value[:1] == "+" and value.isascii() and value[1:].isdigit():
        return f"%2B{value[1:]}"
    return _text(value)


MAX_BYTES = 8_000_000
"""Longest answer that is read."""
FORM = "application/x-www-form-urlencoded"


def form(data: Any) -> bytes | None:
    """A form's body (application/x-www-form-urlencoded)."""
    if not data:
        return None
    if not isinstance(data, Mapping):
        return urlencode(data, doseq=True).encode()
    parts = []
    for name, value in data.items():
        if isinstance(value, (list, tuple, bytes)):
            return urlencode(data, doseq=True).encode()
        parts.append(f"{_text(str(name))}={_quoted(str(value))}")
    return "&".join(parts).encode()


def _headers(given: tuple[tuple[str, str], ...], auth: tuple[str, str] | None, body: bool) -> Any:
    """The same for every message of a send: made once."""
    from multidict import CIMultiDict

    out = CIMultiDict(given)
    if auth is not None:
        out["Authorization"] = f"Basic {b64encode(':'.join(auth).encode()).decode()}"
    if body:
        out["Content-Type"] = FORM
    return out


def _no_answer(error: Exception, timeout_s: float) -> BcpError:
    """What a request without an answer means: not sent, where there was no connection; else nobody knows."""
    import aiohttp

    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return NotSent("Twilio cannot be reached", hint="Nothing was sent.")
    if isinstance(error, TimeoutError):
        return InDoubt(f"Twilio did not answer in {timeout_s:g} s")
    return InDoubt(f"the connection to Twilio broke ({type(error).__name__})")


def _check(status: int, headers: Mapping[str, str], size: int) -> None:
    """Raises ``RateLimited`` (429: not taken) or ``InDoubt`` (5xx, or a body of more than ``MAX_BYTES`` bytes)."""
    from bcp.kit.http import retry_after

    if size > MAX_BYTES:
        raise InDoubt(f"Twilio answers more than {MAX_BYTES} bytes")
    if status == 429:
        seconds = retry_after({k.lower(): v for k, v in headers.items()})
        raise RateLimited("Twilio asks to slow down", retry_after_s=seconds)
    if status >= 500:
        raise InDoubt(f"Twilio answers {status}")


def transport(timeout_s: float, connections: int) -> Any:
    """A transport for twilio's client: one request is one request, with a deadline, and three typed outcomes."""
    import aiohttp
    from twilio.http import AsyncHttpClient
    from twilio.http.response import Response
    from yarl import URL

    class SafeTransport(AsyncHttpClient):  # type: ignore[misc]
        """429: not taken. No connection: not sent. 5xx, time-out, broken answer: nobody knows."""

        def __init__(self) -> None:
            super().__init__(None, True, timeout_s)
            self._session: aiohttp.ClientSession | None = None
            self._url = lru_cache(maxsize=64)(URL)
            self._headers = lru_cache(maxsize=64)(_headers)

        def _open(self) -> aiohttp.ClientSession:
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=connections),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeout_s * 0.8),  # the whole: below
                )
            return self._session

        async def request(
            self,
            method: str,
            url: str,
            params: Any = None,
            data: Any = None,
            headers: Any = None,
            auth: Any = None,
            timeout: Any = None,
            allow_redirects: bool = False,
        ) -> Any:
            body = form(data)
            known, asked = self._headers(tuple((headers or {}).items()), auth, bool(body)), Asked(url)
            try:
                async with asyncio.timeout(timeout_s):
                    async with self._open().request(
                        method, self._url(url), params=params or None, data=body, headers=known, allow_redirects=False
                    ) as answer:
                        asked.answered(answer.headers)
                        raw = await read_whole(answer.content, MAX_BYTES + 1)
                        text = raw.decode("utf-8", "replace")
                        status, found = answer.status, answer.headers
            except (TimeoutError, aiohttp.ClientError) as error:
                raise _no_answer(error, timeout_s) from error
            _check(status, found, len(raw))
            return Response(status, text, found)

        async def close(self) -> None:
            if self._session is not None:
                await self._session.close()
                self._session = None

    return SafeTransport()


def translate(error: Any) -> BcpError:
    """Twilio's error codes, by what to do about them.
    Codes get split over time: an unknown one means *use another channel*."""
    code, text = getattr(error, "code", None), getattr(error, "msg", None) or str(error)
    code = code if isinstance(code, int) else None
    advice = {
        21610: ("the person has opted out", "Only they can opt in again, by texting START."),
        21211: ("this is not a phone number", "Correct the contact."),
        21214: ("this number cannot be reached", "Correct the contact."),
        21614: ("this is not a mobile number", "Correct the contact, or call."),
        21408: ("texting to this country is not enabled", "Enable it in Twilio's geographic permissions."),
        21606: ("the sender cannot text", "Check from: in bcp.yaml."),
        21611: ("the sender's queue is full", "Wait, or use another sender."),
        20003: ("Twilio rejects the credentials", "Check account_sid and auth_token."),
    }
    if code == 20429:
        return RateLimited("Twilio asks to slow down")
    what, hint = advice.get(code, (f"Twilio refuses it: {text}", "Use another channel."))  # type: ignore[arg-type]
    return Permanent(f"{what} ({code})" if code else what, hint=hint)
