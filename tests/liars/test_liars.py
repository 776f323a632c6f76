"""Every outside call of a failover and a failback, answered wrongly: MX, words and people are judged by the truth."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from bcp.reports.write import ReportWriter
from liars import cast, judge
from liars.houses import HOUSES, Place
from liars.play import Rehearsed, play, rehearse
from liars.script import Part
from liars.stage import Stage
from liars.virtual import VirtualLoop

GAMES = os.environ.get("BCP_LIARS", "300")
"""How many games; ``all``: the whole cross product (`make liars`)."""
PART = os.environ.get("BCP_LIARS_PART", "")
"""Of these games only this slice: ``3/8``. Empty: all of them."""
SEED = int(os.environ.get("BCP_LIARS_SEED", "1"))
WHOLE = 20
"""One in so many games is played to its end, also where the rest is what was rehearsed."""
LEAST = 40
"""Kinds of wrong answers at every point."""
SLICES = 26 if GAMES == "all" else 1
"""Tests of one house: each begins with an honest game of it."""
GAME_S = 120.0
"""Real seconds that a game may take on a busy machine; on a quiet one it takes a tenth of one."""


@dataclass
class Theatre:
    """One stage for all games of this process, and what an honest game of each house is."""

    loop: VirtualLoop
    stage: Stage
    parts: dict[str, list[Part]] = field(default_factory=dict)
    kept: dict[str, Rehearsed] = field(default_factory=dict)
    kinds: dict[str, dict[str, str]] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def open(self, house: str) -> list[str]:
        """Play this house honestly; what was wrong."""
        if house in self.parts:
            return []
        honest = self.loop.run_until_complete(play(self.stage, house, None, None))
        self.parts[house] = cast.all_parts(house, self.stage.script.asked, HOUSES[house](self.stage.place()).only)
        self.kinds[house] = self.stage.kinds(house)
        wrong = judge.wrong(honest, self.stage) + judge.untrue(honest, self.kinds[house])
        self.kept[house] = self.loop.run_until_complete(rehearse(self.stage, house))
        states = {state for _, _, state in judge.counted(honest)}
        return wrong + ([] if states == {"sent"} else [f"an honest game leaves {states}"])

    def game(self, part: Part) -> list[str]:
        """One lie; what was wrong."""
        lie = cast.lies_at(part.point)[part.kind]
        whole = next(self.numbers) % WHOLE == 0
        self.loop.patience_s = GAME_S
        with contextlib.nullcontext() if whole else pytest.MonkeyPatch.context() as patch:
            if patch is not None:
                patch.setattr(ReportWriter, "write_now", _no_pages)
            game = self.loop.run_until_complete(play(self.stage, part.world, part, lie, self.kept[part.world], whole))
        return judge.wrong(game, self.stage) + judge.untrue(game, self.kinds[part.world])


WRITE = ReportWriter.write_now


def _no_pages(self: ReportWriter, run_id: str, formats: Sequence[str] = (), look: Any = None) -> dict[str, str]:
    """The report as data, without the page of it: that is a fifth of a game, and the same for most lies."""
    return WRITE(self, run_id, ("json",), look)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory) -> Iterator[Theatre]:
    """Fakes on loopback, and a loop whose time is free."""
    loop = VirtualLoop()
    stage = Stage(tmp_path_factory.mktemp("liars"), loop)
    loop.run_until_complete(stage.start())
    yield Theatre(loop, stage)
    loop.run_until_complete(stage.stop())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.mark.timeout(0 if GAMES == "all" else 1200)
@pytest.mark.parametrize("number", range(SLICES))
@pytest.mark.parametrize("house", HOUSES)
def test_a_lying_network(theatre, house, number, record_property) -> None:
    """The MX is where the approved plan says, people were told or it is said that they were not, and nothing broke.

    Without a lie mail goes there and back and everybody is told; no point has fewer than forty kinds of wrong answers.
    """
    assert theatre.open(house) == []
    parts = theatre.parts[house]
    assert _points_with_few_kinds(parts) == {}
    wanted = len(parts) if GAMES == "all" else -(-int(GAMES) * HOUSES[house](theatre.stage.place()).share // 100)
    chosen = cast.slice_of(cast.sampled(parts, wanted, SEED), PART)[number::SLICES]
    found = {}
    for part in chosen:
        if wrong := theatre.game(part):
            found[part] = wrong
    record_property("liars", json.dumps(Counter(p.kind for p in chosen)))
    assert PART or len(chosen) == wanted or GAMES == "all"
    assert not found, "\n".join(judge.say(p, w) for p, w in list(found.items())[:10])


def test_the_shares_of_the_houses_are_the_whole() -> None:
    """No fewer games are played than were asked for."""
    place = Place("http://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", 1, 1)
    assert sum(make(place).share for make in HOUSES.values()) == 100


def _points_with_few_kinds(parts: list[Part]) -> dict[tuple[str, str], int]:
    kinds: dict[tuple[str, str], set[str]] = {}
    for part in parts:
        kinds.setdefault((part.window, part.point), set()).add(part.kind)
    return {at: len(found) for at, found in kinds.items() if len(found) < LEAST}


class _Counted(VirtualLoop):
    """It gives up when it turns and turns."""

    turns = 0

    def _run_once(self) -> None:
        self.turns += 1
        assert self.turns < 1_000, "a timer is never due"
        super()._run_once()


def test_time_goes_on_after_thirty_years_of_games() -> None:
    """Every game is a day of its loop: what is due now is due, however large the number that now has."""
    loop = _Counted()
    loop.moved = began = 30 * 365 * 86_400.0
    with contextlib.closing(loop):
        loop.run_until_complete(asyncio.sleep(0.1))
    assert loop.moved - began == pytest.approx(0.1, abs=1e-5)


def test_a_game_without_end_says_what_waits() -> None:
    """No worker hangs: the test fails, and names every task and where it is."""
    loop = VirtualLoop()
    loop.patience_s = 0.2

    async def for_ever() -> None:
        await asyncio.Event().wait()

    with contextlib.closing(loop), pytest.raises(AssertionError, match="for_ever"):
        loop.run_until_complete(for_ever())
