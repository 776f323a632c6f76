"""Coverage by room, from coverage's JSON report: lines and branches together, as ``coverage report`` counts them.

    python tests/rooms.py .coverage/report.json

Exit code 1 when a room is under its floor, with the files that lack most. The total is held by ``coverage report``.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

FLOOR = 85.0
"""Percent that each room has; the whole has more (``fail_under`` in pyproject.toml)."""
WORST = 3


@dataclass(frozen=True)
class Count:
    """Lines and branches: how many there are, and how many ran."""

    there: int = 0
    ran: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.there + other.there, self.ran + other.ran)

    @property
    def missing(self) -> int:
        return self.there - self.ran

    @property
    def percent(self) -> float:
        return 100.0 * self.ran / self.there if self.there else 100.0


def room_of(path: str) -> str:
    """``bcp/mx/rules.py`` is in the room ``mx``; a module beside the rooms is its own."""
    return PurePosixPath(path).parts[1].removesuffix(".py")


def files_of(report: Mapping[str, Any]) -> dict[str, Count]:
    """What the report says of each file."""
    return {
        path: Count(s["num_statements"] + s.get("num_branches", 0), s["covered_lines"] + s.get("covered_branches", 0))
        for path, s in ((path, file["summary"]) for path, file in report["files"].items())
    }


def rooms_of(files: Mapping[str, Count]) -> dict[str, Count]:
    """The files of each room, added up."""
    rooms: dict[str, Count] = defaultdict(Count)
    for path, count in files.items():
        rooms[room_of(path)] += count
    return dict(rooms)


def judge(report: Mapping[str, Any], floor: float = FLOOR) -> tuple[list[str], bool]:
    """The lines to print, worst room last, and whether each room reaches the floor."""
    files = files_of(report)
    rooms = sorted(rooms_of(files).items(), key=lambda r: -r[1].percent)
    lines = [f"{name:12} {count.percent:5.1f} %  {count.missing:5} of {count.there} missing" for name, count in rooms]
    low = [name for name, count in rooms if count.percent < floor]
    for name in low:
        lines.append(f"{name} is under {floor:g} %. Most is missing in:")
        worst = sorted((f for f in files if room_of(f) == name), key=lambda f: -files[f].missing)[:WORST]
        lines += [f"  {f}: {files[f].percent:.1f} %, {files[f].missing} missing" for f in worst]
    return lines, not low


def main(path: str) -> int:
    """Print, and say by the exit code whether the floor holds."""
    lines, holds = judge(json.loads(Path(path).read_text()))
    print("\n".join(lines))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
