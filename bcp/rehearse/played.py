"""An outage that is played: what runs of a drill are told of the service, while nothing is broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bcp.detect.decide import Decision


class PlayedLooker:
    """What the runs of the drill are told of the service."""

    def __init__(self, letter: str, clock: Callable[[], float]) -> None:
        self.letter, self._clock = letter, clock
        self.since = 0.0
        self.down = False
        self.real: Callable[[], Awaitable[Mapping[str, Any]]] | None = None
        """Set when the exercise is over before its time: from then on the truth is told."""

    def decision(self) -> Decision:
        """As a watch would say it."""
        if not self.down:
            return Decision("healthy", evidence=("exercise: the service is played as well",))
        planes = {"E": ("dns",), "A": ("mailbox",), "C": ("outbound",), "D": ("auth",)}.get(self.letter, ("inbound",))
        said = (f"exercise: class {self.letter} is played, nothing is broken",)
        return Decision("down", (self.letter,), planes, self.since, said, "confirmed", action="switch", moves=True)

    def break_(self) -> None:
        """From now on it is down."""
        self.since, self.down = self._clock(), True

    async def verdict(self) -> Mapping[str, Any]:
        """As the real looker says it."""
        if self.real is not None:
            return await self.real()
        found = self.decision()
        return {
            "state": found.state, "class": found.outage_class, "planes": list(found.planes),
            "evidence": list(found.evidence), "since": found.since or 0.0,
        }  # fmt: skip

    async def fresh(self) -> Mapping[str, Any]:
        """The same."""
        return await self.verdict()
