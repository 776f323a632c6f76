"""Every game there is: each point that a failover or a failback asks at, by each lie that can be told there."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from liars.lies_dns import DNS, UPDATE
from liars.lies_http import HTTP
from liars.lies_smtp import DOT, SMTP
from liars.lies_text import FILE, LOG, PROGRAM
from liars.script import WINDOWS, Part

Asked = Mapping[tuple[str, str], int]


def lies_at(point: str) -> Mapping[str, Any]:
    """The lies that can be told at a point."""
    if point.startswith("dns."):
        return {**DNS, **UPDATE} if point.endswith(".update") else DNS
    if point.startswith(("smtp.", "imap.")):
        return DOT if point.endswith(".dot") else SMTP
    if point.startswith("program."):
        return PROGRAM
    if point.startswith("file."):
        return LOG if point == "file.log" else FILE
    return HTTP


def all_parts(house: str, asked: Asked, only: tuple[str, ...] = ("",)) -> list[Part]:
    """The whole cross product of one house, from what an honest game asked; ``only``: beginnings of points."""
    out = []
    for window, point in sorted(asked, key=lambda k: (WINDOWS.index(k[0]), k[1])):
        if not point.startswith(only):
            continue
        for kind in lies_at(point):
            out.append(Part(house, point, kind, window, True))
            if asked[window, point] > 1 or point.endswith((".send", ".post", ".call", ".update", ".dot")):
                out.append(Part(house, point, kind, window, False))
    return out


def sampled(parts: Iterable[Part], count: int, seed: int) -> list[Part]:
    """So many of them: every point with as many kinds as there is room for, windows by chance."""
    chance = random.Random(seed)
    piles: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        piles[part.point].append(part)
    for pile in piles.values():
        chance.shuffle(pile)
        seen: Counter[str] = Counter()
        order = {p: (seen.update([p.kind]) or seen[p.kind]) for p in pile}
        pile.sort(key=lambda p: order[p])  # each kind once before any kind twice
    out: list[Part] = []
    while len(out) < count and any(piles.values()):
        for pile in piles.values():
            if pile and len(out) < count:
                out.append(pile.pop(0))
    return out


def slice_of(parts: Sequence[Part], slice_: str) -> list[Part]:
    """``3/8``: the third of eight slices, every eighth part from the third on; empty: all of them."""
    if not slice_:
        return list(parts)
    number, _, count = slice_.partition("/")
    assert number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count), f"{slice_!r} is no slice like 3/8"
    return list(parts[int(number) - 1 :: int(count)])
