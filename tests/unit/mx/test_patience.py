"""Readings that failed for a moment are asked for again, and only those."""

from __future__ import annotations

import asyncio

import pytest
from unit.mx.worlds import DOMAIN, PRIMARY

from bcp.contracts.dns import Reading, Trouble
from bcp.mx.patience import LONGEST_S, read_patiently
from bcp.testing.clock import FakeClock

GOOD, TWO = Reading(DOMAIN, DOMAIN, PRIMARY), Reading("two.test", "two.test", PRIMARY)


def bad(domain=DOMAIN, trouble=Trouble.SILENT, wait=0.0):
    return Reading(domain, "", None, problem="no", trouble=trouble, retry_after_s=wait)


def play(*answers, domains=(DOMAIN,), takes=0.0):
    """What is read in the end, which domains were asked for each time, and how long it took."""
    clock, asked, left = FakeClock(), [], list(answers)

    async def read(some):
        asked.append(list(some))
        await clock.sleep(takes)
        return left.pop(0)

    return asyncio.run(read_patiently(read, domains, clock)), asked, clock.monotonic()


def test_what_was_read_is_not_asked_again() -> None:
    found, asked, took = play([bad(), TWO], [GOOD], domains=(DOMAIN, "two.test"))
    assert found == [GOOD, TWO] and asked == [[DOMAIN, "two.test"], [DOMAIN]] and took == 0.5


@pytest.mark.parametrize(("wait", "took"), [(0.1, 0.5), (3.0, 3.0), (LONGEST_S, LONGEST_S)])
def test_the_hosts_own_time_is_waited_for(wait, took) -> None:
    found, asked, waited = play([bad(wait=wait)], [GOOD])
    assert found == [GOOD] and len(asked) == 2 and waited == took


def test_a_host_that_asks_for_minutes_is_not_waited_for() -> None:
    found, asked, waited = play([bad(wait=LONGEST_S + 1)])
    assert found[0].problem and len(asked) == 1 and waited == 0.0


def test_a_host_that_cannot_be_reached_is_tried_twice_more_and_no_more() -> None:
    away = bad(trouble=Trouble.UNREACHABLE)
    found, asked, took = play([away], [away], [away])
    assert found == [away] and len(asked) == 3 and took == 1.5


@pytest.mark.parametrize("trouble", [t for t in Trouble if not t.passing and t is not Trouble.NONE])
def test_what_will_not_pass_is_not_asked_again(trouble) -> None:
    assert len(play([bad(trouble=trouble)])[1]) == 1


def test_one_domain_of_many_that_failed_is_asked_again_though_all_of_them_took_long() -> None:
    found, asked, _ = play([bad(), TWO], [GOOD], domains=(DOMAIN, "two.test"), takes=200.0)
    assert found == [GOOD, TWO] and len(asked) == 2


def test_a_host_that_hangs_is_not_asked_again() -> None:
    assert len(play([bad()], takes=5.0)[1]) == 1
