"""A time-stamping authority of OpenSSL's ``ts`` on loopback, over real HTTP, that can answer wrongly in every way."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY = "1.3.6.1.4.1.55555.1"
CONF = """\
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = {policy}
other_policies = 1.3.6.1.4.1.55555.2
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(path: Path, key: Any) -> None:
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def make_authority(folder: Path, *, days: float = 300, purpose: Any = ExtendedKeyUsageOID.TIME_STAMPING) -> None:
    """An authority and its signer, whose certificate is valid for so many days (negative: it is over)."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    root, signer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begin, day = now - datetime.timedelta(days=400), datetime.timedelta(days=1)
    base = x509.CertificateBuilder().issuer_name(_name("Test root")).not_valid_before(begin)
    ca = (
        base.subject_name(_name("Test root")).public_key(root.public_key()).serial_number(1)
        .not_valid_after(now + 3650 * day)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(root, hashes.SHA256())
    )  # fmt: skip
    tsa = (
        base.subject_name(_name("Test TSA")).public_key(signer.public_key()).serial_number(2)
        .not_valid_after(now + days * day)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
        .sign(root, hashes.SHA256())
    )  # fmt: skip
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "tsa.pem").write_bytes(tsa.public_bytes(serialization.Encoding.PEM))
    _write(folder / "tsa.key", signer)
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONF.format(folder=folder, policy=POLICY))


class Authority:
    """``mode``: how it answers: ok, html, refuse, garbage, 500, other (a stamp of something else), stale (the answer
    to the request before), wrong-type."""

    def __init__(self, folder: Path, **made: Any) -> None:
        self.folder, self.mode, self.asked = folder, "ok", 0
        self._last: bytes = b""
        make_authority(folder, **made)

    async def start(self) -> str:
        """Listen; returns the address."""
        app = web.Application()
        app.router.add_post("/tsr", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{port}/tsr"

    async def stop(self) -> None:
        """Nobody listens."""
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        query, self.asked = await request.read(), self.asked + 1
        assert request.content_type == "application/timestamp-query"
        if self.mode == "html":
            return web.Response(text="<html>log in</html>", content_type="text/html")
        if self.mode == "500":
            return web.Response(status=500)
        if self.mode == "garbage":
            return self._typed(b"\x30\x82\xff\xff nonsense")
        if self.mode == "other":
            at = query.index(b"\x04\x20") + 2
            query = query[:at] + bytes(32) + query[at + 32 :]
        if self.mode == "refuse":
            query = query.replace(bytes.fromhex("608648016503040201"), bytes.fromhex("608648016503040203"))
        if self.mode == "stale" and self._last:
            return self._typed(self._last)
        self._last = self.reply(query)
        if self.mode == "wrong-type":
            return web.Response(body=self._last, content_type="application/octet-stream")
        return self._typed(self._last)

    @staticmethod
    def _typed(body: bytes) -> web.Response:
        return web.Response(body=body, content_type="application/timestamp-reply")

    def reply(self, query: bytes) -> bytes:
        """``openssl ts -reply``."""
        (self.folder / "query").write_bytes(query)
        out = self.folder / "reply"
        subprocess.run(
            ["openssl", "ts", "-reply", "-config", str(self.folder / "tsa.cnf"), "-section", "one", "-queryfile",
             str(self.folder / "query"), "-out", str(out)],
            check=True, capture_output=True,
        )  # fmt: skip
        return out.read_bytes()
