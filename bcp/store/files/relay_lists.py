"""What was last known of a relay's recipients, one JSON file a relay: addresses by id, and the link to changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bcp.kernel.files import write_atomic


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a directory has said."""

    since: str = ""
    by_id: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_remembered(path: Path) -> Remembered:
    """What was kept; nothing where there is none, or it cannot be read: then everybody is asked for again."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        by_id = {str(i): tuple(str(a) for a in found) for i, found in raw["by_id"].items()}
        return Remembered(str(raw["since"]), by_id)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Remembered()


def write_remembered(path: Path, found: Remembered) -> None:
    """Keep it. Raises ``StorageError``."""
    write_atomic(path, json.dumps({"since": found.since, "by_id": {i: list(a) for i, a in found.by_id.items()}}))
