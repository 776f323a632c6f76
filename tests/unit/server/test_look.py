"""Looks: what is believed when, who shares them, and that a full disk does not stop the looking. Time is virtual."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from corefakes import DOWN, HEALTHY, Core

from bcp.detect.decide import Decision
from bcp.detect.rules import Rules
from bcp.kernel.errors import StorageError
from bcp.server.parts.look import Looking
from bcp.server.sight import FRESH_S, SharedLooker, Sight
from bcp.settings.detect import RecheckSettings
from bcp.testing.clock import FakeClock

SUSPECT = Decision("suspect")
RULES = Rules(interval_s=10.0, suspect=2)


class Watching:
    """A watch that says what the test says."""

    def __init__(self, clock: FakeClock, *rounds: Decision, probes: int = 1) -> None:
        self.rules, self.said = RULES, HEALTHY
        self.bursts: list[Decision] = [DOWN]
        self.looks = 0

        async def run():
            for one in rounds:
                yield one

        self.watcher = SimpleNamespace(
            probes=[1] * probes, run=run, clock=clock, rules=RULES, settle=lambda: Decision("unknown")
        )
        self.looker = SimpleNamespace(burst=self._burst)

    async def _burst(self) -> Decision:
        self.looks += 1
        await asyncio.sleep(0)
        return self.bursts[0]

    def decision(self) -> Decision:
        """The watch's own."""
        return self.said


def sight(*rounds: Decision, probes: int = 1) -> tuple[FakeClock, Watching, Sight]:
    """One among fakes."""
    clock = FakeClock()
    watching = Watching(clock, *rounds, probes=probes)
    return clock, watching, Sight(watching, clock)


@pytest.mark.parametrize(
    ("watch", "age", "believed"),
    [
        (HEALTHY, 0.0, True),
        (HEALTHY, 30.0, True),
        (HEALTHY, 30.1, False),
        (SUSPECT, 30.1, True),
        (SUSPECT, FRESH_S, True),
        (SUSPECT, FRESH_S + 0.1, False),
        (replace(DOWN, why="the watch"), 0.0, False),
    ],
)
def test_how_long_a_look_is_believed_that_the_watch_does_not_share(watch, age, believed) -> None:
    """Until the watch could have become suspicious; while it is, for a minute; never against a watch that says down."""
    clock, _, seen = sight()
    burst = asyncio.run(seen.look(0.0))
    seen.noted(watch)
    clock.steady += age
    assert seen.seen() is (burst if believed else watch)


def test_a_look_that_finds_it_well_changes_nothing() -> None:
    """The watch is right until it sees more."""
    _, watching, seen = sight()
    watching.bursts = [HEALTHY]
    asyncio.run(seen.look(0.0))
    seen.noted(SUSPECT)
    assert seen.seen() is SUSPECT


def test_before_the_first_round_the_watchs_own_word_counts() -> None:
    """Nothing was looked at yet."""
    _, watching, seen = sight()
    assert seen.seen() is watching.said


def test_whoever_asks_meanwhile_gets_the_same_look() -> None:
    """And one that is young enough is used again."""
    clock, watching, seen = sight()

    async def run() -> None:
        assert len({id(d) for d in await asyncio.gather(*(seen.look(5.0) for _ in range(10)))}) == 1
        assert watching.looks == 1
        clock.steady += 5.0
        await seen.look(5.0)
        assert watching.looks == 1
        clock.steady += 0.1
        await seen.look(5.0)
        assert watching.looks == 2

    asyncio.run(run())


def test_the_watch_is_alive_while_its_rounds_are_young() -> None:
    """Three intervals, a minute at least; without probes there is nothing to miss."""
    clock, _, seen = sight()
    assert not seen.healthy_watch()
    seen.noted(HEALTHY)
    clock.steady += 60.0
    assert seen.healthy_watch()
    clock.steady += 0.1
    assert not seen.healthy_watch()
    assert sight(probes=0)[2].healthy_watch()


@pytest.mark.parametrize(
    ("watch", "burst", "looked", "state"),
    [
        (DOWN, HEALTHY, 1, "healthy"),
        (DOWN, DOWN, 1, "down"),
        (HEALTHY, DOWN, 1, "down"),
        (HEALTHY, HEALTHY, 1, "healthy"),
        (None, DOWN, 1, "down"),
    ],
)
def test_a_run_looks_by_itself(watch, burst, looked, state) -> None:
    """Whatever the watch remembers: good evidence of now vetoes an old *down*."""
    _, watching, seen = sight()
    watching.bursts = [burst]
    if watch is not None:
        seen.noted(watch)
    looker = SharedLooker(seen, RecheckSettings())

    async def run() -> None:
        assert (await looker.verdict())["state"] == state and watching.looks == looked
        assert (await looker.fresh())["state"] == burst.state and watching.looks == 1

    asyncio.run(run())


# -- the loops -------------------------------------------------------------------------------------------------------


class Actor:
    """Remembers what it was to consider."""

    def __init__(self, *trouble: Exception) -> None:
        self.heard: list[tuple[str, bool]] = []
        self.trouble = list(trouble)

    async def consider(self, found: Decision, *, looked: bool = False) -> None:
        """One verdict."""
        self.heard.append((found.state, looked))
        if self.trouble:
            raise self.trouble.pop(0)


def looking(folder, actor: Actor, *rounds: Decision, probes: int = 1) -> tuple[Core, Any, Looking]:
    """The loops among fakes."""
    core = Core(folder)
    core.app.watching = Watching(core.clock, *rounds, probes=probes)
    core.app.settings.detect = SimpleNamespace(recheck=RecheckSettings())
    core.sight = Sight(core.app.watching, core.clock)
    core.seen = core.sight.seen
    return core, core.app.watching, Looking(core, actor)


def test_every_round_is_considered_and_a_full_disk_stops_no_look(tmp_path) -> None:
    """What the book cannot take now, the next round says again."""
    actor = Actor(StorageError("full"))
    core, _, loops = looking(tmp_path, actor, HEALTHY, DOWN, HEALTHY)
    asyncio.run(loops.watch())
    assert actor.heard == [("healthy", False), ("down", False), ("healthy", False)]
    assert (core.sight.rounds, core.sight.alive, core.changes) == (3, False, 3)


@pytest.mark.parametrize(
    ("watch", "burst", "expected", "looks"),
    [(HEALTHY, DOWN, "down", 1), (HEALTHY, HEALTHY, "healthy", 1), (DOWN, HEALTHY, "down", 0)],
)
def test_a_look_at_once_is_considered_as_one(tmp_path, watch, burst, expected, looks) -> None:
    """It says that a hook caused it; a watch that knows already is not asked again."""
    actor = Actor()
    core, watching, loops = looking(tmp_path, actor)
    core.sight.noted(watch)
    watching.bursts = [burst]
    asyncio.run(loops.at_once())
    assert actor.heard == [(expected, True)] and watching.looks == looks


def test_without_probes_what_was_said_is_still_considered_beat_by_beat(tmp_path) -> None:
    """Alerts end, incidents grow old; nothing is looked at."""
    actor = Actor()
    core, watching, loops = looking(tmp_path, actor, probes=0)

    async def run() -> None:
        task = asyncio.ensure_future(loops.watch())
        while len(actor.heard) < 3:
            await asyncio.sleep(0)
        task.cancel()
        await loops.at_once()

    asyncio.run(run())
    assert actor.heard[:3] == [("unknown", False)] * 3 and core.clock.steady >= 30.0
    assert watching.looks == 0 and not core.sight.alive
