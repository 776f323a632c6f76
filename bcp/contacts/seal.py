"""Contacts at rest: encrypted and authenticated (AES-256-GCM), and signed (Ed25519) where a key is given.
On `cryptography`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from bcp.kernel.errors import Invalid, Refused
from bcp.kernel.hashing import canonical

SCHEMA = "bcp.contacts/2"


def _key(secret: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256  # 20 ms, only where it is used
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    if len(secret.strip()) < 32:
        raise Invalid(
            f"the key of the contacts has {len(secret.strip())} characters; it needs 32 or more",
            hint="Make one with: openssl rand -hex 32",
        )
    return HKDF(SHA256(), 32, b"bcp.contacts", b"aes-256-gcm").derive(secret.strip().encode())


def encrypt(header: Mapping[str, Any], people: Any, secret: str, nonce: bytes, signing_key: str = "") -> dict[str, Any]:
    """The envelope: a readable header (when, from where, how many), the people only with the key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = {**header, "schema": SCHEMA}
    data = AESGCM(_key(secret)).encrypt(
        nonce, json.dumps(people, ensure_ascii=False).encode(), canonical(head).encode()
    )
    body = {**head, "nonce": _text(nonce), "data": _text(data)}
    if signing_key:
        body["signature"] = _text(_private(signing_key).sign(canonical(body).encode()))
    return body


def decrypt(envelope: Mapping[str, Any], secret: str, trusted_key: str = "") -> Any:
    """The people.

    Raises:
        Refused: another key, altered, or not signed by the trusted one.
        Invalid: it is no envelope.
    """
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    body = dict(envelope)
    signature = str(body.pop("signature", ""))
    try:
        if trusted_key:
            _public(trusted_key).verify(base64.b64decode(signature), canonical(body).encode())
        head = {k: v for k, v in body.items() if k not in {"nonce", "data"}}
        nonce, data = base64.b64decode(str(body["nonce"])), base64.b64decode(str(body["data"]))
        return json.loads(AESGCM(_key(secret)).decrypt(nonce, data, canonical(head).encode()))
    except InvalidSignature as error:
        raise Refused(
            "the contacts are not signed by the trusted key",
            rule="contacts.signature",
            hint="Make a new snapshot on the machine that has the signing key.",
        ) from error
    except InvalidTag as error:
        raise Refused(
            "the contacts cannot be read with this key, or were altered",
            rule="contacts.key",
            hint="Check contacts: key:.",
        ) from error
    except (KeyError, ValueError, TypeError) as error:
        raise Invalid("this is no snapshot of contacts", hint="Make one with `bcp contacts sync`.") from error


def new_signing_key() -> tuple[str, str]:
    """A private key to keep where snapshots are made, and the public one for everywhere else."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    return _text(key.private_bytes_raw()), _text(key.public_key().public_bytes_raw())


def _private(text: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text.strip(), validate=True))
    except ValueError as error:
        raise Invalid("contacts: signing_key: is no key", hint="Make one with: bcp contacts keygen") from error


def _public(text: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except ValueError as error:
        raise Invalid("contacts: trusted_key: is no key", hint="Take the public one of: bcp contacts keygen") from error


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
