"""When vantage points agree. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

HEALTHY_SHARE = 0.18
"""Route 53: at most this share of checkers may still see it healthy (docs: determining health of endpoints)."""


def agreed(vantages: int, failing: int, healthy: int) -> bool:
    """Is it down, of ``vantages`` that should look, when so many see it fail and so many see it well?

    The others do not know; silence votes for nothing. One: itself. Two: both. Three to five: two thirds, two known at
    least. From six: at least half must know, and at most 18 % of those see it healthy.
    """
    known = failing + healthy
    if vantages <= 0 or failing <= 0:
        return False
    if vantages <= 2:
        return failing >= vantages
    if vantages <= 5:
        return known >= 2 and failing >= math.ceil(2 * vantages / 3)
    return known >= max(2, math.ceil(vantages / 2)) and healthy / known <= HEALTHY_SHARE


def majority(vantages: int, failing: int) -> bool:
    """Do most of all the places that should look see it fail? Enough to ask a person about a part of the senders."""
    return failing * 2 > vantages


OUTWEIGHS = 3
"""One place that sees it solidly well weighs as much as so many that see it fail: a broken path near some places looks
the same from there, and moving mail that is taken is harm."""


def outvoted(failing: int, solidly_well: int) -> bool:
    """Do too many places see it solidly well for the failing ones to speak for the service?"""
    return solidly_well > 0 and failing < OUTWEIGHS * solidly_well


def votes(
    where: Sequence[str], said: Sequence[tuple[str, bool]], networks: Mapping[str, str]
) -> tuple[int, tuple[int, int]]:
    """(votes there are, (votes that say yes, votes that say no)). Vantages of one network have one vote together.

    A network in which as many say yes as no has none: its own paths differ.
    """
    if not networks:
        yes = sum(s for _, s in said)
        return len(where), (yes, len(said) - yes)
    poll: dict[str, int] = {}
    for vantage, answer in said:
        network = networks.get(vantage) or f"={vantage}"
        poll[network] = poll.get(network, 0) + (1 if answer else -1)
    places = len({networks.get(v) or f"={v}" for v in where})
    return places, (sum(v > 0 for v in poll.values()), sum(v < 0 for v in poll.values()))
