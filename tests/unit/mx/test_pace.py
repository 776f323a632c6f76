"""The budget of a host: what may be made at once, what is waited for, and in what order it is done."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.dns import Capabilities
from bcp.mx.pace import AT_ONCE, Pace, seconds_for, swap_seconds
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


async def _times(capabilities: Capabilities, portions: list[float], pauses: list[float]) -> list[float]:
    """When each portion may be made, when the caller rests ``pauses`` before each."""
    clock = FakeClock()
    pace, began, out = Pace(capabilities, clock), clock.monotonic(), []
    for calls, pause in zip(portions, pauses, strict=True):
        await clock.sleep(pause)
        await pace.take(calls)
        out.append(clock.monotonic() - began)
    return out


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    """Ten at once, then two a second."""
    told = asyncio.run(_times(Capabilities(calls_per_s=2.0, burst=10), [10, 4, 4], [0, 0, 0]))
    assert told == pytest.approx([0.0, 2.0, 4.0])


def test_a_rest_fills_the_budget_and_not_more_than_the_burst() -> None:
    """After an hour there are ten again, not 7,210."""
    told = asyncio.run(_times(Capabilities(calls_per_s=2.0, burst=10), [10, 10, 4], [0, 3600, 0]))
    assert told == pytest.approx([0.0, 3600.0, 3602.0])


def test_without_a_limit_nothing_is_waited_for() -> None:
    """A server of one's own."""
    assert asyncio.run(_times(Capabilities(burst=1), [1000, 1000], [0, 0])) == [0.0, 0.0]


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=20),
    st.sampled_from([0.5, 4.0, 50.0]),
    st.sampled_from([0, 1, 100]),
)
def test_never_faster_than_allowed_and_never_slower_than_needed(portions, rate, burst) -> None:
    """Over any beginning of the work: calls <= burst + rate x seconds, and the end is when that is exactly reached."""
    told = asyncio.run(_times(Capabilities(calls_per_s=rate, burst=burst), portions, [0.0] * len(portions)))
    made = 0
    for calls, at in zip(portions, told, strict=True):
        made += calls
        assert made <= max(1, burst) + rate * at + 1e-6
    assert told[-1] == pytest.approx(max(0.0, sum(portions) - max(1, burst)) / rate)


@pytest.mark.parametrize(("rate", "sizes"), [(0.0, [120]), (1000.0, [AT_ONCE, AT_ONCE, 20])])
def test_portions_keep_the_order(rate, sizes) -> None:
    """All at once without a limit; else in portions, in order, each result once."""
    seen: list[int] = []

    async def work(part):
        seen.append(len(part))
        return [t * 2 for t in part]

    pace = Pace(Capabilities(calls_per_s=rate, burst=10), FakeClock())
    assert asyncio.run(pace.each(range(120), 1, work)) == [2 * t for t in range(120)]
    assert seen == sizes
