"""DKIM (RFC 6376): sign a message, and see that the published key is the one that signs. By dkimpy, an extra."""

from __future__ import annotations

import asyncio
from typing import Any

from bcp.kernel.errors import Invalid
from bcp.kit.resolve import texts_of

SIGNED = (b"from", b"to", b"subject", b"date", b"message-id", b"auto-submitted", b"mime-version", b"content-type")
"""Named explicitly: what a receiver shows and what makes a repeat recognisable."""


def _library() -> Any:
    try:
        import dkim  # an extra
    except ImportError as error:
        raise Invalid("dkimpy is not installed", hint="pip install 'bcp-mail[dkim]'") from error
    return dkim


def sign(message: bytes, *, selector: str, domain: str, key: str) -> bytes:
    """The message with its ``DKIM-Signature`` in front; RSA keys only (Ed25519, RFC 8463, is not verified widely).

    Raises:
        Invalid: no library, or a key that is not a PEM of an RSA private key.
    """
    dkim = _library()
    try:
        header = dkim.sign(
            message,
            selector.encode(),
            domain.encode(),
            key.encode(),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[h for h in SIGNED if h + b":" in message.lower()],
        )
    except (dkim.DKIMException, ValueError) as error:
        raise Invalid(
            f"cannot sign with the DKIM key: {error}",
            hint="An RSA private key as PEM: openssl genrsa -traditional 2048",
        ) from error
    return bytes(header) + message


async def published(message: bytes, *, resolvers: list[str], timeout_s: float) -> str:
    """Why a receiver would not accept this signature, or nothing. ``resolvers``: none means the system's.

    Raises:
        Invalid: no library.
    """
    dkim = _library()
    verifier = dkim.DKIM(message)
    name = ""
    try:
        async with asyncio.timeout(timeout_s):
            header = next(v for k, v in verifier.headers if k.lower() == b"dkim-signature")
            tags = dkim.util.parse_tag_value(header)
            name = f"{tags[b's'].decode()}._domainkey.{tags[b'd'].decode()}."
            found = await texts_of(name, resolvers, timeout_s)
        if not found:
            return f"no key is published at {name}"
        good = verifier.verify(dnsfunc=lambda *_a, **_k: found[0])
    except (dkim.DKIMException, ValueError, TimeoutError) as error:
        return f"{name or 'the signature'}: {str(error) or 'no answer in time'}"
    return "" if good else f"the key published at {name} is not the one that signs"
