"""Every outside call of the daemon itself, answered wrongly: questions, answers to them, words to those on call.

Judged by what the vendors took and what people did, never by what the product believes.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from liars import cast, truth
from liars.asking import TURNOUTS, WITHOUT, play
from liars.desk import Desk
from liars.judge import say
from liars.lies_call import CALL
from liars.lies_http import HTTP
from liars.lies_list import LIST
from liars.lies_smtp import DOT, SMTP
from liars.script import Part
from liars.virtual import VirtualLoop

GAMES = os.environ.get("BCP_LIARS", "")
"""``all``: the whole cross product."""
SHARE = {"ask": 36, "hear": 36, "tell": 20, "gate": 12, "weekly": 16, "notice": 10, "press": 12, "reply": 6}
"""So many games of each window otherwise."""
PART = os.environ.get("BCP_LIARS_PART", "")
"""Of the whole cross product only this slice: ``3/8``. Empty: all of it."""
SEED = int(os.environ.get("BCP_LIARS_SEED", "1"))
GAME_S = 120.0
WINDOWS = {w: tuple(t for t in TURNOUTS if t not in WITHOUT.get(w, ())) for w in SHARE} | {
    "hear": ("texts",), "press": ("texts",), "reply": ("texts",)
}  # fmt: skip
LEAST = 40


@dataclass
class Theatre:
    """One desk for all games of this process, and what honest games ask."""

    loop: VirtualLoop
    desk: Desk
    parts: dict[str, list[Part]] = field(default_factory=dict)

    def honest(self, window: str) -> list[str]:
        """One honest game of each turnout: what was wrong; then it is known where lies can be told."""
        out, parts = [], []
        for name in WINDOWS[window]:
            out += self.game(Part(name, "", "", window, False), None, honest=True)
            asked = {("press", "call"): 1} if window == "press" else dict(self.desk.script.asked)
            for (where, point), times in asked.items():
                if where != window or (point == "twilio.inbound") != (window == "hear"):
                    continue
                for kind in lies_at(point):
                    parts.append(Part(name, point, kind, window, True))
                    parts += [Part(name, point, kind, window, False)] if times > 1 else []
        self.parts[window] = parts
        return out

    def game(self, part: Part, lie: Any, honest: bool = False) -> list[str]:
        """One; what was wrong."""
        self.loop.patience_s = GAME_S
        game = self.loop.run_until_complete(play(self.desk, part.world, part, lie))
        return [w for w in truth.wrong(game, part.world) if not honest or w != "the lie was never told"]


def lies_at(point: str) -> Mapping[str, Any]:
    """What can be said there."""
    if point == "call":
        return CALL
    if point.startswith("mail."):
        return DOT if point.endswith(".dot") else SMTP
    return LIST if point == "twilio.inbound" else HTTP


@pytest.fixture(scope="module")
def theatre(tmp_path_factory) -> Iterator[Theatre]:
    """Vendors on loopback, and a loop whose time is free."""
    loop = VirtualLoop()
    desk = Desk(tmp_path_factory.mktemp("desk"), loop)
    loop.run_until_complete(desk.start())
    yield Theatre(loop, desk)
    loop.run_until_complete(desk.stop())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.mark.timeout(0 if GAMES == "all" else 600)
@pytest.mark.parametrize("window", WINDOWS)
def test_a_lying_network_around_the_desk(theatre, window, record_property) -> None:
    """Nothing breaks, nobody is asked twice, no lie is a yes, and the honest answer counts once."""
    assert theatre.honest(window) == []
    parts = theatre.parts[window]
    kinds: dict[str, set[str]] = {}
    for part in parts:
        kinds.setdefault(part.point, set()).add(part.kind)
    assert {p: len(k) for p, k in kinds.items() if len(k) < LEAST} == {}
    chosen = cast.slice_of(parts, PART) if GAMES == "all" else cast.sampled(parts, SHARE[window], SEED)
    found = {p: wrong for p in chosen if (wrong := theatre.game(p, lies_at(p.point)[p.kind]))}
    record_property("asking", json.dumps(Counter(p.kind for p in chosen)))
    assert not found, f"{len(found)} of {len(chosen)}:\n" + "\n".join(say(p, w) for p, w in list(found.items())[:40])
