"""What runs did, told to the course of the outage: by the index of runs, whichever process performs them."""

from __future__ import annotations

from collections.abc import Callable

from bcp.contracts.store import RunCard, RunQuery
from bcp.detect.detector import Detector
from bcp.incident.standing import event_between, standing
from bcp.kernel.clock import Clock

UNFINISHED = RunQuery(unfinished=True, moves_mx=True)
"""Every run that is not over and moves MX: what stands is folded from these."""


class Follower:
    """Keeps ``Course.standing`` what the runs say. Called before each round, and at once when a run here says something."""

    def __init__(self, cards: Callable[[RunQuery], list[RunCard]], detector: Detector, clock: Clock) -> None:
        self.cards, self.detector, self.clock = cards, detector, clock

    def follow(self) -> None:
        """Look at what stands, and say what changed."""
        now = standing(self.cards(UNFINISHED))
        event = event_between(self.detector.course.standing, now.what)
        if event:
            self.detector.event(event, self._steady(now.since) if event == "switched" else self.clock.monotonic())

    def _steady(self, wall: float) -> float:
        """Steady time of a moment by the wall clock; never in the future, whatever was done to that clock."""
        return self.clock.monotonic() - max(0.0, self.clock.now() - wall)
