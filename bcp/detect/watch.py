"""The watcher: starts every probe on a fixed beat, feeds the pure detector, and says what it sees now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bcp.contracts.probe import Probe, Result, Signal
from bcp.detect.course import Course
from bcp.detect.detector import HERE, Detector
from bcp.detect.rules import Rules
from bcp.detect.verdict import MOVED, Decision
from bcp.detect.works import unseen_of, works_of
from bcp.kernel.clock import Clock, iso

Listen = Callable[[Signal], None]
Source = Callable[[], Iterable[Signal]]
GRACE_S = 2.0
"""A probe that runs this long past its own deadline is cut off."""


WANTED = 2
"""Looks out of turn of a probe that may be under way beside one another: a mail that is, was taken at the door."""


class Watcher:
    """Looks again and again. A slow look does not delay the beat: rounds overlap, ``overlap`` looks of a probe at most.

    A round is settled when its last look is over, so that control probes judge the failures of their own round. Probes
    that are not ``quick`` report whenever they are ready, in the round that ends next.
    """

    def __init__(
        self,
        probes: Sequence[Probe[Any]],
        rules: Rules,
        clock: Clock,
        *,
        interval_s: float = 0.0,
        overlap: int = 8,
        concurrency: int = 500,
        vantages: Sequence[str] = (HERE,),
        here: str = HERE,
        networks: Mapping[str, str] | None = None,
        listen: Sequence[Listen] = (),
        sources: Sequence[Source] = (),
        after: Sequence[Callable[[Decision], None]] = (),
    ) -> None:
        self.interval_s = interval_s or rules.interval_s
        self.probes, self.clock, self.overlap = probes, clock, overlap
        self.rules = replace(rules, interval_s=self.interval_s)
        watched = [p.watched(self.interval_s) for p in probes]
        self.detector = Detector(self.rules, watched, vantages=vantages, here=here, networks=networks)
        self.mine = [p for p, w in zip(probes, watched, strict=True) if not w.vantages or here in w.vantages]
        for probe in self.mine:
            if not probe.quick:
                probe.early = self.detector.take
        self.listen, self.sources, self.concurrency = list(listen), list(sources), concurrency
        self.before: list[Callable[[], None]] = []
        """Called before a round is settled, for what runs have done meanwhile."""
        self.after = list(after)
        """Called with every verdict."""
        self._due: dict[str, float] = {}
        self._flying: dict[str, int] = {p.name: 0 for p in probes}
        self._gate: asyncio.Semaphore | None = None

    def decision(self) -> Decision:
        """The verdict of the last round."""
        return self.detector.decision()

    def take(self, signal: Signal) -> None:
        """One more observation."""
        for listen in self.listen:
            listen(signal)
        self.detector.take(signal)

    def settle(self, *, beat: bool = True) -> Decision:
        """Take in what others sent, and say what the round means."""
        for source in self.sources:
            for signal in source():
                self.take(signal)
        for work in self.before:
            work()
        decision = self.detector.settle(self.clock.monotonic(), self.clock.now(), beat=beat)
        for tell in self.after:
            tell(decision)
        return decision

    @property
    def flap(self) -> float:
        """How unsteady the least steady plane was over the last 21 rounds, in Nagios' percent."""
        return self.decision().flap

    async def _look(self, probe: Probe[Any]) -> None:
        self.take(await look_once(probe))

    async def look_all(self, each: Listen = lambda signal: None) -> list[Signal]:
        """Every probe once, ``concurrency`` at a time; ``each`` hears them as they come."""
        gate = asyncio.Semaphore(self.concurrency)

        async def one(probe: Probe[Any]) -> Signal:
            async with gate:
                signal = await look_once(probe)
            each(signal)
            return signal

        return list(await asyncio.gather(*(one(p) for p in self.mine)))

    async def once(self) -> Decision:
        """Every probe once."""
        await self.look_all(self.take)
        return self.settle()

    async def run(self) -> AsyncIterator[Decision]:
        """For ever: the verdict after every round."""
        news: asyncio.Queue[Decision] = asyncio.Queue(maxsize=1000)
        self._gate = asyncio.Semaphore(self.concurrency)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat(group, news))
            while True:
                yield await news.get()

    async def _beat(self, group: asyncio.TaskGroup, news: asyncio.Queue[Decision]) -> None:
        start, n = self.clock.monotonic(), 0
        while True:
            group.create_task(self._round(group, news))
            n += 1
            await self.clock.sleep(start + n * self.interval_s - self.clock.monotonic())

    async def _round(self, group: asyncio.TaskGroup, news: asyncio.Queue[Decision]) -> None:
        """Start what is due or wanted, wait for the quick ones, settle."""
        now, wanted = self.clock.monotonic(), set(self.decision().wants)
        due = [p for p in self.mine if now >= self._due.get(p.name, now) and self._flying[p.name] < self.overlap]
        due += [p for p in self.mine if p.name in wanted and p not in due and self._flying[p.name] < WANTED]
        for probe in due:
            every = max(self.interval_s, probe.settings.every or 0.0)
            self._due[probe.name] = now + every - self.interval_s / 2  # a beat that comes a little early still counts
        slow = [p for p in due if not p.quick]
        for probe in slow:
            group.create_task(self._counted(probe))
        await asyncio.gather(*(self._counted(p) for p in due if p.quick))
        decision = self.settle()
        if not news.full():
            news.put_nowait(decision)

    async def _counted(self, probe: Probe[Any]) -> None:
        assert self._gate is not None
        self._flying[probe.name] += 1
        try:
            async with self._gate:
                await self._look(probe)
        finally:
            self._flying[probe.name] -= 1


async def look_once(probe: Probe[Any]) -> Signal:
    """One look that never raises and never outlives its deadline: what goes wrong in the probe is *unknown*.

    It is not waited for until a probe that is cut off has ended: one that swallows the cancellation never would.
    """
    task = asyncio.ensure_future(_look_of(probe))
    try:
        done, _ = await asyncio.wait({task}, timeout=probe.settings.timeout + GRACE_S)
    finally:
        task.cancel()
    if not done:
        return probe.saw(
            Result.UNKNOWN,
            "overran",
            f"the probe ran past its deadline of {probe.settings.timeout:g} s and was cut off",
        )
    if task.cancelled():
        return probe.saw(Result.UNKNOWN, "broken-probe", "the probe itself failed: it cancelled itself")
    return task.result()


async def _look_of(probe: Probe[Any]) -> Signal:
    """What it says, or that it is broken."""
    try:
        found: object = await probe.look()
    except Exception as error:
        said = f"the probe itself failed: {type(error).__name__}: {error}"
    else:
        if isinstance(found, Signal):
            return found
        said = f"the probe itself failed: it gave {type(found).__name__} in place of a signal"
    return probe.saw(Result.UNKNOWN, "broken-probe", said[:300])


class LiveLooker:
    """Looks for actions: a watcher that is running, or a burst of its own.

    Good and unknown verdicts younger than ``reuse_s`` are used again. A verdict of *down* never is: whoever asks is
    about to act on it, and it may be over.
    """

    def __init__(
        self, watcher: Watcher, *, looks: int = 2, apart_s: float = 0.5, reuse_s: float = 10.0, live: bool = False
    ) -> None:
        self.watcher, self.looks, self.apart_s, self.reuse_s, self.live = watcher, looks, apart_s, reuse_s, live
        self._said: tuple[float, Mapping[str, Any]] | None = None

    async def verdict(self) -> Mapping[str, Any]:
        """The verdict as data (``to_data``)."""
        if self.live:
            return to_data(confirmed_by(self.watcher.decision(), None))
        now = self.watcher.clock.monotonic()
        if self._said is not None and now - self._said[0] <= self.reuse_s and self._said[1]["state"] != "down":
            return self._said[1]
        decision = await self.burst()
        self._said = (self.watcher.clock.monotonic(), to_data(decision))
        return self._said[1]

    async def fresh(self) -> Mapping[str, Any]:
        """A look of this moment, as data."""
        return to_data(await self.burst())

    async def burst(self, course: Course | None = None) -> Decision:
        """A few looks right after one another, all of which must fail; probes that take minutes are left out.

        ``course``: what our runs left standing; the proposal follows from it. Without it the look knows of no run.
        """
        w = self.watcher
        rules = replace(w.rules, threshold=self.looks, reject_threshold=self.looks, suspect=1, confirm_for_s=0.0)
        burst = Watcher(
            [p for p in w.mine if p.quick],
            rules,
            w.clock,
            interval_s=max(self.apart_s, 0.001),
            vantages=(w.detector.here,),
            here=w.detector.here,
            listen=w.listen,
        )

        if course is not None:
            burst.detector.course = Course(standing=course.standing, active_since=course.active_since)

        async def later(delay: float) -> None:
            await burst.clock.sleep(delay)
            await asyncio.gather(*(burst._look(p) for p in burst.mine))

        async with asyncio.TaskGroup() as group:
            for i in range(self.looks):
                group.create_task(later(i * self.apart_s))
        return burst.settle()


def confirmed_by(watch: Decision, burst: Decision | None) -> Decision:
    """What the watch says, as far as looks of this moment bear it out.

    ``burst``: looks that were made just now; ``None``: the newest round of the watch is of now. A watch that says
    *down* needs a look that fails now: where every look goes well, or none can see, that is the verdict.
    """
    if watch.state != "down" or not set(watch.planes) & set(MOVED):
        return watch
    if burst is None:
        if watch.failing_now:
            return watch
        return replace(watch, state="suspect", action="watch", why="at this moment it does not fail")
    return watch if burst.state in {"down", "suspect"} else burst


def to_data(decision: Decision) -> dict[str, Any]:
    """Plain data, as actions, plans and ``--output json`` see it. Times are ISO texts, except ``since`` in seconds."""
    return {
        "state": decision.state,
        "class": decision.outage_class,
        "classes": list(decision.classes),
        "stage": decision.stage,
        "planes": list(decision.planes),
        "evidence": list(decision.evidence),
        "since": decision.since or 0,
        "confidence": decision.confidence,
        "for": list(decision.reasons_for),
        "against": list(decision.reasons_against),
        "action": decision.action,
        "why": decision.why,
        "decide_at": iso(decision.decide_at),
        "clock": [{"at": iso(at), "what": what} for at, what in decision.clock],
        "partial": decision.partial,
        "flapping": decision.flapping,
        "notes": list(decision.notes),
        "domains": list(decision.domains),
        "spared": list(decision.spared),
        "spared_unseen": list(decision.spared_as().get("unseen", ())),
        "spared_unsure": list(decision.spared_as().get("unsure", ())),
        "failing_now": decision.failing_now,
        "failed_s": round(decision.failed_s, 1),
        "refusals": list(decision.refusals),
        "changes": list(decision.changes),
        "works": list(works_of(decision.views)),
        "unseen": list(unseen_of(decision.views)),
        "words": list(decision.words),
    }
