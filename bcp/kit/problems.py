"""Reports of people, one JSON line each, appended under a lock. Small: old ones are dropped when it grows."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bcp.kernel.errors import StorageError
from bcp.kernel.files import make_private

MAX_BYTES = 1_000_000
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
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            raw = json.loads(line)
            yield Problem(float(raw["at"]), str(raw["who"]), str(raw["plane"]), str(raw["kind"]), str(raw["text"]))
        except (ValueError, KeyError, TypeError):
            continue


def add_problem(path: Path, problem: Problem) -> None:
    """Append one. Raises ``StorageError``."""

    def kept() -> list[str]:
        young = [p for p in read_problems(path) if p.at >= problem.at - KEEP_S][-5_000:]
        return [json.dumps(asdict(p), ensure_ascii=False) for p in young]

    append_line(path, json.dumps(asdict(problem), ensure_ascii=False), kept)


def append_line(path: Path, line: str, kept: Callable[[], list[str]] = list) -> None:
    """Append a line under a lock and see it on disk; a file that has grown too large is cut to ``kept()`` first.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        make_private(path.parent)
        with path.open("a+", encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if handle.tell() > MAX_BYTES:
                rest = kept()
                handle.truncate(0)
                handle.writelines(text + "\n" for text in rest)
            handle.write(line + "\n")
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise StorageError(
            f"the report cannot be written: {error.strerror or error}", hint=f"Check {path.parent}."
        ) from error
