"""HTTP for looking, not for doing: bounded in time and in bytes, compressed bodies left alone,
redirects not followed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.kit.body import read_whole


@dataclass(frozen=True, slots=True)
class Page:
    """What came. ``problem`` is empty when an HTTP answer came: refused, unresolved, timeout, tls, closed, not-http."""

    status: int = 0
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""
    detail: str = ""


async def fetch(
    url: str,
    *,
    method: str = "GET",
    data: Mapping[str, str] | None = None,
    raw: bytes = b"",
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
    cap: int = 65_536,
    verify: bool = True,
    ca_file: Path | None = None,
    addresses: Sequence[str] = (),
) -> Page:
    """One request on a connection of its own. Never raises for what the other side does.

    ``ca_file``: certificates of a private authority, beside the system's. ``addresses``: where the host is, when it was
    looked up already; else the machine's own resolver is asked.
    ``Accept-Encoding: identity``, and nothing is ever unpacked: a gzip bomb stays as small as it came. At most ``cap``
    bytes of the body are read.
    """
    import aiohttp  # 0.15 s of import

    loop = asyncio.get_running_loop()
    start = loop.time()

    try:
        async with asyncio.timeout(timeout_s):
            connector = aiohttp.TCPConnector(
                force_close=True,
                ssl=_trust(ca_file) if verify and ca_file else bool(verify),
                resolver=_known(addresses) if addresses else None,
            )
            async with aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=16_384,
                max_field_size=16_384,
            ) as session:
                async with session.request(
                    method,
                    url,
                    data=dict(data) if data else (raw or None),
                    headers={"Accept-Encoding": "identity", "User-Agent": "bcp-probe", **(headers or {})},
                    allow_redirects=False,
                ) as answer:
                    body = await read_whole(answer.content, cap)
                    charset = answer.charset or "utf-8"
                    return Page(
                        answer.status,
                        _decode(body, charset),
                        {k.lower(): v for k, v in answer.headers.items()},
                        loop.time() - start,
                    )
    except (TimeoutError, _NoTrust, ConnectionError, aiohttp.ClientError, ValueError, LookupError) as error:
        problem = _problem(error)
        detail = "" if problem == "timeout" else _say(error)
        return Page(seconds=loop.time() - start, problem=problem, detail=detail)


def _problem(error: Exception) -> str:
    """What ``Page.problem`` calls a request that got no answer in HTTP."""
    import aiohttp

    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, (_NoTrust, aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
        return "tls"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "unresolved"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "refused" if isinstance(error.os_error, ConnectionRefusedError) else "unreachable"
    closed = (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, ConnectionError)
    return "closed" if isinstance(error, closed) else "not-http"


class _NoTrust(Exception):  # never leaves this module
    """The file of certificates cannot be used."""


def _trust(ca_file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise _NoTrust(f"the certificates in {ca_file} cannot be read: {error.strerror or error}") from error
    return context


def _known(addresses: Sequence[str]) -> Any:
    """A resolver for one host whose addresses are known."""
    from aiohttp.abc import AbstractResolver, ResolveResult

    class Known(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            return [
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=port,
                    family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
                for address in addresses
            ]

        async def close(self) -> None:
            """Nothing is open."""

    return Known()


def _decode(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _say(error: BaseException) -> str:
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or cause or type(cause).__name__)[
        :200
    ]
