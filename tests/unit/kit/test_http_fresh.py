"""A write goes over a connection of its own: one that was kept may be closed at the other side since."""

from __future__ import annotations

import asyncio

import pytest

from bcp.kernel.errors import InDoubt
from bcp.kit.http import Http


class Closing:
    """It keeps each connection open without a word, and closes it as soon as one answer is read."""

    def __init__(self) -> None:
        self.got: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(x.split(":")[1]) for x in head.lower().splitlines() if x.startswith("content-length")), 0)
        await reader.readexactly(length)
        self.got.append(head.split()[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_is_never_lost_on_a_connection_that_was_kept(method) -> None:
    async def work() -> list[str]:
        server = Closing()
        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        http = Http()
        for _ in range(20):
            assert (await http.request("GET", url)).status == 200
            assert (await http.request(method, url, data="x" * 10_000, fresh=True)).status == 200
        await http.close()
        await http.close()
        listening.close()
        return server.got

    got = asyncio.run(work())
    assert got.count(method) == 20, "each once"


def test_without_it_a_connection_is_kept() -> None:
    """Readings are many, and may be made again."""

    async def work(fresh: bool) -> int:
        seen = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.readline():
                await reader.readuntil(b"\r\n\r\n")
                seen.add(writer.get_extra_info("peername"))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        http = Http()
        for _ in range(3):
            await http.request("GET", url, fresh=fresh)
        await http.close()
        listening.close()
        return len(seen)

    assert asyncio.run(work(fresh=False)) == 1 and asyncio.run(work(fresh=True)) == 3


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(("method", "times"), [("PUT", 1), ("DELETE", 1), ("POST", 1), ("PATCH", 1), ("GET", 2)])
def test_what_changes_something_is_sent_once_where_its_answer_is_lost(method, times, fresh) -> None:
    """The library would send PUT and DELETE again by itself: whoever was asked has done it by then."""

    async def work() -> list[str]:
        got = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())
            writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        http = Http()
        with pytest.raises(InDoubt):
            await http.request(method, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/", fresh=fresh)
        await http.close()
        listening.close()
        return got

    assert asyncio.run(work()) == [method] * times
