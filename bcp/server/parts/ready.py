"""Looks at readiness round after round, keeps what is seen, and tells the owner once a week."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

from bcp.contracts.readiness import ReadinessStore
from bcp.deeds.readiness import weekly
from bcp.deeds.readiness.look import Found, kept, look
from bcp.kernel.errors import BcpError
from bcp.kernel.log import logger
from bcp.ready.weekly import due
from bcp.server.core import Core
from bcp.server.parts.ports import Speaks
from bcp.server.parts.untold import note_nobody

LOG = logger(__name__)
LEAST_S, MOST_S = 1.0, 300.0
"""Between two rounds at least; and how often is looked whether the weekly message is due."""
AGAIN_S = (900.0, 3600.0, 14_400.0)
"""A weekly message that was provably not taken is sent again so long after each try. What is in doubt is not."""


class Readiness:
    """The loop. ``found`` is what the last round saw; ``None`` before the first one."""

    def __init__(self, core: Core, speaker: Speaks) -> None:
        self.core, self.speaker = core, speaker
        self.found: Found | None = None
        self._failed: dict[str, tuple[int, float]] = {}
        """Weekly messages that were not taken, by key: how often, and when the next try is."""
        self._told: set[str] = set()
        """Weekly messages of which somebody has heard, or of which it was said that nobody has."""

    @property
    def store(self) -> ReadinessStore:
        """The history of readiness."""
        return self.core.app.running.readiness

    async def run(self) -> None:
        """For ever. A round begins so long after the one before began as ``readiness: every:`` says."""
        clock, begun = self.core.clock, -math.inf
        while True:
            every = max(LEAST_S, self.core.app.settings.readiness.every)
            if clock.monotonic() - begun >= every:
                begun = clock.monotonic()
                await self.once()
            await self.tell()
            await clock.sleep(max(LEAST_S, min(MOST_S, begun + every - clock.monotonic())))

    async def once(self) -> Found:
        """One round: with connections of its own, which are closed at the end, and files read anew."""
        app = self.core.run_app()
        try:
            found = await look(app)
        finally:
            await app.close()
        try:
            found = kept(self.store, found)
        except BcpError as error:  # the disk is one of the things that are looked at
            LOG.error("readiness: %s", error.whole)
        self.found = found
        self.core.changed()
        return found

    # -- once a week ---------------------------------------------------------------------------------------------

    async def tell(self) -> int:
        """Send the weekly message where it is due and was not sent; returns to how many addresses it went."""
        settings, org = self.core.app.settings.readiness, self.core.app.settings.organisation
        wanted = due(self.core.clock.now(), settings.day, settings.hour, org.timezone)
        if self.found is None or wanted is None or not settings.owner:
            return 0
        said = weekly.values(self.core.app, self.found, self.store)
        ways = [(to, f"{wanted.key}/{to.channel.name}/{to.who}") for to in weekly.addresses(self.core.app)]
        tried = [self._one(to, key, said) for to, key in ways if self._may(key)]
        sent = (await asyncio.gather(*tried)).count(True)
        if sent:
            self._told.add(wanted.key)
        elif tried and wanted.key not in self._told:
            self._told.add(wanted.key)
            await note_nobody(self.core, "", "the weekly message about readiness", len(tried))
        return sent

    def _may(self, key: str) -> bool:
        """Once; and again later, a few times, where it was provably not taken."""
        if self.store.claim(key, self.core.clock.now()):
            return True
        return key in self._failed and self.core.clock.now() >= self._failed[key][1]

    async def _one(self, to: weekly.To, key: str, said: Mapping[str, Any]) -> bool:
        """To one address; True: it was taken."""
        words = {**self.speaker.org(), "ready": said}
        state, problem = await self.speaker.send(to.channel, to.address, weekly.TEMPLATE, to.language, words, key)
        times = self._failed.pop(key, (0, 0.0))[0]
        if state == "failed":
            wait = AGAIN_S[times] if times < len(AGAIN_S) else math.inf
            self._failed[key] = (times + 1, self.core.clock.now() + wait)
        if state != "sent":
            LOG.warning("readiness: %s was not told by %s: %s", to.who or "the place", to.channel.name, problem)
        return state == "sent"
