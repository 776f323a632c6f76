"""Identifiers that sort by time, can be read aloud, and are never used twice."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no i, l, o, 0, 1: they are read out over the phone


def new_id(prefix: str, now: float) -> str:
    """``run-20260122-174500-x7kq``: prefix, UTC time, four random characters (about 10^6 a second)."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(4))
    return f"{prefix}-{stamp}-{tail}"


def new_token(size: int = 8) -> str:
    """Random characters for a tag or an incarnation, from the same alphabet."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(size))
