"""A lab drill reaches nothing outside of this machine, whatever library tries it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from bcp.rehearse.guard import Leaves, at_home, stays


def connect(host: str) -> None:
    with socket.socket() as found:
        found.settimeout(0.01)
        found.connect((host, 9))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.53.9", "::1", "localhost", "/run/x.sock", "", b"127.0.0.1", "::1%lo"],
)
def test_this_machine_is_home(host: object) -> None:
    assert stays(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org", "10.0.0.1", "0.0.0.0", "::", b"api.test"])
def test_everything_else_is_not(host: object) -> None:
    assert not stays(host)


def test_connections_datagrams_names_and_programs_are_refused_and_listed() -> None:
    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
            found.sendto(b"x", ("192.0.2.1", 53))

    with at_home() as refused:
        for work in (
            lambda: connect("192.0.2.1"),
            send,
            lambda: socket.getaddrinfo("example.org", 25),
            lambda: subprocess.run([sys.executable, "-c", ""], check=False),
            lambda: os.system("true"),
        ):
            with pytest.raises(Leaves):
                work()
    assert len(refused) == 5
    assert "192.0.2.1" in refused[0]


def test_asyncio_is_guarded_too() -> None:
    async def work() -> None:
        with at_home(), pytest.raises(Leaves):
            await asyncio.open_connection("192.0.2.1", 9)

    asyncio.run(work())


def test_loopback_works_meanwhile() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with at_home() as refused, socket.create_connection(server.getsockname(), timeout=60):
            assert refused == []


def test_it_is_over_when_the_drill_is() -> None:
    with at_home(), at_home():
        pass
    with pytest.raises(OSError) as told:
        connect("192.0.2.1")
    assert not isinstance(told.value, Leaves)
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0
