"""A server over a real socket whose clock is wrong by as much as it is told."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

FINE = '{"healthy":true,"ok":true}'
ZONE = "<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id></HostedZone></GetHostedZoneResponse>"


class Dated:
    """Answers every request of HTTP with its own date. ``shift``: how far its clock is ahead of ours."""

    def __init__(self, address: str, *, shift: float = 0.0, more: str = "", status: int = 200) -> None:
        self.address, self.shift, self.more, self.status = address, shift, more, status
        self.asked = 0

    async def __aenter__(self) -> Dated:
        self._server = await asyncio.start_server(self._serve, self.address, 0)
        self.url = f"http://{self.address}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next((int(x.split(":")[1]) for x in head.splitlines() if x.startswith("content-length")), 0)
        await reader.readexactly(length)
        self.asked += 1
        date, body = formatdate(time.time() + self.shift, usegmt=True), ZONE if "/2013-04-01/" in head else FINE
        writer.write(
            f"HTTP/1.1 {self.status} X\r\nDate: {date}\r\n{self.more}Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()
