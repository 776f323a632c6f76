"""A clock that moves when told, or whenever somebody sleeps."""

from __future__ import annotations

import asyncio


class FakeClock:
    """Sleeping moves it at once. ``set`` changes wall time alone, as an administrator does."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self.wall = start
        self.steady = 0.0

    def now(self) -> float:
        """Wall time."""
        return self.wall

    def monotonic(self) -> float:
        """Steady time."""
        return self.steady

    async def sleep(self, seconds: float) -> None:
        """Move on, and let others run."""
        self.wall += max(0.0, seconds)
        self.steady += max(0.0, seconds)
        await asyncio.sleep(0)

    def set(self, wall: float) -> None:
        """Set wall time, forwards or back."""
        self.wall = wall
