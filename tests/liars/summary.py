"""How many lies were told, by kind, at the end of a test run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any


def lines_of(properties: Iterable[tuple[str, Any]]) -> list[str]:
    """From what the tests recorded: a first line, then the kinds with their numbers. Empty: none were told."""
    told: Counter[str] = Counter()
    for name, value in properties:
        if name == "liars":
            told.update(json.loads(value))
    if not told:
        return []
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(told.items()))
    return [f"{told.total()} games with a lie, {len(told)} kinds of wrong answers:", kinds]
