"""Reading a body: no more than so much, and no slower than so long."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

SECONDS = 10.0


class TooLarge(Exception):
    """The body has more bytes than are read."""


class TooSlow(Exception):
    """The body did not come within the time that is allowed."""


async def read_or_refuse(request: Request, limit: int) -> bytes | Response:
    """The whole body, or the answer that says why it was not read."""
    try:
        return await read(request, limit)
    except TooLarge:
        return JSONResponse({"error": f"the body is larger than {limit} bytes"}, 413)
    except TooSlow:
        return JSONResponse({"error": "the body came too slowly"}, 408)


async def read(request: Request, limit: int) -> bytes:
    """The whole body. Raises ``TooLarge``, ``TooSlow``."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise TooLarge
    out = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                out += chunk
                if len(out) > limit:
                    raise TooLarge
    except (TimeoutError, ClientDisconnect) as error:  # whoever went away meanwhile reads no answer
        raise TooSlow from error
    return bytes(out)
