"""Which hosts are left out, and how their domains are told."""

from __future__ import annotations

import pytest
from unit.mx.worlds import PRIMARY

from bcp.contracts.dns import Reading, SwapState, Trouble
from bcp.mx.away import NOT_PLANNED, not_planned, out_of_reach, unread, without

HOSTS = {"a.test": "x", "b.test": "x", "c.test": "y", "d.test": "y"}


def readings(**troubles: Trouble) -> list[Reading]:
    return [
        Reading(d, d, None, problem="no", trouble=troubles[d[0]]) if d[0] in troubles else Reading(d, d, PRIMARY)
        for d in HOSTS
    ]


@pytest.mark.parametrize(
    ("troubles", "left"),
    [
        ({}, {}),
        ({"c": Trouble.SILENT, "d": Trouble.UNREACHABLE}, {"y": ["c.test", "d.test"]}),
        ({"c": Trouble.NOT_ALLOWED, "d": Trouble.NOT_ALLOWED}, {"y": ["c.test", "d.test"]}),
        ({"c": Trouble.SILENT}, {}),  # it answers for the other one: this is about one domain
        ({"c": Trouble.SILENT, "d": Trouble.NO_ZONE}, {}),
        ({"a": Trouble.SILENT, "b": Trouble.SILENT, "c": Trouble.SILENT, "d": Trouble.SILENT}, {}),
        ({"a": Trouble.NO_ZONE, "b": Trouble.NO_ZONE, "c": Trouble.SILENT, "d": Trouble.SILENT}, {}),
    ],
)
def test_a_host_is_left_out_when_it_is_away_whole_and_another_is_not(troubles, left) -> None:
    found = out_of_reach(readings(**troubles), HOSTS)
    assert {n: [r.domain for r in rs] for n, rs in found.items()} == left


def test_they_are_told_by_name_and_in_bounds() -> None:
    many = [Reading(f"d{n}.test", "", None, problem="no route") for n in range(5)]
    (said,) = without({"y": many})
    assert said == (
        "y is LEFT OUT (d0.test, d1.test, d2.test and 2 more): no route; plan again for these when it answers"
    )
    assert "more" not in without({"y": many[:3]})[0] and without({}) == []


def test_nothing_is_sent_for_what_no_plan_has() -> None:
    (swap,) = not_planned(HOSTS, {"a.test": 1, "b.test": 1, "c.test": 1})
    assert (swap.domain, swap.state, swap.code) == ("d.test", SwapState.REFUSED, NOT_PLANNED) and swap.hint


def test_a_reason_is_said_once_however_many_domains_have_it() -> None:
    """A host that died in the middle of 1,000 domains is no wall of one sentence."""
    many = [Reading(f"d{n}.test", "", None, problem="broke off") for n in range(600)]
    good = Reading("good.test", "", PRIMARY)
    assert unread([good, *many]) == "not known (d0.test, d1.test, d2.test and 597 more): broke off"
    assert unread([good]) == ""
    other = [Reading(f"e{n}.test", "", None, problem=f"p{n}") for n in range(5)]
    assert unread(other).endswith("not known (e2.test): p2; and 2 more reasons")
