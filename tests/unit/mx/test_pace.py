"""Many domains inside the budget of a host: the least time, and portions in order."""

from __future__ import annotations

import asyncio

import pytest

from bcp.contracts.dns import Capabilities
from bcp.kit.pace import Pace
from bcp.mx.pace import AT_ONCE, paced, seconds_for, swap_seconds
from bcp.testing.clock import FakeClock


@pytest.mark.parametrize(
    ("calls", "burst", "per_s", "seconds"),
    [(10, 0, 5.0, 2.0), (10, 4, 5.0, 1.2), (10, 10, 5.0, 0.0), (3, 10, 5.0, 0.0), (10, 0, 0.0, 0.0)],
)
def test_the_least_time(calls, burst, per_s, seconds) -> None:
    """What is above the burst goes at the rate; without a rate nothing is waited for."""
    assert seconds_for(calls, burst, per_s) == pytest.approx(seconds)


def test_the_least_time_of_a_switch() -> None:
    """1,000 zones, five calls each, 1,000 at once, then four a second: 1,000 s."""
    assert swap_seconds(1000, Capabilities(calls_a_zone=5, calls_per_s=4.0, burst=1000)) == pytest.approx(1000.0)


@pytest.mark.parametrize(("rate", "sizes"), [(0.0, [120]), (1000.0, [AT_ONCE, AT_ONCE, 20])])
def test_portions_keep_the_order(rate, sizes) -> None:
    """All at once without a limit; else in portions, in order, each result once."""
    seen: list[int] = []

    async def work(part):
        seen.append(len(part))
        return [t * 2 for t in part]

    pace = Pace(FakeClock(), rate, 10)
    assert asyncio.run(paced(pace, range(120), 1, work)) == [2 * t for t in range(120)]
    assert seen == sizes
