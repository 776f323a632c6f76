"""What a mail host shows after STARTTLS: its certificate and those it sends along,
as DANE records may be about any of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from unit.mx.test_sts import certificate

from bcp.contracts.relay import RelayProbe
from bcp.kit.smtp import rcpt
from bcp.mx.read import shown_of
from bcp.mx.tlsa import Match, judge

NAME = "relay.out.test"


def talk(folder, *, tls=True):
    """One conversation with a host that shows the certificates in ``server.pem``."""

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(b"220 hello\r\n")
            while line := await reader.readline():
                word = line.strip().upper().split(b" ")[0]
                if word == b"STARTTLS":
                    writer.write(b"220 go\r\n")
                    await writer.start_tls(context)
                    continue
                offer = b"250-relay\r\n250 STARTTLS\r\n" if word == b"EHLO" and tls else b"250 ok\r\n"
                writer.write(offer)
                if word == b"QUIT":
                    break
        writer.close()

    context = certificate(folder, NAME)
    leaf_and_key = (folder / "server.pem").read_bytes()
    (folder / "server.pem").write_bytes(leaf_and_key + (folder / "ca.pem").read_bytes())
    context.load_cert_chain(folder / "server.pem")

    async def work():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await rcpt("127.0.0.1", port, recipient="a@corp.test", timeout_s=5, tls_name=NAME)

    return asyncio.run(work())


def test_the_whole_chain_is_seen_and_satisfies_records_about_any_part_of_it(tmp_path) -> None:
    found = talk(tmp_path)
    leaf, ca = (x509.load_pem_x509_certificate((tmp_path / n).read_bytes()) for n in ("server.pem", "ca.pem"))
    assert found.ok and list(found.chain) == [c.public_bytes(Encoding.DER) for c in (leaf, ca)]
    shown = [shown_of(RelayProbe("a", True, tls=found.tls, spki_sha256=found.spki_sha256, chain=found.chain))]
    assert shown[0].names_host

    def key(certificate):
        raw = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(raw).hexdigest()

    assert judge([f"3 1 1 {key(leaf)}"], shown) is Match.OK is judge([f"2 1 1 {key(ca)}"], shown)
    assert judge([f"3 0 0 {found.chain[0].hex()}"], shown) is Match.OK
    assert judge([f"3 1 1 {key(ca)}"], shown) is Match.MISMATCH


def test_without_tls_nothing_is_shown(tmp_path) -> None:
    found = talk(tmp_path, tls=False)
    assert found.ok and found.chain == () and found.tls == "none"
