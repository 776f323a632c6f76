"""A bucket that fills again, and a window that slides: never faster than allowed, never slower than needed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.kit.pace import Pace, Window
from bcp.testing.clock import FakeClock


async def _times(per_s: float, burst: int, portions: list[float], pauses: list[float]) -> list[float]:
    """When each portion may be made, when the caller rests ``pauses`` before each."""
    clock = FakeClock()
    pace, began, out = Pace(clock, per_s, burst), clock.monotonic(), list[float]()
    for calls, pause in zip(portions, pauses, strict=True):
        await clock.sleep(pause)
        await pace.turn(calls)
        out.append(clock.monotonic() - began)
    return out


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    """Ten at once, then two a second."""
    told = asyncio.run(_times(2.0, 10, [10, 4, 4], [0, 0, 0]))
    assert told == pytest.approx([0.0, 2.0, 4.0])


def test_a_rest_fills_the_budget_and_not_more_than_the_burst() -> None:
    """After an hour there are ten again, not 7,210."""
    told = asyncio.run(_times(2.0, 10, [10, 10, 4], [0, 3600, 0]))
    assert told == pytest.approx([0.0, 3600.0, 3602.0])


def test_without_a_limit_nothing_is_waited_for() -> None:
    """A server of one's own."""
    assert asyncio.run(_times(0.0, 1, [1000, 1000], [0, 0])) == [0.0, 0.0]


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=20),
    st.sampled_from([0.5, 4.0, 50.0]),
    st.sampled_from([0, 1, 100]),
)
def test_never_faster_than_allowed_and_never_slower_than_needed(portions, rate, burst) -> None:
    """Over any beginning of the work: calls <= burst + rate x seconds, and the end is when that is exactly reached."""
    told = asyncio.run(_times(rate, burst, portions, [0.0] * len(portions)))
    made = 0
    for calls, at in zip(portions, told, strict=True):
        made += calls
        assert made <= max(1, burst) + rate * at + 1e-6
    assert told[-1] == pytest.approx(max(0.0, sum(portions) - max(1, burst)) / rate)


@pytest.mark.parametrize(("burst", "calls", "right"), [(1, 11, 5.0), (5, 5, 0.0), (5, 15, 5.0)])
def test_calls_are_spread_by_the_clock(burst, calls, right) -> None:
    clock = FakeClock()
    pace = Pace(clock, 2.0, burst)

    async def work() -> None:
        for _ in range(calls):
            await pace.turn()

    asyncio.run(work())
    assert clock.steady == pytest.approx(right)
    clock.steady += 100.0  # quiet for long: the bucket is full, and not fuller than full
    asyncio.run(work())
    assert clock.steady == pytest.approx(100.0 + 2 * right)


# -- so many calls in any stretch ------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 40), min_size=1, max_size=60), st.integers(1, 7))
def test_no_stretch_has_more_calls_than_it_may_and_none_waits_longer_than_it_must(pauses, calls) -> None:
    """Cloudflare: 1,200 in any five minutes. The first of a full stretch that is over makes room for the next."""
    clock, seconds = FakeClock(), 30.0
    window, made = Window(clock, calls, seconds), list[float]()

    async def work() -> None:
        for pause in pauses:
            await clock.sleep(pause)
            asked = clock.monotonic()
            await window.turn()
            made.append(clock.monotonic())
            least = made[-1 - calls] + seconds if len(made) > calls else asked
            assert made[-1] == pytest.approx(max(asked, least))

    asyncio.run(work())
    for n, at in enumerate(made[calls:]):
        assert at - made[n] >= seconds - 1e-6


def test_calls_side_by_side_wait_for_their_own_turn() -> None:
    clock = FakeClock()
    window = Window(clock, 3, 300.0)

    async def work() -> None:
        for _ in range(7):
            await window.turn()

    began = clock.monotonic()
    asyncio.run(work())
    assert clock.monotonic() - began == 600.0
