"""Connections that ask nothing, take nothing or ask too much at once: none of them keeps anybody out."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from bcp.server.doors import connections
from bcp.server.doors.connections import RESERVED, WAITING, GuardedProtocol
from bcp.server.serve import config_of

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Wire(asyncio.Transport):
    """The other side: takes what it likes."""

    def __init__(self, takes: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.written, self.over, self.left = b"", asyncio.Event(), list(takes)

    def write(self, data) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.over.set()

    abort = close

    def is_closing(self) -> bool:
        return self.over.is_set()

    def get_write_buffer_size(self) -> int:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    def set_write_buffer_limits(self, high=None, low=None) -> None:
        assert high == 0

    def get_extra_info(self, name, default=None):
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def pause_reading(self) -> None:
        """As much as fits has been read."""

    def resume_reading(self) -> None:
        """More may come."""


def play(work, app=None) -> None:
    """``work(connect)`` with connections of an application that says 200 before it reads anything."""

    async def answers(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def main() -> None:
        config = Config(app or answers, lifespan="off", log_config=None, ws="none")
        config.load()
        made = []

        def connect(*takes: int) -> tuple[GuardedProtocol, Wire]:
            protocol, wire = GuardedProtocol(config, ServerState(), {}), Wire(takes)
            protocol.connection_made(wire)
            made.append(protocol)
            return protocol, wire

        try:
            await work(connect)
        finally:
            for one in made:
                one.connection_lost(None)

    asyncio.run(asyncio.wait_for(main(), 10))
    assert not GuardedProtocol.idle and GuardedProtocol.alive == 0


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def never(scope, receive, send) -> None:
    """An application that is at work."""
    await asyncio.Event().wait()


def test_the_one_that_asked_nothing_for_longest_makes_room(monkeypatch) -> None:
    monkeypatch.setattr(GuardedProtocol, "most", 3)

    async def work(connect) -> None:
        busy, oldest, younger = connect(), connect(), connect()
        busy[0].data_received(GET)
        oldest[0].data_received(b"GET / HTTP/1.1\r\nX: ")  # a byte now and then makes nobody younger
        fresh = connect()
        assert [w.is_closing() for _, w in (busy, oldest, younger, fresh)] == [False, True, False, False]
        fresh[0].data_received(GET)
        younger[0].data_received(GET)
        assert connect()[1].is_closing(), "all are at work: the newest is turned away"
        assert not busy[1].is_closing()

    play(work, never)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (GET, b"\r\n"),  # a blank line before the next request, which never begins
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n", b"x"),  # a body that nobody waits for
    ],
)
def test_a_byte_after_the_answer_keeps_no_connection(monkeypatch, first, then) -> None:
    """The timer of the server below ends with any byte."""
    monkeypatch.setattr(connections, "KEEP_S", 0.02)

    async def work(connect) -> None:
        protocol, wire = connect()
        protocol.data_received(first)
        await settle()
        assert wire.written.startswith(b"HTTP/1.1 200")
        protocol.data_received(then)
        await wire.over.wait()

    play(work)


def test_who_takes_nothing_of_an_answer_is_let_go_and_who_is_slow_is_not(monkeypatch) -> None:
    monkeypatch.setattr(connections, "STALL_S", 0.01)

    async def work(connect) -> None:
        dead, slow = connect(500), connect(500, 400, 300, 200, 200)
        for protocol, _ in (dead, slow):
            protocol.pause_writing()
        await dead[1].over.wait()
        assert len(slow[1].left) > 1, "it was asked again while it took some"
        await slow[1].over.wait()
        assert len(slow[1].left) == 1

    play(work)


def test_requests_that_wait_behind_one_are_few() -> None:
    """A kilobyte of them would be a megabyte here."""

    async def work(connect) -> None:
        protocol, wire = connect()
        protocol.data_received(GET * 1000)
        assert wire.is_closing() and wire.written.startswith(b"HTTP/1.1 400")
        assert len(protocol.pipeline) == connections.PIPELINED
        other, way = connect()
        other.data_received(GET * connections.PIPELINED)
        assert not way.is_closing()

    play(work, never)


def test_trailers_without_an_end_are_cut_off() -> None:
    """They are headers, too. A body in chunks of a byte is none of them."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def work(connect) -> None:
        protocol, wire = connect()
        protocol.data_received(head)
        protocol.data_received(b"1\r\nx\r\n" * 40_000)
        assert not wire.is_closing()
        protocol.data_received(b"1\r\nx\r\n0\r\nX: ")
        for _ in range(40):
            protocol.data_received(b"a" * 10_000)
        assert wire.is_closing()

    play(work, never)


def test_a_burst_of_connections_leaves_descriptors_for_the_rest(monkeypatch) -> None:
    """They are counted some turns after the system gave them: a whole backlog at once took the last descriptor."""
    monkeypatch.setattr(GuardedProtocol, "most", 8)
    config, most = config_of(never, "127.0.0.1", 0), []
    config.load()

    class Counted(GuardedProtocol):
        def connection_made(self, transport) -> None:
            most.append(0 if len(most) % 8 else len(os.listdir("/proc/self/fd")))
            super().connection_made(transport)

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as door:
            made = await asyncio.get_running_loop().create_server(
                lambda: Counted(config, ServerState(), {}), sock=door, backlog=config.backlog
            )
            door.listen(WAITING)
            clients = [socket.create_connection(door.getsockname()) for _ in range(200)]
            before = len(os.listdir("/proc/self/fd"))
            while len(most) < len(clients):
                await asyncio.sleep(0)
            made.close()
            for one in clients:
                one.close()
            while GuardedProtocol.alive:
                await asyncio.sleep(0)
        assert max(most) - before < GuardedProtocol.most + RESERVED

    asyncio.run(asyncio.wait_for(main(), 20))
