"""Batches: what an agent tells the main node, signed, numbered, each one naming the one before. Pure.

A seal is HMAC-SHA256 (RFC 2104) under a key that both sides have, over a word for the kind of document and its bytes: a
batch is no reply and no request. The chain makes a batch that was left out or exchanged visible to who has the next.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bcp.kernel.errors import Invalid, Refused

BATCH, REPLY, HELLO = b"bcp-relay-batch 1", b"bcp-relay-reply 1", b"bcp-relay-hello 1"
LEAST_KEY = 16
"""Bytes of a key."""
MOST = 64 << 20
"""Bytes of a document before and after it is unpacked."""


def checked_key(raw: bytes, name: str) -> bytes:
    """Without white space around it. Raises ``Invalid`` (``no-agent-key``) when it is too short."""
    key = raw.strip()
    if len(key) < LEAST_KEY:
        raise Invalid(f"the key {name} is shorter than {LEAST_KEY} characters", rule="no-agent-key")
    return key


def mac(key: bytes, *parts: bytes) -> str:
    """The seal over these parts, none of which can flow into the next."""
    return hmac.new(key, b"".join(b"%d:%s" % (len(p), p) for p in parts), hashlib.sha256).hexdigest()


def digest(raw: bytes) -> str:
    """By which the next batch names this one."""
    return hashlib.sha256(raw).hexdigest()


def seal(key: bytes, kind: bytes, data: Mapping[str, Any]) -> bytes:
    """A document as bytes: a line of text with the seal, then packed JSON."""
    body = zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 6)
    return kind + b" " + mac(key, kind, body).encode() + b"\n" + body


def is_sealed(key: bytes, kind: bytes, raw: bytes) -> bool:
    """Is this seal that of our key?"""
    line, _, body = raw.partition(b"\n")
    named, _, seal_ = line.rpartition(b" ")
    return named == kind and hmac.compare_digest(seal_, mac(key, kind, body).encode())


def unseal(key: bytes, kind: bytes, raw: bytes) -> dict[str, Any]:
    """What is in it.

    Raises:
        Refused: ``batch-forged``: the seal is not ours; ``batch-unreadable``: it is no such document.
    """
    line, _, body = raw.partition(b"\n")
    named, _, seal_ = line.rpartition(b" ")
    if named != kind:
        raise Refused(f"this is no {kind.decode()}", rule="batch-unreadable", hint="Is it cut, or another program's?")
    if not hmac.compare_digest(seal_, mac(key, kind, body).encode()):
        hint = "The key of this relay's agent is another one, or somebody altered it on the way."
        raise Refused("the seal is not that of our key", rule="batch-forged", hint=hint)
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(body, MOST)
        data = json.loads(text) if unpacker.eof else None
    except (zlib.error, ValueError, RecursionError) as error:
        raise Refused(f"this {kind.decode()} cannot be read: {error}", rule="batch-unreadable") from error
    if not isinstance(data, dict):
        raise Refused(f"this {kind.decode()} cannot be read", rule="batch-unreadable")
    return data


@dataclass(frozen=True, slots=True)
class Request:
    """What the main node asks for: the batch after the one that it has last, of a chain that it knows."""

    relay: str
    stream: str = ""
    after: int = 0
    nonce: str = ""

    def sealed(self, key: bytes) -> str:
        """The seal under which an agent forgets what the main node has."""
        parts = (self.relay, self.stream, str(self.after), self.nonce)
        return mac(key, b"bcp-relay-ask 1", *(p.encode() for p in parts))

    def to_data(self, key: bytes) -> dict[str, str | int]:
        """As JSON has it, with its seal."""
        return {
            "relay": self.relay, "stream": self.stream, "after": self.after, "nonce": self.nonce,
            "seal": self.sealed(key),
        }  # fmt: skip


def request_of(data: object) -> tuple[Request, str]:
    """Back from ``to_data``, and its seal, which is not judged yet. Raises ``ValueError``."""
    if not isinstance(data, dict):
        raise ValueError("no request")
    try:
        request = Request(
            str(data["relay"]), str(data["stream"]), int(str(data["after"])[:15]), str(data["nonce"])[:64]
        )
        return request, str(data["seal"])
    except KeyError as error:
        raise ValueError("no request") from error
