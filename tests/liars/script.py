"""Who lies, where, when and how often: one lie at one point in one part of a failover or a failback."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

WINDOWS = ("watch", "plan", "run", "moved", "back-watch", "back-plan", "back-run", "back-moved")
"""Parts of a game: looking, planning, the run until MX was moved, the run after that; and the same of the way back."""


@dataclass(frozen=True, slots=True)
class Part:
    """One lie of one game. ``always``: every answer in the window; else the first alone."""

    world: str
    point: str
    kind: str
    window: str
    always: bool

    def __str__(self) -> str:
        often = "always" if self.always else "once"
        return f"{self.world} | {self.point} | {self.kind} | {self.window} | {often}"


@dataclass(slots=True)
class Script:
    """What every fake asks before it answers. ``asked`` counts the honest and the other questions, by window."""

    part: Part | None = None
    lie: Any = None
    window: str = ""
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    told: int = 0

    def begin(self, part: Part | None, lie: Any) -> None:
        """A new game."""
        self.part, self.lie, self.window, self.told = part, lie, "", 0
        self.asked.clear()

    def cue(self, point: str) -> Any:
        """The lie to tell at this point now; ``None``: the truth."""
        self.asked[self.window, point] += 1
        part = self.part
        if part is None or part.point != point or part.window != self.window or (self.told and not part.always):
            return None
        self.told += 1
        return self.lie
