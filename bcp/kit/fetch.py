"""HTTP for looking, not for doing: bounded in time and in bytes, compressed bodies left alone, redirects not followed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

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
) -> Page:
    """One request on a connection of its own. Never raises for what the other side does.

    ``Accept-Encoding: identity``, and nothing is ever unpacked: a gzip bomb stays as small as it came. At most ``cap``
    bytes of the body are read.
    """
    import aiohttp  # noqa: PLC0415 - 0.15 s of import

    loop = asyncio.get_running_loop()
    start = loop.time()

    def gone(problem: str, error: BaseException | None = None) -> Page:
        return Page(seconds=loop.time() - start, problem=problem, detail=_say(error))

    try:
        async with asyncio.timeout(timeout_s):
            connector = aiohttp.TCPConnector(force_close=True, ssl=bool(verify))
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
    except TimeoutError:
        return gone("timeout")
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
        return gone("tls", error)
    except aiohttp.ClientConnectorDNSError as error:
        return gone("unresolved", error)
    except aiohttp.ClientConnectorError as error:
        return gone("refused" if isinstance(error.os_error, ConnectionRefusedError) else "unreachable", error)
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, ConnectionError) as error:
        return gone("closed", error)
    except (aiohttp.ClientError, ValueError, LookupError) as error:
        return gone("not-http", error)


def _decode(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _say(error: BaseException | None) -> str:
    if error is None:
        return ""
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or cause or type(cause).__name__)[
        :200
    ]
