"""What stands before the doors: bodies, peers, descriptors."""

from __future__ import annotations

import asyncio
import resource

import pytest
from starlette.requests import Request
from uvicorn.config import Config
from uvicorn.server import ServerState

from bcp.server.doors import guard
from bcp.server.doors.guard import Guard, GuardedProtocol, fit_descriptors, headers_of, peer_of

PROXIES = ("10.0.0.1", "10.0.0.2")


def request(client: str, *lines: str) -> Request:
    """A request with these X-Forwarded-For lines."""
    return Request(
        {"type": "http", "client": (client, 1), "headers": [(b"x-forwarded-for", x.encode()) for x in lines]}
    )


@pytest.mark.parametrize(
    ("client", "lines", "peer"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # not from a proxy: nothing is believed
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),  # the client wrote 1.1.1.1
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),  # on a line of its own
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),  # two proxies
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["", " , "], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.1"),
    ],
)
def test_who_calls(client, lines, peer) -> None:
    """The last address that a proxy of ours wrote."""
    assert peer_of(request(client, *lines), PROXIES) == peer


NETWORKS = ("10.0.0.0/8", "2001:db8:ff::/48")


@pytest.mark.parametrize(
    ("client", "lines", "peer"),
    [
        ("10.200.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.200.0.1", ["198.51.100.1, 10.3.3.3:80"], "198.51.100.1"),  # a socket of both families
        ("2001:db8:ff::1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, unknown"], "10.0.0.1"),  # the proxy does not know: nobody else is believed
        ("10.0.0.1", ["1.1.1.1, "], "10.0.0.1"),
        ("10.0.0.1", ["junk-1"], "10.0.0.1"),  # another text is not another caller
        ("10.0.0.1", [", ".join(["10.0.0.2"] * 5000)], "10.0.0.1"),
        ("::ffff:203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
    ],
)
def test_who_calls_behind_networks_of_proxies(client, lines, peer) -> None:
    """Whatever form it is written in."""
    assert peer_of(request(client, *lines), NETWORKS) == peer


def test_a_header_that_stands_twice_is_both() -> None:
    """A second signature beside the first is none that holds, whichever a reader would take."""
    raw = [(b"X-Sig", b"a"), (b"x-sig", b"b"), (b"Host", b"h")]
    assert headers_of(Request({"type": "http", "headers": raw})) == {"x-sig": "a, b", "host": "h"}


def test_neighbours_in_one_network_are_no_fresh_callers() -> None:
    """A customer's network has more addresses than anybody can count."""
    throttle = guard.Throttle(3, 60.0)
    for i in range(3):
        throttle.count(f"2001:db8:1:2::{i}")
    assert throttle.closed("2001:db8:1:2:ffff::9") and not throttle.closed("2001:db8:1:3::1")


def asked(chunks, *, headers=(), limit=100, app=None):
    """(status, what the app read) of a request whose body comes in these parts; ``None`` is a part that never comes."""
    read, answers = [], []
    parts = list(chunks)

    async def receive():
        if not parts:
            await asyncio.Event().wait()
        part = parts.pop(0)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        if message["type"] == "http.response.start":
            answers.append(message["status"])

    async def reader(scope, receive, send):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RuntimeError("the client is gone")
            read.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": list(headers)}
    asyncio.run(Guard(app or reader, secure=False, limit=limit)(scope, receive, send))
    return answers, b"".join(read)


def test_a_body_within_the_limit_is_read() -> None:
    """To the last byte."""
    assert asked([b"x" * 60, b"y" * 40]) == ([200], b"x" * 60 + b"y" * 40)


def test_a_body_that_says_that_it_is_too_large_is_not_read() -> None:
    """Before the application."""
    assert asked([b"x"], headers=[(b"content-length", b"101")]) == ([413], b"")
    assert asked([b"x"], headers=[(b"content-length", b"9" * 4000)]) == ([413], b"")


def test_a_body_that_grows_is_cut_off() -> None:
    """Whatever it said, nothing past the limit reaches anybody."""
    assert asked([b"x" * 60, b"y" * 60, b"z" * 60]) == ([413], b"x" * 60)
    assert asked([b"x" * 60, b"y" * 60], headers=[(b"content-length", b"\xc2\xb2")]) == ([413], b"x" * 60)


def test_a_body_in_drops_ends(monkeypatch) -> None:
    """408, and the application is told that its client is gone."""
    monkeypatch.setattr(guard, "BODY_S", 0.05)
    assert asked([b"x", None, b"y"]) == ([408], b"x")


def test_a_fault_of_the_application_is_still_a_fault() -> None:
    """Only what follows from a refusal is swallowed."""

    async def broken(scope, receive, send):
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        asked([b"x"], app=broken)


def test_room_for_everything_but_connections(monkeypatch) -> None:
    """The soft limit is raised; connections leave the rest free."""
    set_to = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: set_to.append(both))
    try:
        assert fit_descriptors() == 1024 - guard.RESERVED and set_to == [(1024, 1024)]
        monkeypatch.setattr(resource, "setrlimit", lambda *_: (_ for _ in ()).throw(OSError("no")))
        assert fit_descriptors() == 256 - guard.RESERVED
        monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
        assert fit_descriptors() == 16
        monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert fit_descriptors() == guard.CONNECTIONS
    finally:
        GuardedProtocol.most = guard.CONNECTIONS


# -- the size of a head ----------------------------------------------------------------------------------------------


class Wire(asyncio.Transport):
    """The other side of a connection: keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = b"", False

    def write(self, data) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name, default=None):
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def pause_reading(self) -> None:
        """As much as fits has been read."""

    def resume_reading(self) -> None:
        """More may come."""


def said_to(*reads: bytes) -> bytes:
    """The status line that these reads of one connection are answered with; the application echoes the body's size."""

    async def app(scope, receive, send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-size", str(size).encode())]})
        await send({"type": "http.response.body", "body": b""})

    async def work() -> bytes:
        config = Config(app, lifespan="off", log_config=None, ws="none")
        config.load()
        protocol, wire = GuardedProtocol(config, ServerState(), {}), Wire()
        protocol.connection_made(wire)
        for data in reads:
            protocol.data_received(data)
            for _ in range(20):
                await asyncio.sleep(0)
        protocol.connection_lost(None)
        return wire.written

    return asyncio.run(work())


BODY = b"x" * 200_000
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"
LONG = b"X-A: " + b"a" * 70_000 + b"\r\n"


@pytest.mark.parametrize(
    "reads",
    [
        (HEAD + BODY,),  # as a busy machine reads it
        (HEAD, BODY),
        (HEAD[:-1], HEAD[-1:] + BODY),
        (HEAD[:-3], HEAD[-3:] + BODY[:100_000], BODY[100_000:]),
        (*(HEAD[i : i + 1] for i in range(len(HEAD) - 2)), HEAD[-2:] + BODY),
    ],
)
def test_a_body_that_is_read_together_with_its_head_is_no_large_head(reads) -> None:
    """However the bytes are cut: how busy we are decides that, not the sender."""
    said = said_to(*reads)
    assert said.startswith(b"HTTP/1.1 200") and b"x-size: 200000" in said, said[:200]


@pytest.mark.parametrize(
    "reads",
    [
        (b"GET / HTTP/1.1\r\n" + LONG + b"\r\n",),
        (b"GET / HTTP/1.1\r\n", LONG[:40_000], LONG[40_000:]),
        (b"GET /" + b"a" * 70_000,),
        tuple(b"\r\n\r\n" * 5_000 for _ in range(10)),  # a head never begins
        (HEAD + BODY, b"GET / HTTP/1.1\r\n" + LONG),  # the second on the same connection
    ],
)
def test_a_head_without_an_end_is_refused(reads) -> None:
    """In one piece or in many, with blank lines before it, and after a request that was well."""
    assert b"HTTP/1.1 431 " in said_to(*reads)


@pytest.mark.parametrize(
    "reads",
    [
        (HEAD, BODY, HEAD, BODY, HEAD + BODY),
        (HEAD + BODY[:10], BODY[10:], HEAD[:-1], HEAD[-1:] + BODY),
        (HEAD + BODY, HEAD + BODY, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ],
)
def test_the_end_of_one_body_is_no_part_of_the_next_head(reads) -> None:
    """On a connection that is kept."""
    said = said_to(*reads)
    assert b" 431 " not in said and said.count(b"HTTP/1.1 200") == 3 - (reads[1] != BODY and len(reads) == 4)
