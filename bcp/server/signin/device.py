"""Browsers that somebody has logged in from: they keep their own count of wrong tries, apart from everybody else's.

Without this a stranger who types wrong passwords for a name shuts its owner out. It is OWASP's "device cookie"
(Slow Down Online Guessing Attacks with Device Cookies): a signed mark, set after a log-in that succeeded. It opens
nothing by itself; it only says which count applies.
"""

from __future__ import annotations

import hashlib
import hmac

LASTS_S = 180 * 86_400.0


def mark(key: bytes, name: str, now: float) -> str:
    """The value of the cookie for a browser in which ``name`` has just logged in. ``now`` is epoch seconds."""
    until = int(now + LASTS_S)
    return f"{until}.{_proof(key, name, until)}"


def known(key: bytes, name: str, value: str, now: float) -> bool:
    """Has ``name`` logged in from the browser that shows this cookie?"""
    until, _, proof = value.partition(".")
    if not (until.isascii() and until.isdigit() and len(until) < 13) or int(until) < now:
        return False
    return hmac.compare_digest(proof.encode(), _proof(key, name, int(until)).encode())


def _proof(key: bytes, name: str, until: int) -> str:
    return hmac.new(key, f"device\x1f{name}\x1f{until}".encode(), hashlib.sha256).hexdigest()
