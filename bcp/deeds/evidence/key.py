"""The Ed25519 key that signs the heads of the evidence."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Collection
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bcp.kernel.errors import Invalid
from bcp.kernel.files import make_private, write_atomic
from bcp.kernel.secret import Secret, remember
from bcp.store.files.anchors import FOLDER

KEY, NEXT = "signing.key", "signing.key.next"


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


def current_key(state: Path, given: Secret | None, wanted: str) -> SigningKey:
    """The key that signs now. ``wanted``: the public key that the heads name; one that was made for it and has not
    taken its place yet (the machine stopped in between) takes it now. Raises ``Invalid``, ``StorageError``."""
    path = state / FOLDER / NEXT
    if given is None and path.exists():
        following = _key(path.read_text(encoding="utf-8"))
        if following.public == wanted:
            path.replace(state / FOLDER / KEY)
    return signing_key(state, given)


def next_key(state: Path) -> SigningKey:
    """A new key, beside the one that signs; the old one signs for it first. Raises ``StorageError``."""
    path = make_private(state / FOLDER) / NEXT
    path.unlink(missing_ok=True)
    _make(path)
    text = path.read_text(encoding="utf-8").strip()
    remember(text)
    return _key(text)


def must_be(public: str, wanted: str) -> None:
    """Raises ``Invalid`` (``evidence-other-key``): a head that is signed with another key would look forged."""
    if wanted and public != wanted:
        text = f"the key of the evidence is {public[:16]}, and the signed heads name {wanted[:16]}"
        hint = (
            "Put the old key back (evidence: key:, or evidence/signing.key in the state folder), then:"
            " bcp evidence rotate. If it is lost: bcp evidence rotate --lost"
        )
        raise Invalid(text, rule="evidence-other-key", hint=hint)


def strange_key(state: Path, known: Collection[str]) -> str:
    """What is wrong with the private key in the state folder: one that no signed head names was put in its place.

    Empty: nothing, or there is none. ``known``: public keys of the heads.
    """
    path = state / FOLDER / KEY
    try:
        found = _key(path.read_text(encoding="utf-8")).public if known and path.exists() else ""
    except (OSError, UnicodeDecodeError, Invalid):
        return f"{FOLDER}/{KEY} is no key any more"
    if not found or found in known:
        return ""
    return f"{FOLDER}/{KEY} was replaced: its key, {found[:16]}, is not one that the signed heads name"


def _make(path: Path) -> None:
    """A new key, whole or not at all; of two who make one, the first one's stays. Raises ``StorageError``."""
    scratch = make_private(path.parent) / f".{path.name}.{secrets.token_hex(4)}"
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
