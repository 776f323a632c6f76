"""Certificates that others show: fetched over TLS, and how long they last."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from bcp.kernel.errors import Transient


async def shown(host: str, port: int, timeout_s: float = 5.0) -> bytes:
    """The certificate (DER) that a server shows for this name. It is looked at, not believed: nothing is sent after.

    Raises ``Transient``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
            try:
                found = writer.get_extra_info("ssl_object").getpeercert(True)
            finally:
                writer.transport.abort()
    except TimeoutError as error:
        raise Transient(f"no answer in {timeout_s:g} s") from error
    except (OSError, ValueError) as error:
        raise Transient(str(getattr(error, "strerror", None) or error)) from error
    return bytes(found or b"")


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when, in epoch seconds."""

    begins: float
    ends: float


def validity(raw: bytes) -> Validity | None:
    """Of a certificate in DER or PEM; ``None`` where it is none."""
    from cryptography import x509  # half of 0.1 s, for few commands

    try:
        found = x509.load_pem_x509_certificate(raw) if b"-----BEGIN" in raw else x509.load_der_x509_certificate(raw)
    except ValueError:
        return None
    return Validity(found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp())
