"""A body is read whole, however many packets it comes in, and never more of it than is allowed."""

from __future__ import annotations

import asyncio

import pytest
from probes import hostile

from bcp.kit.body import read_whole
from bcp.kit.fetch import fetch
from bcp.kit.http import Http


class Packets:
    """A stream that returns what has arrived: one packet a call."""

    def __init__(self, *packets: bytes) -> None:
        self.packets = list(packets)

    async def read(self, n: int = -1, /) -> bytes:
        if not self.packets:
            return b""
        first, rest = self.packets[0][:n], self.packets[0][n:]
        self.packets[0:1] = [rest] if rest else []
        return first


@pytest.mark.parametrize(("cap", "whole"), [(0, b""), (3, b"abc"), (4, b"abcd"), (6, b"abcdef"), (100, b"abcdef")])
def test_whole_up_to_the_limit(cap, whole) -> None:
    """read(n) alone would end after the first packet."""
    assert asyncio.run(read_whole(Packets(b"abc", b"d", b"ef"), cap)) == whole


async def in_two_packets(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(b"later")
    await writer.drain()


def test_our_readers_get_both_packets() -> None:
    """For looking and for doing."""

    async def run():
        async with hostile.serving(in_two_packets) as port:
            looked = await fetch(f"http://127.0.0.1:{port}/")
            http = Http()
            try:
                did = await http.request("GET", f"http://127.0.0.1:{port}/")
            finally:
                await http.close()
            return looked.body, did.body

    assert asyncio.run(run()) == ("firstlater", "firstlater")
