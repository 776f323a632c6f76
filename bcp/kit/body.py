"""Read the whole body of an HTTP answer, up to a limit.

``StreamReader.read(n)`` of aiohttp (and of asyncio) returns what has arrived so far, which may be the first packet
only: a body that comes in two packets would be cut in half. Every reader of bodies uses this function instead.
"""

from __future__ import annotations

from typing import Protocol

CHUNK = 65_536


class Stream(Protocol):
    """What is read from: ``answer.content`` of aiohttp, or an asyncio stream."""

    async def read(self, n: int = -1, /) -> bytes:
        """At most ``n`` bytes; empty at the end."""


async def read_whole(stream: Stream, cap: int) -> bytes:
    """The body, at most ``cap`` bytes of it. Ask for one byte more than you accept, to see that it was longer."""
    parts, size = [], 0
    while size < cap:
        chunk = await stream.read(min(CHUNK, cap - size))
        if not chunk:
            break
        parts.append(chunk)
        size += len(chunk)
    return b"".join(parts)
