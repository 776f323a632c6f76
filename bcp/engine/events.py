"""What a runner tells whoever watches it live. Display only: nothing depends on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """One line of a live timeline."""

    at: float
    kind: str
    step: str = ""
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


Listener = Callable[[Progress], None]


def nobody(progress: Progress) -> None:
    """A listener that does not listen."""
