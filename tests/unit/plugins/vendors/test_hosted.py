"""What back ends of providers share: the meaning of a fault, candidates for zones, wildcards, the pace."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.dns import Permission, SentState, Trouble
from bcp.plugins.vendors.hosted import Fault, Pace, Window, candidates, wildcards
from bcp.testing.clock import FakeClock


@pytest.mark.parametrize(
    ("state", "code", "trouble", "before", "permission"),
    [
        (SentState.REFUSED, "permission", Trouble.NOT_ALLOWED, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "credential", Trouble.NOT_ALLOWED, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "clock", Trouble.NOT_ALLOWED, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "zone", Trouble.NO_ZONE, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "two-zones", Trouble.TWO_ZONES, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "policy", Trouble.ERROR, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "server", Trouble.ERROR, SentState.REFUSED, Permission.CANNOT_SAY),
        (SentState.THROTTLED, "throttled", Trouble.SILENT, SentState.THROTTLED, Permission.CANNOT_SAY),
        (SentState.LOST, "silent", Trouble.SILENT, SentState.NOT_SENT, Permission.CANNOT_SAY),
        (SentState.NOT_SENT, "unreachable", Trouble.UNREACHABLE, SentState.NOT_SENT, Permission.CANNOT_SAY),
    ],
)
def test_a_fault_means_the_same_everywhere(state, code, trouble, before, permission) -> None:
    """A read that was lost before a write: nothing was sent. The write itself: it is not known."""
    fault = Fault(state, code, "it is so", "Do this.", 3.0)
    assert fault.trouble is trouble and fault.reading("a.test", "z").trouble is trouble
    assert fault.before("a.test").state is before
    after = fault.after("a.test")
    assert (after.state, after.retry_after_s, after.hint) == (state, 3.0, "Do this.")
    assert after.code == ("zone" if code == "two-zones" else code)
    assert fault.proof("a.test").permission is permission
    assert fault.reading("a.test", "z").problem == fault.said == "it is so: do this."
    assert Fault(state, code, "it is so").said == "it is so"


def test_zones_and_wildcards_are_tried_from_the_nearest() -> None:
    assert list(candidates("a.b.corp.test")) == ["a.b.corp.test", "b.corp.test", "corp.test"]
    assert list(wildcards("a.b.corp.test", "corp.test")) == ["*.b.corp.test", "*.corp.test"]
    assert list(wildcards("corp.test", "corp.test")) == []


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
