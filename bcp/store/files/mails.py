"""How many mails the relays held when the daemon last asked them: for commands that must not ask again."""

from __future__ import annotations

import json
from pathlib import Path

from bcp.kernel.errors import StorageError
from bcp.kernel.files import write_atomic

FILE = "mails.json"


def note_mails(state: Path, at: float, count: int) -> None:
    """Remember a count. A disk that is full loses the number, nothing else."""
    try:
        write_atomic(state / FILE, json.dumps({"at": at, "count": count}) + "\n", lasting=False)
    except StorageError:
        return


def read_mails(state: Path) -> tuple[float, int] | None:
    """When the relays were asked last, and what they held; ``None``: nobody knows."""
    try:
        found = json.loads((state / FILE).read_text(encoding="utf-8"))
        at, count = found["at"], found["count"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if isinstance(at, bool) or not isinstance(at, int | float) or isinstance(count, bool) or not isinstance(count, int):
        return None
    return (float(at), count) if count >= 0 else None
