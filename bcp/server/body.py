"""Reading a body: no more than so much, and no slower than so long."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

SECONDS = 10.0


class TooLarge(Exception):
    """More than we read."""


class TooSlow(Exception):
    """It came in drops."""


async def read(request: Request, limit: int) -> bytes:
    """The whole body. Raises ``TooLarge``, ``TooSlow``."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge
    out = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                out += chunk
                if len(out) > limit:
                    raise TooLarge
    except TimeoutError as error:
        raise TooSlow from error
    return bytes(out)
