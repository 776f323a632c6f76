"""What persons on call have declared, one JSON line each: a small file in the state folder, read each round."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from bcp.kernel.json_in import rows
from bcp.store.files.lines import append_line

FILE = "words.jsonl"
"""Its name in the state folder."""


@dataclass(frozen=True, slots=True)
class Line:
    """One declaration as it is kept; see ``bcp.detect.words.Word`` for what it means."""

    kind: str
    who: str
    at: float
    until: float
    outage_class: str = ""
    text: str = ""


def add_word(path: Path, line: Line) -> None:
    """Append one. Raises ``StorageError``."""
    append_line(path, json.dumps(asdict(line), ensure_ascii=False))


def read_words(path: Path) -> list[Line]:
    """All that can be read; a line that is none is skipped."""
    try:
        lines = rows(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []
    return [found for line in lines if (found := _line(line)) is not None]


def _line(text: str) -> Line | None:
    try:
        raw = json.loads(text)
        at, until = float(raw["at"]), float(raw["until"])
        if not (math.isfinite(at) and math.isfinite(until)):
            return None
        words = [str(raw.get(k, ""))[:300] for k in ("outage_class", "text")]
        return Line(str(raw["kind"]), str(raw["who"])[:100], at, until, *words)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
