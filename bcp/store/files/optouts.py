"""Numbers whose owners told a vendor STOP: remembered, so that forecasts are honest; START takes it back.

The vendor refuses these by itself (Twilio error 21610); what is kept here says so before a send.
"""

from __future__ import annotations

import json
from pathlib import Path

from bcp.kernel.errors import StorageError
from bcp.kernel.files import make_private, write_atomic

NAME = "optouts.json"
STOP = frozenset({"stop", "stopall", "unsubscribe", "end", "quit", "cancel", "revoke", "optout"})
START = frozenset({"start", "yes", "unstop"})
"""Twilio's words (twilio.com, opt-out keywords for SMS). Alone in a text, in any case."""


def word_of(text: str) -> str:
    """``stop``, ``start`` or empty."""
    word = text.strip().lower().strip(".!")
    return "stop" if word in STOP else "start" if word in START else ""


def read_optouts(folder: Path) -> frozenset[str]:
    """Numbers that opted out."""
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return frozenset()
    return frozenset(str(n) for n in found) if isinstance(found, list) else frozenset()


def note_optout(folder: Path, number: str, word: str) -> bool:
    """Remember a STOP or forget it with a START; False when nothing changed. Raises ``StorageError``."""
    now = read_optouts(folder)
    fresh = now | {number} if word == "stop" else now - {number}
    if fresh == now:
        return False
    if len(fresh) > 1_000_000:
        raise StorageError("there are too many opted-out numbers", hint=f"Look at {folder / NAME}.")
    write_atomic(make_private(folder) / NAME, json.dumps(sorted(fresh)))
    return True
