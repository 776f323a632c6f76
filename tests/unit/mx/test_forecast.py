"""The forecast: every number here was computed by hand."""

from __future__ import annotations

import math
import random

import pytest

from bcp.contracts.dns import ByHand, Capabilities
from bcp.mx.forecast import (
    Parts,
    Term,
    compare,
    decision_s,
    detection_s,
    forecast,
    habit,
    host_s,
    late_share,
)

USUAL = Parts(detection_s=360, decision_s=6900, approval_s=300, host_s=2, ttl_s=3600, retry_s=900)


def test_the_usual_organisation_by_hand() -> None:
    """A look a minute, five must fail, confirmed a minute later: 360 s. Class B waits 7,200 s from the first failure,
    60 s after the beginning: 7,260 - 360 = 6,900 s more. 360 + 6,900 + 300 + 2 = 7,562 s until the first mail. TTL 3600
    and retries within 900: the corner is 900 / 7,200 = 0.125 > 0.05, so 4,500 - sqrt(0.1 x 3,600 x 900) =
    4,500 - 569.21 = 3,930.79 s later the 95th per cent."""
    assert detection_s(60, 5, 60) == 360
    assert decision_s(60, 360, 7200) == 6900
    found = forecast(USUAL)
    assert found.first_s == 7562
    assert found.p95_s == pytest.approx(7562 + 3930.79, abs=0.01)
    assert found.dominant is Term.DECISION


def test_the_decision_is_what_to_change_there_and_what_that_gives() -> None:
    """6,900 to 600 gains 6,300; the TTL from 3,600 to 300 gains 3,930.79 - 1,035.68 = 2,895.11 (900 and 300: corner
    300 / 1,800 = 0.167, 1,200 - sqrt(0.1 x 900 x 300) = 1,200 - 164.32)."""
    advice = forecast(USUAL).advice
    assert advice is not None and (advice.term, advice.now_s, advice.then_s, advice.gain_s) == (
        Term.DECISION,
        6900,
        600,
        6300,
    )
    quick = USUAL.but(Term.DECISION, 0)
    advice = forecast(quick).advice
    assert advice is not None and advice.term is Term.TTL and advice.then_s == 300
    assert advice.gain_s == pytest.approx(2895.11, abs=0.01)


def test_a_decision_time_that_has_run_out_adds_nothing() -> None:
    assert decision_s(60, 360, 0) == 0 and decision_s(60, 360, 300) == 0 and decision_s(60, 360, 301) == 1


@pytest.mark.parametrize(
    ("ttl", "retry", "right"),
    [
        (0, 0, 0.0),
        (3600, 0, 3420.0),  # even: 0.95 x 3,600
        (0, 900, 855.0),
        (900, 900, 1800 - math.sqrt(81_000)),  # a triangle: 1,800 - sqrt(0.1 x 900 x 900)
        (86_400, 900, 82_530.0),  # corner 900 / 172,800 = 0.0052 < 0.05: 82,080 + 450
        (9000, 900, 9000.0),  # the corner itself, 900 / 18,000 = 0.05, both ways: 9,900 - sqrt(810,000) = 9,000
    ],
)
def test_the_sum_of_two_even_waits(ttl, retry, right) -> None:
    assert late_share(ttl, retry) == pytest.approx(right)
    assert late_share(retry, ttl) == pytest.approx(right)


@pytest.mark.parametrize(("ttl", "retry"), [(3600, 900), (300, 900), (86_400, 900), (900, 900)])
def test_the_sum_is_what_chance_gives(ttl, retry) -> None:
    chance = random.Random(7)
    sums = sorted(chance.uniform(0, ttl) + chance.uniform(0, retry) for _ in range(40_000))
    assert late_share(ttl, retry) == pytest.approx(sums[int(0.95 * len(sums))], rel=0.01)


def test_what_cannot_be_made_better_is_not_advised() -> None:
    good = Parts(120, 0, 60, 2, 300)
    assert forecast(good).advice is None and forecast(good).dominant is Term.RETRY
    slightly = Parts(200, 0, 60, 2, 300)  # 20 s of more than 1,000
    assert forecast(slightly).advice is None


def test_a_host_is_not_advised_a_ttl_that_it_does_not_take() -> None:
    advice = forecast(Parts(120, 0, 60, 2, 86_400), Capabilities(min_ttl_s=3600)).advice
    assert advice is not None and (advice.term, advice.then_s) == (Term.TTL, 3600)


def test_a_person_with_a_form_is_the_host_and_an_interface_is_the_advice() -> None:
    """A reminder after 600 s and 120 s until the servers have it: 720 s."""
    hands = Capabilities(by_hand=ByHand(("a",), ("b",), lambda orders: "", remind_s=600, appear_s=120))
    assert host_s(hands) == 720
    advice = forecast(Parts(120, 0, 60, host_s(hands), 300), hands).advice
    assert advice is not None and (advice.term, advice.then_s, advice.gain_s) == (Term.HOST, 2.0, 718.0)


@pytest.mark.parametrize(
    ("host", "zones", "right"),
    [
        (Capabilities(), 1, 2.0),
        (Capabilities(), 1000, 2.0),
        (Capabilities(calls_a_zone=4, calls_per_s=5), 100, 82.0),  # 400 calls at 5 a second
        (Capabilities(calls_a_zone=5, calls_per_s=4, burst=1000), 200, 2.0),  # within the burst
        (Capabilities(calls_a_zone=5, calls_per_s=4, burst=1000), 300, 127.0),  # 500 calls more, 125 s
        (Capabilities(reports_progress=True), 1, 62.0),
    ],
)
def test_how_long_a_host_takes(host, zones, right) -> None:
    assert host_s(host, zones) == right


def test_the_habit_is_the_median_of_what_was() -> None:
    assert habit([]) is None and habit([-5.0]) is None
    assert habit([10.0, 600.0, 20.0]) == 20.0 and habit([10.0, 30.0]) == 20.0


def test_forecast_beside_achieved() -> None:
    rows = compare(forecast(USUAL), 7000.0, 7600.0)
    assert [(r.what, r.forecast_s, r.achieved_s, r.held) for r in rows] == [
        ("switched", 7562, 7000.0, True),
        ("first", 7562, 7600.0, False),
    ]
    assert compare(forecast(USUAL), None, None) == []


def test_as_data() -> None:
    data = forecast(USUAL, approvals=3).to_data()
    assert data["first_s"] == 7562 and data["dominant"] == "decision" and data["approvals"] == 3
    assert data["parts"]["ttl_s"] == 3600 and data["advice"]["gain_s"] == 6300
    assert "advice" not in forecast(Parts(120, 0, 60, 2, 300)).to_data()
