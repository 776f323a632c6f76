"""When vantage points agree. Pure."""

from __future__ import annotations

import math

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
