"""Detection: counters, flaps, classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.probe import Result, Signal
from bcp.detect.counter import Counter, flap_percent
from bcp.detect.decide import Rules, View, decide, observe


def see(results, *, kind="4xx", plane="inbound", probe="p", rules=None, view=None, control=False):
    view = view or View()
    for i, result in enumerate(results):
        view = observe(view, Signal(probe, plane, result, float(i), kind, "e", control), rules or Rules(need=1))
    return view


def test_down_after_k_failures_and_clear_only_at_zero() -> None:
    """Hysteresis: five down, ten up after a long outage, five after a short one."""
    counter = Counter(5)
    for _ in range(5):
        counter = counter.after(Result.FAIL)
    assert counter.down
    for _ in range(4):
        counter = counter.after(Result.OK)
        assert counter.down
    assert not counter.after(Result.OK).down


@given(st.lists(st.sampled_from(list(Result)), max_size=80))
def test_unknown_moves_nothing_and_the_counter_stays_in_bounds(results) -> None:
    """Our own blindness is not an outage."""
    counter = Counter(5)
    for result in results:
        after = counter.after(result)
        assert 0 <= after.value <= 10
        if result in {Result.UNKNOWN, Result.DEGRADED}:
            assert after.value == counter.value
        counter = after


@pytest.mark.parametrize(("changes", "percent"), [(1, 6.25), (2, 12.37), (3, 18.36), (4, 24.21), (5, 29.93), (6, 35.53), (7, 40.99)])
def test_flap_percentage_is_nagios(changes, percent) -> None:
    """Vectors computed from Nagios' source."""
    states = [False] * 21
    for i in range(changes):
        for j in range(20 - i, 21):
            states[j] = not states[j]
    assert flap_percent(tuple(states)) == pytest.approx(percent, abs=0.01)


@pytest.mark.parametrize(("kind", "plane", "expected"), [("4xx", "inbound", "B"), ("timeout", "inbound", "B"), ("rejects", "inbound", "F"), ("servfail", "dns", "E")])
def test_the_class_follows_from_what_fails(kind, plane, expected) -> None:
    """Only some outages are helped by moving MX."""
    found = decide(see([Result.FAIL] * 5, kind=kind, plane=plane), 5.0, Rules(need=1))
    assert (found.state, found.outage_class) == ("down", expected)
    assert found.since == 0.0


def test_our_own_network_is_class_h_and_never_down() -> None:
    """When the control fails too, we are the sick one."""
    view = see([Result.FAIL] * 5)
    view = see([Result.FAIL], probe="control", control=True, view=view)
    found = decide(view, 6.0, Rules(need=1))
    assert (found.state, found.outage_class) == ("unknown", "H")


def test_four_failures_are_only_suspicious() -> None:
    """A blip moves nothing."""
    assert decide(see([Result.FAIL] * 4), 4.0, Rules(need=1)).state == "suspect"


def test_a_flapping_verdict_is_seen_and_one_change_is_not_flapping() -> None:
    """A service that comes and goes must not move MX by itself; a first outage must."""
    from bcp.detect.watch import Watcher
    from bcp.testing.clock import FakeClock

    def play(beats: str) -> float:
        watcher = Watcher([], Rules(threshold=1, need=1), FakeClock(), interval_s=1)
        for beat in beats:
            watcher.take(Signal("p", "inbound", Result.FAIL if beat == "x" else Result.OK, 0.0, "4xx", "e"))
            watcher.beat()
        return watcher.flap

    assert play("." * 20 + "x") < 20
    assert play("." * 10 + "xxxxx......x") < 20
    assert play("x..x..x..x..x..x..x..") >= 20
