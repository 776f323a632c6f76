"""Ed25519 signatures (RFC 8032) with keys in PEM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bcp.kernel.errors import Invalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def _private(pem: str) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise _no_key() from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key()
    return key


def _no_key() -> Invalid:
    return Invalid(
        "the signing key is no Ed25519 key in PEM",
        hint="Make one: openssl genpkey -algorithm ed25519 -out KEY",
        rule="signing-key",
    )


def public_half(pem: str) -> str:
    """The public key of a private one, in PEM. Raises ``Invalid``."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return _private(pem).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def sign(pem: str, data: bytes) -> bytes:
    """The signature. Raises ``Invalid``."""
    return _private(pem).sign(data)
