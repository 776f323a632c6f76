"""Reports of people, one JSON line each, appended under a lock. Small: old ones are dropped when it grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bcp.kernel.json_in import rows
from bcp.store.files.lines import MAX_BYTES, append_line

__all__ = ["KEEP_S", "MAX_BYTES", "Problem", "add_problem", "read_problems"]
KEEP_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Problem:
    """One report. ``kind``: reported, declared, resolved."""

    at: float
    who: str
    plane: str
    kind: str
    text: str


def read_problems(path: Path) -> Iterator[Problem]:
    """All that can be read; a line that is none is skipped."""
    try:
        lines = rows(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return
    for line in lines:
        try:
            raw = json.loads(line)
            yield Problem(float(raw["at"]), str(raw["who"]), str(raw["plane"]), str(raw["kind"]), str(raw["text"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue


def add_problem(path: Path, problem: Problem) -> None:
    """Append one. Raises ``StorageError``."""

    def kept() -> list[str]:
        young = [p for p in read_problems(path) if p.at >= problem.at - KEEP_S][-5_000:]
        return [json.dumps(asdict(p), ensure_ascii=False) for p in young]

    append_line(path, json.dumps(asdict(problem), ensure_ascii=False), kept)
