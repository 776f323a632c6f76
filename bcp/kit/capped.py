"""An httpx client whose answers cannot grow: at most so many bytes, and nothing is unpacked."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache

import certifi
import httpx

from bcp.kit.dates import Asked

MAX_BYTES = 8_000_000
"""Nothing that we ask Graph for is longer."""


class _Stream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, limit: int) -> None:
        self.inner, self.limit = inner, limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self.inner:
            size += len(chunk)
            if size > self.limit:
                raise httpx.ReadError(f"the answer is longer than {self.limit} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self.inner.aclose()


class Capped(httpx.AsyncBaseTransport):
    """Asks for plain bodies, refuses packed ones (a bomb unpacks to a thousand times its size), and counts."""

    def __init__(self, inner: httpx.AsyncBaseTransport, limit: int = MAX_BYTES) -> None:
        self.inner, self.limit = inner, limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = "identity"
        asked = Asked(str(request.url))
        response = await self.inner.handle_async_request(request)
        asked.answered(response.headers)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        if response.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
            await response.stream.aclose()
            raise httpx.DecodingError("the answer is packed, although it was asked not to be", request=request)
        response.stream = _Stream(response.stream, self.limit)
        return response

    async def aclose(self) -> None:
        await self.inner.aclose()


def capped_client(timeout_s: float = 10.0) -> httpx.AsyncClient:
    """A client of one event loop, without proxies from the environment and without redirects."""
    transport = Capped(httpx.AsyncHTTPTransport(verify=_trust(), retries=0))
    return httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(timeout_s), follow_redirects=False)


def _trust() -> ssl.SSLContext:
    """As httpx has it by default. Reading 140 authorities costs a third of a short command's work: done once, and again
    when another file is named or the file has changed."""
    named = os.environ.get("SSL_CERT_FILE") or certifi.where()  # noqa: TID251 - the name is OpenSSL's own
    with contextlib.suppress(OSError):
        return _read(named, os.environ.get("SSL_CERT_DIR", ""), os.stat(named).st_mtime_ns)  # noqa: TID251
    return httpx.create_ssl_context()


@lru_cache(maxsize=2)
def _read(file: str, folder: str, changed: int) -> ssl.SSLContext:
    return httpx.create_ssl_context()
