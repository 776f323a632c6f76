"""What keeps the daemon from proposing or starting a playbook now: for commands in other processes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from bcp.kernel.errors import StorageError
from bcp.kernel.files import write_atomic

FILE = "hindered.json"


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why one playbook is not proposed or started. ``parent``: it is the way back from this run."""

    at: float
    playbook: str
    parent: str
    text: str
    hint: str
    rule: str


def note_hindrances(state: Path, found: Iterable[Hindrance]) -> None:
    """Remember all of now. A disk that is full loses the words, nothing else; so does a power cut, after which the
    daemon begins anew: its loop waits for no disk."""
    try:
        write_atomic(state / FILE, json.dumps([asdict(h) for h in found]) + "\n", lasting=False)
    except StorageError:
        return


def read_hindrances(state: Path) -> list[Hindrance]:
    """Those that the daemon has written; none where the file is not there, or is damaged."""
    try:
        return [_one(row) for row in json.loads((state / FILE).read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _one(row: dict[str, object]) -> Hindrance:
    at = row["at"]
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise ValueError("at")
    return Hindrance(float(at), *(str(row[n]) for n in ("playbook", "parent", "text", "hint", "rule")))
