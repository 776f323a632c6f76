"""How fast a drain goes: each step judged by what came back in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.drain.pace import FLOOR, LEAST, MORE, Pace, Window


def pace(first: float = 10.0, most: float = 1000.0, step: float = 10.0) -> Pace:
    return Pace(most, first, step, Window(0.0))


def step(p: Pace, now: float, *, gone: float = 0, throttled: float = 0, trouble: float = 0) -> float:
    """Ten seconds in which so many a second came back."""
    w = p.window
    w.gone, w.throttled, w.trouble = round(gone * 10), round(throttled * 10), round(trouble * 10)
    p.judge(now)
    return p.rate


def test_it_doubles_while_all_is_taken_and_goes_at_once_to_what_is_taken() -> None:
    p = pace()
    assert step(p, 10, gone=10) == 20 and step(p, 20, gone=20) == 40
    assert step(p, 30, gone=30, throttled=10) == 30 == p.ceiling
    assert step(p, 40, gone=30) == 30


def test_a_little_more_is_tried_after_three_good_steps_and_twice_as_much_the_next_time() -> None:
    p = pace(first=40)
    step(p, 10, gone=30, throttled=10)
    rates = [step(p, 20 + 10 * n, gone=p.rate) for n in range(6)]
    assert rates[:2] == [30, 30] and rates[2] == pytest.approx(30 * (1 + MORE))
    assert rates[5] == pytest.approx(rates[2] * (1 + 2 * MORE))


def test_a_step_in_which_we_were_slow_proves_nothing() -> None:
    """Neither that a rate is well that was not driven, nor that Exchange takes less: what had waited was a burst."""
    p = pace(first=20)
    assert step(p, 10, gone=5) == 20
    assert step(p, 20, gone=6, throttled=2) == 20 and not p.ceiling
    assert step(p, 30, gone=6, throttled=2) == 6  # twice is no accident


def test_the_best_of_the_last_throttled_steps_counts() -> None:
    p = pace(first=40)
    step(p, 10, gone=30, throttled=10)
    assert step(p, 20, gone=25, throttled=5) == 30
    for n in range(3):
        step(p, 30 + n * 10, gone=25, throttled=5)
    assert p.rate == 25


def test_a_single_throttled_answer_among_few_is_no_share() -> None:
    p = pace(first=0.5, step=10)
    p.window.gone, p.window.throttled = 15, 4
    assert not p.judge(10.0) and p.window.gone == 15
    assert p.judge(50.0) and p.rate < 0.5


def test_nothing_taken_halves_it_down_to_a_floor_and_what_is_down_is_no_limit() -> None:
    p = pace(first=8)
    rates = [step(p, 10 * n, throttled=8) for n in range(1, 9)]
    assert rates[0] == 4 and min(rates) == 8 * FLOOR
    step(p, 90, gone=2)
    assert p.ceiling == 0 and step(p, 100, gone=2) == 4  # it was down for more than a minute: find out anew


def test_all_then_nothing_is_the_mean_of_both() -> None:
    """An Exchange that counts by the minute: 30 seconds at 40 a second, then nothing for 30."""
    p = pace(first=40, most=40)
    for n in range(1, 4):
        step(p, 10 * n, gone=40)
    for n in range(4, 7):
        step(p, 10 * n, throttled=20)
    assert step(p, 70, gone=10) == pytest.approx(20.0)


def test_connections_that_fail_slow_it_and_set_no_ceiling() -> None:
    p = pace(first=20)
    assert step(p, 10, gone=10, trouble=10) == 10 and not p.ceiling


def test_what_came_back_of_the_canary_is_no_sign() -> None:
    p = pace()
    p.window.throttled = 100
    p.anew(30.0)
    assert not p.judge(40.0) and p.rate == 10


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 50), st.floats(1, 100)), max_size=40),
    st.floats(0.1, 50),
)
def test_whatever_comes_back_it_stays_between_the_floor_and_what_is_set(steps, first) -> None:
    p, now = Pace(30.0, first, 10.0, Window(0.0)), 0.0
    for gone, throttled, trouble, length in steps:
        p.window.gone, p.window.throttled, p.window.trouble = gone, throttled, trouble
        now += length
        p.judge(now)
        assert max(LEAST, FLOOR * min(first, 30.0)) <= p.rate <= 30.0
        assert p.ceiling <= 30.0 or p.ceiling <= gone / length


def test_a_share_that_does_not_grow_with_the_rate_does_not_hold_it() -> None:
    """One in twenty hears *too many messages in this connection*, however slowly they go."""
    p = pace()
    for n in range(60):
        step(p, 10 + n * 10, gone=p.rate * 0.95, throttled=p.rate * 0.05)
    assert p.rate > 500


@pytest.mark.parametrize("allowed", [20.0, 40.0, 150.0])
def test_a_share_that_grows_with_the_rate_holds_it_there(allowed: float) -> None:
    """At what Exchange takes, within the part that may be throttled; more is tried, and left again at once."""
    p, above = pace(), 0
    for n in range(200):
        step(p, 10 + n * 10, gone=min(p.rate, allowed), throttled=max(0.0, p.rate - allowed))
        above += n > 40 and p.rate > 1.15 * allowed
    assert above <= 24 and 0.95 * allowed <= p.rate <= 1.9 * allowed
