"""The Ed25519 key that signs the heads of the evidence."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bcp.kernel.errors import Invalid
from bcp.kernel.files import make_private, write_atomic
from bcp.kernel.secret import Secret, remember
from bcp.store.files.anchors import FOLDER

KEY = "signing.key"


class SigningKey:
    """Signs; shows its public half alone."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw().hex()
        """What others check by, in hex: 64 digits that can be read out over the telephone."""

    def sign(self, text: str) -> str:
        """In hex."""
        return self._private.sign(text.encode("utf-8", "surrogatepass")).hex()


def signing_key(state: Path, given: Secret | None) -> SigningKey:
    """The one of the configuration, else a file of the state folder, which is made once.

    Raises:
        Invalid: (``evidence-key``) it is no key.
    """
    if given is not None:
        return _key(given.reveal())
    path = state / FOLDER / KEY
    if not path.exists():
        _make(path)
    text = path.read_text(encoding="utf-8").strip()
    remember(text)
    return _key(text)


def _make(path: Path) -> None:
    """A new key, whole or not at all; of two who make one, the first one's stays. Raises ``StorageError``."""
    scratch = make_private(path.parent) / f".{KEY}.{secrets.token_hex(4)}"
    write_atomic(scratch, secrets.token_hex(32))
    with contextlib.suppress(FileExistsError):
        os.link(scratch, path)
    scratch.unlink(missing_ok=True)


def _key(text: str) -> SigningKey:
    try:
        raw = bytes.fromhex(text.strip())
        if len(raw) != 32:
            raise ValueError
    except ValueError as error:
        text = "the key of the evidence is not 32 bytes in hex"
        raise Invalid(text, hint="Make one with: openssl rand -hex 32", rule="evidence-key") from error
    return SigningKey(Ed25519PrivateKey.from_private_bytes(raw))


def genuine(text: str, signature: str, public: str) -> bool:
    """Is this the signature (hex) of a text by this key (hex)?"""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), text.encode("utf-8", "surrogatepass"))
    except (ValueError, InvalidSignature):
        return False
    return True
