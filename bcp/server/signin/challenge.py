"""Challenges for log-ins that anybody may begin. Nothing is kept for them, so that nobody can crowd others out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict

LASTS_S = 300.0
USED = 10_000
"""Used challenges that are remembered. Each took a log-in that succeeded."""


class Challenges:
    """A challenge is made of a mark that its browser keeps in a cookie; only we can make one of the other."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._used: OrderedDict[str, None] = OrderedDict()

    def new(self, now: float) -> tuple[str, bytes]:
        """A new pair: the mark for the cookie of the browser, and the challenge that belongs to it."""
        mark = f"{int(now + LASTS_S)}.{secrets.token_urlsafe(24)}"
        return mark, self._of(mark)

    def of(self, mark: str, now: float) -> bytes | None:
        """The challenge of this mark while it lasts and was not used."""
        until, _, _ = mark.partition(".")
        fresh = until.isascii() and until.isdigit() and len(until) < 13 and int(until) >= now
        return self._of(mark) if fresh and mark not in self._used else None

    def use(self, mark: str) -> None:
        """Make a challenge invalid, so that an answer to it counts once."""
        self._used[mark] = None
        while len(self._used) > USED:
            self._used.popitem(last=False)

    def _of(self, mark: str) -> bytes:
        return hmac.new(self._key, f"challenge\x1f{mark}".encode(), hashlib.sha256).digest()
