"""Servers that behave badly, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import functools
import ipaddress
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def certificate(folder: Path, *, names=("localhost",), days=(-1, 30)) -> ssl.SSLContext:
    """A self-signed certificate, as a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    alt = x509.SubjectAlternativeName(
        [*(x509.DNSName(n) for n in names), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(alt, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{names[0]}{days[1]}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + cert.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


@contextlib.asynccontextmanager
async def serving(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server for the time of the block; every connection it still has is cut at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.sleep(0)


async def _flood(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    """As fast as the other side reads, 10 GB at most."""
    for _ in range(10_000_000_000 // len(chunk)):
        writer.write(chunk)
        await writer.drain()


async def endless_banner(reader, writer):
    await _flood(writer, b"220-welcome, there is more to come\r\n" * 1000)


async def endless_line(reader, writer):
    await _flood(writer, b"2" * 65_536)


async def megabyte_line(reader, writer):
    writer.write(b"220 " + b"x" * 1_000_000 + b"\r\n")
    await writer.drain()
    await asyncio.sleep(60)


async def slow_bytes(reader, writer):
    for _ in range(600):
        writer.write(b"2")
        await writer.drain()
        await asyncio.sleep(0.1)


async def wrong_encoding(reader, writer):
    writer.write(b"220 \xff\xfe\x00caf\xe9\x80\r\n")
    await writer.drain()
    while await reader.readline():
        writer.write(b"250 \xff\xfe\x80\r\n")
        await writer.drain()


async def garbage(reader, writer):
    writer.write(bytes(range(256)) * 40)
    await writer.drain()
    await asyncio.sleep(60)


async def silence(reader, writer):
    await asyncio.sleep(60)


async def hang_up(reader, writer):
    writer.transport.abort()


async def broken_starttls(reader, writer):
    """Offers STARTTLS, and then speaks something else."""
    writer.write(b"220 mail ESMTP\r\n")
    while line := await reader.readline():
        if line.upper().startswith(b"EHLO"):
            writer.write(b"250-mail\r\n250 STARTTLS\r\n")
        elif line.upper().startswith(b"STARTTLS"):
            writer.write(b"220 go ahead\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(b"this is no TLS at all\r\n" * 20)
            await writer.drain()
            await asyncio.sleep(60)
        await writer.drain()


def http(head: bytes, body: bytes = b"", *, forever: bytes = b"", pause: float = 0.0, end: bytes = b"\r\n") -> Handler:
    """An HTTP server that always answers so."""

    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + end + body)
        await writer.drain()
        if forever and pause:
            while True:
                writer.write(forever)
                await writer.drain()
                await asyncio.sleep(pause)
        elif forever:
            await _flood(writer, forever)

    return handler


@functools.cache
def bomb() -> bytes:
    """200 MB in 200 kB. It takes half a second to make, so it is made where it is thrown."""
    press, piece = zlib.compressobj(9, wbits=31), b"\0" * 1_000_000  # piece by piece: whoever makes it needs no 200 MB
    return b"".join([*(press.compress(piece) for _ in range(200)), press.flush()])


async def gzip_bomb(reader, writer):
    packed = bomb()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: "
    await http(head + str(len(packed)).encode() + b"\r\n", packed)(reader, writer)


HTTP = {
    "redirect-loop": http(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n"),
    "10-gb-body": http(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n", forever=b"x" * 65_536),
    "endless-chunks": http(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", forever=b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    ),
    "gzip-bomb": gzip_bomb,
    "endless-headers": http(b"HTTP/1.1 200 OK\r\n", forever=b"X-More: yes\r\n" * 2000, end=b""),
    "megabyte-header": http(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1_000_000 + b"\r\nContent-Length: 0\r\n"),
    "slow-body": http(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n", forever=b"x", pause=0.1),
    "wrong-charset": http(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=klingon\r\nContent-Length: 5\r\n", b"\xff\xfe\x00\x80!"
    ),
    "lying-length": http(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n", b"short"),
    "negative-length": http(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n"),
    "http-0.9": http(b"<html>hello"),
    "silence": silence,
    "hang-up": hang_up,
    "garbage": garbage,
    "slow-bytes": slow_bytes,
    "endless-line": endless_line,
}
SMTP = {
    "endless-banner": endless_banner,
    "endless-line": endless_line,
    "megabyte-line": megabyte_line,
    "slow-bytes": slow_bytes,
    "wrong-encoding": wrong_encoding,
    "garbage": garbage,
    "silence": silence,
    "hang-up": hang_up,
    "broken-starttls": broken_starttls,
}
DNS = {
    "slow-bytes": slow_bytes,
    "silence": silence,
    "hang-up": hang_up,
    "garbage": garbage,
    "endless-line": endless_line,
}
