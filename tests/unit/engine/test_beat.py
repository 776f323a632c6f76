"""Updates of a hold come on time, whatever is done to the machine's clock."""

from __future__ import annotations

import pytest

from bcp.engine.beat import Beat

EVERY = 1800.0


def beat(last: float = 1000.0, steady: float = 50.0, wall: float = 1000.0) -> Beat:
    """One update, every half hour."""
    return Beat({"update": EVERY}, {"update": last}, steady, wall)


@pytest.mark.parametrize("set_by", [0.0, -3600.0, -86_400.0])
def test_a_clock_that_is_set_back_stops_no_update(set_by) -> None:
    """Half an hour of waiting is half an hour."""
    b = beat()
    assert b.ripe(50.0 + EVERY - 1, 1000.0 + EVERY - 1 + set_by) == []
    assert b.ripe(50.0 + EVERY, 1000.0 + EVERY + set_by) == ["update"]


def test_the_next_one_is_counted_from_the_last() -> None:
    """By both clocks."""
    b = beat()
    b.again("update", 50.0 + EVERY, 1000.0 - 3600.0)
    assert b.ripe(50.0 + EVERY, 1000.0 - 3600.0) == [] and b.first == 1000.0 - 3600.0 + EVERY
    assert b.ripe(50.0 + 2 * EVERY, 0.0) == ["update"]


def test_a_machine_that_slept_sends_at_once() -> None:
    """The steady clock of Linux stands still meanwhile (clock_gettime(2), CLOCK_MONOTONIC)."""
    assert beat().ripe(60.0, 1000.0 + EVERY) == ["update"]


@pytest.mark.parametrize(("last", "left"), [(1000.0, EVERY), (400.0, EVERY - 600), (-9000.0, 0.0), (5000.0, EVERY)])
def test_after_a_restart_the_rest_of_the_time_is_waited(last, left) -> None:
    """At most one whole time: what was sent *in the future* was sent before the clock was set back."""
    b = beat(last=last)
    assert b.first == 1000.0 + left
    assert b.ripe(50.0 + left, 0.0) == ["update"]
    assert left == 0.0 or b.ripe(50.0 + left - 1, 0.0) == []


def test_the_pause_is_never_nothing_and_never_long() -> None:
    """A run is told things between updates; one that is ripe and busy must not spin."""
    b = beat()
    assert b.rest(50.0, 1000.0, 0.1) == 0.1
    assert b.rest(50.0 + EVERY - 0.05, 0.0, 0.1) == pytest.approx(0.05)
    assert b.rest(50.0 + EVERY + 9, 0.0, 0.1) == 0.1
    none = Beat({}, {}, 0.0, 0.0)
    assert (none.first, none.ripe(1e9, 1e9), none.rest(0.0, 0.0, 0.1)) == (0.0, [], 0.1)
