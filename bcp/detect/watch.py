"""The watcher: starts every probe on a fixed beat, feeds the pure rules, and says what it sees now."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from bcp.contracts.probe import Probe, Result, Signal
from bcp.detect.counter import NAGIOS_STATES, flap_percent
from bcp.detect.decide import Decision, Rules, View, decide, observe
from bcp.kernel.clock import Clock


class Watcher:
    """Looks again and again. A slow probe does not delay the beat: looks overlap, ``overlap`` at most."""

    def __init__(
        self, probes: Sequence[Probe[Any]], rules: Rules, clock: Clock, *, interval_s: float, overlap: int = 8
    ) -> None:
        self.probes, self.rules, self.clock = probes, rules, clock
        self.interval_s, self.overlap = interval_s, overlap
        self.view = View()
        self._states: deque[bool] = deque(maxlen=NAGIOS_STATES)

    def decision(self) -> Decision:
        """The verdict now."""
        return decide(self.view, self.clock.now(), self.rules)

    def take(self, signal: Signal) -> None:
        """One more observation."""
        self.view = observe(self.view, signal, self.rules)

    @property
    def flap(self) -> float:
        """How unsteady the verdict was over the last 21 beats, in Nagios' percent."""
        return flap_percent(tuple(self._states))

    def beat(self) -> None:
        """Note the verdict of this beat, for ``flap``."""
        self._states.append(self.decision().state == "down")

    async def _look(self, probe: Probe[Any]) -> None:
        try:
            self.take(await probe.look())
        except Exception as error:  # noqa: BLE001 - a broken probe says nothing about the service
            self.take(
                Signal(
                    probe.name,
                    probe.plane,
                    Result.UNKNOWN,
                    self.clock.now(),
                    "broken-probe",
                    f"the probe itself failed: {type(error).__name__}: {error}",
                )
            )

    async def once(self) -> Decision:
        """Every probe once."""
        async with asyncio.TaskGroup() as group:
            for probe in self.probes:
                group.create_task(self._look(probe))
        return self.decision()

    async def run(self) -> AsyncIterator[Decision]:
        """For ever: the verdict after every beat, and at once when an observation comes in."""
        news = asyncio.Event()
        flying: dict[str, int] = {p.name: 0 for p in self.probes}

        async def one(probe: Probe[Any]) -> None:
            flying[probe.name] += 1
            try:
                await self._look(probe)
            finally:
                flying[probe.name] -= 1
                news.set()

        async with asyncio.TaskGroup() as group:

            async def beat() -> None:
                while True:
                    self.beat()
                    for probe in self.probes:
                        if flying[probe.name] < self.overlap:
                            group.create_task(one(probe))
                    await self.clock.sleep(self.interval_s)

            group.create_task(beat())
            while True:
                await news.wait()
                news.clear()
                yield self.decision()


class LiveLooker:
    """Looks for actions: a watcher that is running, or a burst of its own. A verdict younger than ``reuse_s`` is used again."""

    def __init__(
        self, watcher: Watcher, *, looks: int = 2, apart_s: float = 0.5, reuse_s: float = 10.0, live: bool = False
    ) -> None:
        self.watcher, self.looks, self.apart_s, self.reuse_s, self.live = watcher, looks, apart_s, reuse_s, live
        self._said: tuple[float, Mapping[str, Any]] | None = None

    async def verdict(self) -> Mapping[str, Any]:
        """``state``, ``class``, ``planes``, ``evidence``, ``since``."""
        if self.live:
            return to_data(self.watcher.decision())
        now = self.watcher.clock.monotonic()
        if self._said is not None and now - self._said[0] <= self.reuse_s:
            return self._said[1]
        burst = Watcher(
            self.watcher.probes,
            Rules(threshold=self.looks, need=self.watcher.rules.need),
            self.watcher.clock,
            interval_s=self.apart_s,
        )

        async def later(delay: float) -> None:
            await burst.clock.sleep(delay)
            await burst.once()

        async with asyncio.TaskGroup() as group:
            for i in range(self.looks):
                group.create_task(later(i * self.apart_s))
        self._said = (self.watcher.clock.monotonic(), to_data(burst.decision()))
        return self._said[1]


def to_data(decision: Decision) -> dict[str, Any]:
    """Plain data, as actions and plans see it."""
    return {
        "state": decision.state,
        "class": decision.outage_class,
        "planes": list(decision.planes),
        "evidence": list(decision.evidence),
        "since": decision.since or 0,
    }
