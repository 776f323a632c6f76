"""Plans that are made, kept and found again by name."""

from __future__ import annotations

import pytest

from bcp.deeds.plan import PlanRequest, kept, make, plan_path
from bcp.kernel.errors import Invalid, Missing, Refused
from bcp.plan.model import Plan

from .house import House, person


def keep(house: House, name: str = "plan-1") -> Plan:
    """A plan that somebody made."""
    made = Plan(
        name, house.now, house.now + 3600, "out", "", "", {}, ("corp.test",), "here", "real", "carol", False, ()
    ).sealed()
    made.write(plan_path(house.app, name))
    return made


@pytest.mark.parametrize(
    "name",
    ["plan-2", "", "..", "../plans/plan-1", "plan-1.json", "plan/1", "plan-1\0", "x" * 300, "\ud800", "²" * 200],
    ids=lambda n: ascii(n)[:20],
)
def test_a_plan_that_is_not_there_is_refused_whatever_its_name(house, name) -> None:
    """Names come from URLs: none leads out of the folder, and none is a fault of ours."""
    keep(house)
    with pytest.raises(Missing) as caught:
        kept(house.app, name)
    assert caught.value.rule == "no-such-plan" and len(caught.value.message) < 300


def test_a_plan_is_found_and_is_the_one_that_was_shown(house) -> None:
    made = keep(house)
    assert kept(house.app, "plan-1").checksum == made.checksum
    assert kept(house.app, "plan-1", made.checksum[:12]) == kept(house.app, "plan-1")
    with pytest.raises(Refused) as caught:
        kept(house.app, "plan-1", "0" * 12)
    assert caught.value.rule == "wrong-checksum"


def test_a_folder_or_a_broken_file_in_its_place_is_no_plan(house) -> None:
    """In words, not as a fault."""
    plan_path(house.app, "plan-3").mkdir(parents=True)
    with pytest.raises(Missing):
        kept(house.app, "plan-3")
    plan_path(house.app, "plan-4").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid):
        kept(house.app, "plan-4")


def test_a_playbook_that_is_not_there_cannot_be_planned(house) -> None:
    """Alice is told what she may have meant; nothing is kept."""
    with pytest.raises(Missing) as caught:
        house.do(make(house.ground, person("alice"), PlanRequest("exchange-inbound-outag")))
    assert caught.value.rule == "no-such-playbook" and "exchange-inbound-outage" in caught.value.hint
    assert not plan_path(house.app, "x").parent.exists()
