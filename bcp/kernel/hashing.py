"""One canonical form of data, its digest, and the links of a hash chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from json.encoder import encode_basestring
from typing import Any

from bcp.kernel.text import sound

GENESIS = "0" * 64
"""What the first link of every chain points at."""


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_said = _ENCODER.encode


def canonical(data: Any) -> str:
    """JSON with sorted keys and no spaces: the same data always gives the same text."""
    return sound(_said(data))


WIDE = 500
"""Members from which a list or an object is written in pieces."""


def pieces(data: Any, levels: int = 4) -> Iterator[str]:
    """``canonical`` piece by piece: its outer ``levels``, and whatever is wide, by Python; what is inside by the C
    encoder, which lets no other thread run before its end."""
    if isinstance(data, Mapping) and data and (levels > 0 or len(data) > WIDE):
        for i, key in enumerate(sorted(data)):
            yield f"{',' if i else '{'}{_said(str(key))}:"
            yield from pieces(data[key], levels - 1)
        yield "}"
    elif isinstance(data, (list, tuple)) and data and (levels > 0 or len(data) > WIDE):
        for i, value in enumerate(data):
            yield "," if i else "["
            yield from pieces(value, levels - 1)
        yield "]"
    else:
        yield _said(data)


def digest_of_large(data: Any) -> str:
    """``digest``, of data whose keys are texts, for whoever has others beside him that must not stand still."""
    found = hashlib.sha256()
    for piece in pieces(data):
        found.update(piece.encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def digest(data: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(data).encode("utf-8", "surrogatepass")).hexdigest()


def digest_text(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def link(previous: str, record: Any) -> str:
    """The hash of a record in a chain: it covers the record and everything before it."""
    return hashlib.sha256((previous + canonical(record)).encode("utf-8", "surrogatepass")).hexdigest()


def link_event(previous: str, seq: int, at: float, kind: str, step: str, actor: str, data: str) -> str:
    """``link`` for an event of a run's journal: the same hash at a quarter of the cost,
    as a send writes two for each message."""
    text = (
        f'{previous}{{"actor":{encode_basestring(actor)},"at":{at!r},"data":{encode_basestring(data)},'
        f'"kind":{encode_basestring(kind)},"seq":{seq},"step":{encode_basestring(step)}}}'
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def short(checksum: str) -> str:
    """The first 12 characters, for people to compare."""
    return checksum[:12]
