"""Made-up outages by the thousand: a world that breaks in known ways, seen through probers that break as well.

The truth of a world is known without the detector: it is what was broken when the world was made. ``play`` looks at it
through a real detector in virtual time and returns what went against the truth. Seeded: a seed is a world.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bcp.detect.detector import Detector
from bcp.detect.eyes import Eyes
from bcp.detect.harm import rule_s
from bcp.detect.rules import Rules
from bcp.detect.verdict import Decision
from bcp.detect.world import CLASS, MOVING, ROUNDS, Fault, World, make

RULES = Rules(
    interval_s=60.0, confirm_for_s=60.0, decide_b_s=2400.0, decide_e_s=1200.0, dwell_s=600.0, keep_firing_for_s=900.0
)
START = 1_770_000_000.0
RECENT = 20
"""Rounds that the share of an outage that goes on is judged over."""
LATEST = 5
"""Rounds from one look of the rarest probe to its next."""
SURE = 0.8
"""Shares of failing looks from here on must be found; below the configured share a switch is harm."""


@dataclass(frozen=True, slots=True)
class Course:
    """The verdicts of one world, and what was against its truth."""

    decisions: tuple[Decision, ...]
    harms: tuple[str, ...]
    misses: tuple[str, ...]

    def switches(self) -> frozenset[int]:
        """Rounds in which a switch was proposed."""
        return frozenset(n for n, d in enumerate(self.decisions) if d.action == "switch")


def play(
    world: World, *, rules: Rules = RULES, shuffle: random.Random | None = None, jumps: bool = True, obey: bool = True
) -> Course:
    """Look at a world round by round, and judge what is proposed by its truth.

    ``shuffle`` brings the looks of each round into another order; ``jumps=False`` leaves the clock alone;
    ``obey=False``: nobody carries out what is proposed.
    """
    detector = Detector(rules, world.probes, vantages=world.places, here=world.places[0], networks=world.networks)
    eyes, decisions = Eyes(world), []
    harms: list[str] = []
    moved, asked = False, frozenset[str]()
    for n in range(ROUNDS):
        off = sum(s for at, s in world.jumps if at <= n) if jumps else 0.0
        real = START + 60.0 * n
        looks = list(eyes.signals(n, real, asked))
        if shuffle is not None:
            shuffle.shuffle(looks)
        for signal in looks:
            detector.take(replace(signal, at=real + off) if off and not signal.vantage else signal)
        found = detector.settle(60.0 * n, real + off)
        decisions.append(found)
        asked = frozenset(found.wants)
        harms += harm_of(world, n, found)
        if obey and world.answers and found.action == "switch" and not moved:
            moved = eyes.relayed = True
            detector.event("active", 60.0 * n)
    misses = [] if moved else list(_misses(world, decisions, rules))
    return Course(tuple(decisions), tuple(harms), tuple(misses))


def harm_of(world: World, n: int, found: Decision) -> list[str]:
    """Is what is proposed in this round harm, by what is broken in it?"""
    broken = [f for f in world.faults if f.what in CLASS and f.active(n)]
    worth = [f for f in broken if CLASS[f.what] in MOVING and (f.share >= RULES.switch_share or f.what == "rejects")]
    if found.action == "switch" and not worth:
        ours = any(CLASS[f.what] in MOVING for f in broken)
        spans = (RECENT, LATEST) if ours else (1,)  # a share that falls is below it at the end before it is in the mean
        if min(_share(world, n, k) for k in spans) < RULES.switch_share and not unseen_end(world, n):
            return [f"round {n}: switch while {_names(world, n)} is broken"]
    if found.action == "failback" and world.broken(n) & MOVING:
        return [f"round {n}: failback while {_names(world, n)} is broken"]
    return []


def unseen_end(world: World, n: int) -> bool:
    """Can nobody know in this round that an outage is over? Were it still there, every look would find the same: those
    too that nobody has made."""
    every = {w.probe for w in world.probes}
    for i, fault in enumerate(world.faults):
        if CLASS.get(fault.what) not in MOVING or fault.on or not fault.end <= n < fault.end + LATEST:
            continue
        on = replace(world, faults=(*world.faults[:i], replace(fault, end=n + 1), *world.faults[i + 1 :]))
        both = (
            (list(Eyes(world).signals(k, 0.0, every)), list(Eyes(on).signals(k, 0.0, every)))
            for k in range(fault.end, n + 1)
        )
        if all(a == b for a, b in both):
            return True
    return False


def _share(world: World, n: int, rounds: int) -> float:
    """The mean over so many rounds up to this one."""
    return sum(_failing(world, k) for k in range(n - rounds + 1, n + 1)) / rounds


def _failing(world: World, n: int) -> float:
    """Share of looks that fail for what moves MX."""
    return 1 - math.prod(1 - f.share for f in world.faults if CLASS.get(f.what) in MOVING and f.active(n))


def _names(world: World, n: int) -> str:
    return ", ".join(f"{f.what} {f.share:g}" for f in world.faults if f.active(n)) or "nothing"


def must_find(world: World, fault: Fault) -> bool:
    """Is this an outage that has to be found: sure, steady, long enough, and seen by probers that are well?"""
    if CLASS.get(fault.what) not in MOVING or fault.share < SURE or fault.on:
        return False
    ours = [f for f in world.faults if f is not fault and f.begin < fault.end and fault.begin < f.end + 20]
    if any(f.what not in {"feed-lies", "people-lie", "advisory", "mailbox", "auth", "edge", "slow"} for f in ours):
        return False
    names = {w.probe for w in world.probes}
    if fault.what == "names":
        return "names" in names
    return fault.what != "rejects" or "smtp-2" in names


def _misses(world: World, decisions: Sequence[Decision], rules: Rules) -> Iterator[str]:
    for fault in world.faults:
        if not must_find(world, fault):
            continue
        letter = CLASS[fault.what]
        lasted = (fault.end - fault.begin) * rules.interval_s
        decide = max(rules.decide_s(letter) or 0.0, rule_s(letter, rules))
        slack = (1.0 if fault.share == 1.0 else 1.5) * decide + (2 if fault.share == 1.0 else 10) * rules.interval_s
        last = fault.begin + int(slack / rules.interval_s)
        during = decisions[fault.begin : min(last + 1, fault.end)]
        if lasted > slack + rules.interval_s and not any(d.action in {"switch", "ask"} for d in during):
            yield f"{fault.what} {fault.share:g} from round {fault.begin} is not proposed by round {last}"
        rule = fault.begin + int(rule_s(letter, rules) / rules.interval_s) + (1 if fault.share == 1.0 else 20)
        if fault.end > rule + 1 and not any(letter in d.classes for d in decisions[fault.begin : rule + 1]):
            yield f"{fault.what} {fault.share:g} from round {fault.begin} is not named by round {rule}"


__all__ = ["Course", "Eyes", "Fault", "World", "harm_of", "make", "must_find", "play", "unseen_end"]
