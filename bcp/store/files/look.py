"""What a person's own look saw last (``bcp verdict``): for commands that must not look again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bcp.kernel.errors import Invalid, StorageError
from bcp.kernel.files import write_atomic
from bcp.kernel.json_in import loads

FILE = "look.json"
TEXTS = ("state", "stage", "action", "why", "playbook")
"""What is kept of a verdict, beside its classes and since when it fails."""


def note_look(state: Path, at: float, seen: Mapping[str, Any]) -> None:
    """Remember a look. A disk that is full, or a folder that may only be read, loses it and nothing else."""
    kept = {"at": at, "since": seen["since"], "classes": seen["classes"], **{k: seen[k] for k in TEXTS}}
    try:
        write_atomic(state / FILE, json.dumps(kept, ensure_ascii=False) + "\n", mode=0o600)
    except StorageError:
        return


def read_look(state: Path) -> tuple[float, dict[str, Any]] | None:
    """When somebody looked last, and what was seen; ``None``: nobody did, or it cannot be read."""
    try:
        found = loads((state / FILE).read_bytes())
        at, since, classes = found["at"], found["since"] or 0, found["classes"]
        texts = {k: found[k] for k in TEXTS}
    except (OSError, Invalid, KeyError, TypeError):
        return None
    times = all(isinstance(t, int | float) and not isinstance(t, bool) for t in (at, since))
    if not (times and isinstance(classes, list) and all(isinstance(x, str) for x in (*classes, *texts.values()))):
        return None
    return float(at), {"since": float(since), "classes": classes, **texts}
