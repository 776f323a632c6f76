"""What is read of Slack's answers has an end, whatever stands at its address."""

from __future__ import annotations

import asyncio

import pytest

from bcp.kernel.errors import InDoubt
from bcp.kernel.secret import Secret
from bcp.plugins.vendors import slack
from bcp.plugins.vendors.slack import SlackClient

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def ask(tmp_path, first: bytes, more: bytes = b""):
    """Call ``auth.test`` at a server that says this; what came, and how much was taken from it."""
    (tmp_path / "token").write_text("xoxb-1")
    (tmp_path / "token").chmod(0o600)
    sent = 0

    async def serve(reader, writer) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        try:
            while more:
                writer.write(more)
                sent += len(more)
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()

    async def work():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = SlackClient(Secret("file:token", tmp_path), api_url=url, timeout_s=20.0)
        try:
            return await client.call("auth_test")
        finally:
            await client.close()
            server.close()

    return asyncio.run(work()), sent


@pytest.fixture
def small(monkeypatch):
    """A limit that is soon reached."""
    monkeypatch.setattr(slack, "MAX_BYTES", 100_000)


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (HEAD + b"\r\n", b" " * 65_536),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65_536 + b"\r\n"),
        (HEAD + b"Content-Length: 100001\r\n\r\n" + b" " * 100_001, b""),
    ],
    ids=["endless", "endless chunks", "one byte too many"],
)
def test_a_body_without_end_is_left(first, more, small, tmp_path) -> None:
    """Long before the time is over."""
    with pytest.raises(InDoubt):
        ask(tmp_path, first, more)


def test_a_body_of_the_limit_is_read(small, tmp_path) -> None:
    """Not one byte less."""
    body = b'{"ok": true, "team": "' + b"x" * (100_000 - 24) + b'"}'
    found, _ = ask(tmp_path, HEAD + b"Content-Length: 100000\r\n\r\n" + body)
    assert len(body) == 100_000 and found["ok"] is True
