"""What the daemon sees: the verdict of its watch, and looks of this moment that a hook or a run wants."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bcp.detect.decide import Decision
from bcp.detect.onset import Onset, since_onset
from bcp.detect.rules import Rules
from bcp.detect.watch import LiveLooker, confirmed_by, to_data
from bcp.kernel.clock import Clock
from bcp.settings.detect import RecheckSettings
from bcp.wiring.watching import Watching

FRESH_S = 60.0
"""How long a look of our own that a hook caused is believed without the watch having come to the same."""


NEVER = -1.0
"""No look is young enough to be used again."""


class Sight:
    """The watch's last verdict and the last burst of looks, and which of the two is believed."""

    def __init__(self, watching: Watching, clock: Clock) -> None:
        self.watching, self.clock = watching, clock
        self.decision: Decision | None = None
        """The watch's own verdict; ``None`` before its first round."""
        self.alive = False
        """Does the watch run?"""
        self.rounds = 0
        self.last_round = 0.0
        """Steady time of the last round."""
        self._burst: tuple[float, Decision] | None = None
        self._looking: asyncio.Task[Decision] | None = None
        self._wanted = asyncio.Event()

    @property
    def rules(self) -> Rules:
        """How sure detection must be."""
        return self.watching.rules

    @property
    def looks(self) -> bool:
        """Is there anything to look with?"""
        return bool(self.watching.watcher.probes)

    def noted(self, found: Decision) -> None:
        """A round of the watch is over."""
        self.alive, self.decision = True, found
        self.rounds, self.last_round = self.rounds + 1, self.clock.monotonic()

    def seen(self) -> Decision:
        """The verdict now: the watch's, or that of a look that a hook caused a moment ago. The watch needs some
        rounds to
        become suspicious; until then, and while it is, the look is believed."""
        mine = self.decision or self.watching.decision()
        if mine.state == "down" or self._burst is None or self._burst[1].state != "down":
            return mine
        at, found = self._burst
        age = self.clock.monotonic() - at
        soon = (self.rules.suspect + 1) * self.rules.interval_s
        if age <= soon or (age <= FRESH_S and mine.state != "healthy"):
            return since_onset(found, Onset(mine.since or 0.0), self.rules, self.clock.now())
        return mine

    async def look(self, reuse_s: float) -> Decision:
        """A few looks now, or those of at most ``reuse_s`` ago. Whoever asks meanwhile gets the same answer."""
        if self._burst is not None and self.clock.monotonic() - self._burst[0] <= reuse_s:
            return self._burst[1]
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> Decision:
        found = await self.watching.looker.burst()
        self._burst = (self.clock.monotonic(), found)
        return found

    def want_look(self) -> None:
        """Somebody says that something is wrong: do not wait for the next round."""
        self._wanted.set()

    async def wanted(self) -> None:
        """Until somebody wants a look."""
        await self._wanted.wait()
        self._wanted.clear()

    def looked_at(self) -> float:
        """When the last round was over (epoch seconds); 0: there was none."""
        return self.clock.now() - (self.clock.monotonic() - self.last_round) if self.rounds else 0.0

    def healthy_watch(self) -> bool:
        """Did the watch finish a round in the last three intervals (a minute at least)? Without probes: yes."""
        if not self.looks:
            return True
        limit = max(60.0, 3 * self.rules.interval_s)
        return bool(self.rounds) and self.clock.monotonic() - self.last_round <= limit


class SharedLooker(LiveLooker):
    """Looks for runs: a look of their own, quick and now, beside what the watch says."""

    def __init__(self, sight: Sight, recheck: RecheckSettings) -> None:
        super().__init__(sight.watching.watcher, looks=recheck.looks, apart_s=recheck.apart, reuse_s=recheck.reuse)
        self.sight = sight

    async def verdict(self) -> Mapping[str, Any]:
        """As data (``to_data``). What the watch calls *down* must fail in looks that are made now:
        it may be over since."""
        watch = self.sight.decision
        down = watch is not None and watch.state == "down"
        found = await self.sight.look(NEVER if down else self.reuse_s)
        if watch is not None and down:
            return to_data(confirmed_by(watch, found))
        return to_data(watch if watch is not None and watch.state == found.state else found)

    async def fresh(self) -> Mapping[str, Any]:
        """A look of this moment: the watch says *down* for a while after the service came back."""
        return to_data(await self.sight.look(self.reuse_s))
