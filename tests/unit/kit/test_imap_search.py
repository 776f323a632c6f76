"""The mailbox outside: what is said of it, and that nobody waits for it without end."""

from __future__ import annotations

import asyncio
import threading

import pytest
from probes.hostile import certificate, serving

from bcp.kernel.errors import InDoubt
from bcp.kit.imap_search import holds


def talk(found=b"1", *, login=b"OK", search=b"OK"):
    """An IMAP server that was asked for INBOX before it is searched."""

    async def handler(reader, writer):
        writer.write(b"* OK IMAP4rev1 ready\r\n")
        opened = False
        while line := await reader.readline():
            tag, verb = line.split()[:2]
            said = b"OK"
            if verb == b"CAPABILITY":
                writer.write(b"* CAPABILITY IMAP4rev1\r\n")
            elif verb == b"LOGIN":
                said = login
            elif verb == b"EXAMINE":
                opened = b"INBOX" in line
                writer.write(b"* 1 EXISTS\r\n")
            elif verb == b"SEARCH":
                assert opened
                writer.write(b"* SEARCH %s\r\n" % (found if b"rt-1" in line else b""))
                said = search
            writer.write(tag + b" " + said + b" done\r\n")

    return handler


def asked(tmp_path, handler, *, value="rt-1", timeout_s=5.0, trust=True, names=("localhost",), host="localhost"):
    context = certificate(tmp_path, names=names)
    pem = next(tmp_path.glob("*.pem"))

    async def inside():
        async with serving(handler, tls=context) as port:
            return await holds(
                host, port, "u", "p", "X-Tag", value, timeout_s=timeout_s, ca_file=pem if trust else None
            )

    return asyncio.run(inside())


@pytest.mark.parametrize(
    ("found", "value", "there"),
    [(b"1", "rt-1", True), (b"7 8", "rt-1", True), (b"", "rt-1", False), (b"1", "x", False), (b"none", "rt-1", False)],
)
def test_a_mail_is_there_or_not(tmp_path, found, value, there) -> None:
    assert asked(tmp_path, talk(found), value=value) is there


@pytest.mark.parametrize("lies", [{"login": b"NO"}, {"login": b"BAD"}, {"search": b"NO"}, {"search": b"BAD"}])
def test_what_is_refused_is_not_known(tmp_path, lies) -> None:
    with pytest.raises(InDoubt, match="error"):
        asked(tmp_path, talk(**lies))


@pytest.mark.parametrize("how", [{"trust": False}, {"names": ("elsewhere.test",)}])
def test_the_password_goes_to_no_stranger(tmp_path, how) -> None:
    """A certificate that nobody vouches for, or one of another host."""
    heard = []

    async def handler(reader, writer):
        heard.append(await reader.read(1_000))

    with pytest.raises(InDoubt, match="cannot be trusted"):
        asked(tmp_path, handler, **how)
    assert heard in ([], [b""])


@pytest.mark.parametrize("first", [b"", b"* OK IMAP4rev1 ready\r\n"])
def test_a_byte_at_a_time_is_not_waited_for(tmp_path, first) -> None:
    """No thread is left behind: a program waits for its threads at its end."""

    async def handler(reader, writer):
        writer.write(first)
        for _ in range(500):
            writer.write(b"*")
            await asyncio.sleep(0.02)

    before = set(threading.enumerate())
    with pytest.raises(InDoubt, match="TimeoutError"):
        asked(tmp_path, handler, timeout_s=0.3)
    assert [t.name for t in threading.enumerate() if t not in before] == []


def test_a_handshake_without_end_is_cut(tmp_path) -> None:
    async def inside():
        async def handler(reader, writer):
            for _ in range(500):
                writer.write(b"\x16\x03\x03\x40\x00")
                await asyncio.sleep(0.05)

        async with serving(handler) as port:
            await holds("localhost", port, "u", "p", "X-Tag", "v", timeout_s=0.3)

    with pytest.raises(InDoubt):
        asyncio.run(inside())
