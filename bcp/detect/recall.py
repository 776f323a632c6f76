"""What a watch leaves to the next one: no outage begins when a daemon is started again in the middle of it. Pure.

Only what is remembered of planes is taken up: since when they fail, for how many failing minutes, how surely and how
unsteadily. That something is down *now* has to be seen anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bcp.detect.detector import Detector
from bcp.detect.onset import AHEAD_S

LAST_S = 86_400.0
"""A watch that ended longer ago knows nothing of the outage of now."""
MANY = 200
"""Memories that are kept, those of whole planes before those of single domains."""


def kept_of(detector: Detector) -> dict[str, Any]:
    """As plain data; empty while nothing is wrong."""
    by = sorted(detector.memory.items(), key=lambda item: (bool(item[0][1]), item[0]))
    rows = [{"plane": p, "domain": d, **kept} for (p, d), m in by if (kept := m.kept())]
    found = detector.course.outage == "found"
    return {"found": found, "planes": rows[:MANY]} if found or rows else {}


def recall(detector: Detector, at: float, kept: Any, wall: float) -> None:
    """Take up what the watch before this one left at ``at``, before the first round. What is no such thing is left.

    What happened while nobody looked counts as failing where it failed before, unless it was so long that an outage
    may have ended meanwhile and another one begun.
    """
    gone = wall - at
    if not isinstance(kept, Mapping) or not -AHEAD_S <= gone <= LAST_S or kept.get("found") is not True:
        return
    unseen_s = max(0.0, gone) if gone <= detector.rules.keep_firing_for_s else None
    rows = kept.get("planes")
    for row in rows[:MANY] if isinstance(rows, list) else []:
        try:
            plane, domain = str(row["plane"]), str(row["domain"])
            detector.memory[plane, domain].recall(row, wall, unseen_s)
        except (TypeError, ValueError, KeyError):
            continue
    detector.course = replace(detector.course, outage="found")
