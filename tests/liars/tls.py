"""Ports that speak TLS wrongly, or not at all: certificates made for the moment, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bcp.lab.net import free_port

DAY = datetime.timedelta(days=1)
ANSWER = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 32\r\n\r\n"
    b'{"sid": "SM1", "status": "sent"}'
)


@dataclass(frozen=True)
class Certificate:
    """What a server shows: for whom, from when, until when (days from now)."""

    name: str = "localhost"
    begins: int = -1
    ends: int = 30
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED

    def context(self, folder: Path) -> ssl.SSLContext:
        """Self-signed: no authority of the world vouches for it."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now + self.begins * DAY)
            .not_valid_after(now + self.ends * DAY)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(self.name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        pem = serialization.Encoding.PEM
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path = folder / "server.pem"
        path.write_bytes(key.private_bytes(pem, form, plain) + made.public_bytes(pem))
        (folder / "ca.pem").write_bytes(made.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = self.oldest, self.newest
        context.load_cert_chain(path)
        return context


@dataclass
class Port:
    """One port. ``taken``: requests that reached whoever stands behind it."""

    folder: Path
    certificate: Certificate | None = None
    first: bytes | None = None
    """Said at once, in place of a handshake; ``None``: nothing, the handshake hangs."""
    taken: list[bytes] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """It listens; its number."""
        context = self.certificate.context(self.folder) if self.certificate is not None else None
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if self.certificate is not None:
                self.taken.append(await reader.read(65_536))
                writer.write(ANSWER)
            elif self.first is not None:
                writer.write(self.first)
            await writer.drain()
            if self.certificate is None and self.first is None:
                await reader.read(-1)
        writer.close()


OLD = ssl.TLSVersion.TLSv1
LIES: dict[str, Callable[[Path], Port]] = {
    "expired": lambda f: Port(f, Certificate(begins=-60, ends=-1)),
    "not valid yet": lambda f: Port(f, Certificate(begins=10)),
    "another name": lambda f: Port(f, Certificate("portal.guest.invalid")),
    "self-signed": lambda f: Port(f, Certificate()),
    "tls 1.0 alone": lambda f: Port(f, Certificate(oldest=OLD, newest=OLD)),
    "plain http on the port": lambda f: Port(f, None, ANSWER),
    "html of a portal in plain": lambda f: Port(f, None, b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n"),
    "an smtp greeting": lambda f: Port(f, None, b"220 mail.test ESMTP\r\n"),
    "a fatal alert": lambda f: Port(f, None, b"\x15\x03\x01\x00\x02\x02\x28"),
    "half of a server hello": lambda f: Port(f, None, b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"),
    "closes at once": lambda f: Port(f, None, b""),
    "hangs in the handshake": lambda f: Port(f),
}
"""Whoever answers so proves nothing of himself: nothing may be handed over to him."""


def closed_port() -> int:
    """Nobody listens there."""
    return free_port("127.0.0.1")
