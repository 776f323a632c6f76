"""What a drill must hold: no mail lost, doubled or left behind, the right class, and the relay in time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import ROOT

from bcp.drills.scenario import SCENARIOS, scenario
from bcp.drills.score import Result, shortfalls
from bcp.kernel.errors import Invalid
from bcp.lab.world import ALIASES, BREAKS

GOOD = Result("451", 10, 10, (), (), (), (), 1.0, 2.0, 30.0, 5.0, "B")


def told(**changed) -> list[str]:
    given = {"expected_class": "B", "may_bounce": False, "rto_receive_s": 60.0}
    given |= {k: changed.pop(k) for k in list(changed) if k == "may_bounce"}
    return shortfalls(replace(GOOD, **changed), **given)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"lost": (3, 4)}, "2 mail(s) lost: 3, 4"),
        ({"duplicated": (7,)}, "1 mail(s) delivered twice: 7"),
        ({"queued": (7,)}, "1 mail(s) not delivered yet: 7"),
        ({"bounced": (1,)}, "1 mail(s) bounced: 1"),
        ({"outage_class": "E"}, "classified as E, not B"),
        ({"outage_class": ""}, "classified as nothing, not B"),
        ({"rto_receive_s": 60.1}, "after 60.1 s, more than 60 s"),
        ({"rto_receive_s": 0.0}, "after 0.0 s"),
        ({"rto_receive_s": -1.0}, "after -1.0 s"),
    ],
)
def test_what_did_not_hold_is_said(changed, words) -> None:
    (found,) = told(**changed)
    assert words in found


@pytest.mark.parametrize("changed", [{}, {"rto_receive_s": 60.0}, {"bounced": (1,), "may_bounce": True}])
def test_what_held_is_silent(changed) -> None:
    assert told(**changed) == []


def test_everything_that_is_wrong_is_told_and_long_lists_are_cut() -> None:
    found = told(lost=tuple(range(25)), duplicated=(1,), outage_class="C")
    assert len(found) == 3 and found[0].startswith("25 mail(s) lost: 0, 1, ") and found[0].endswith("19 ...")


@pytest.mark.parametrize("one", SCENARIOS.values(), ids=lambda s: s.name)
def test_a_scenario_breaks_what_the_lab_can_break_and_its_playbook_is_there(one) -> None:
    assert ALIASES.get(one.breaks, one.breaks) in BREAKS
    assert (ROOT / "playbooks" / f"{one.playbook}.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "wanted"), [("550", "550-valid-recipients"), ("dns", "mx-host-unresolvable"), ("451", "451")]
)
def test_a_short_name_will_do(name, wanted) -> None:
    assert scenario(name).name == wanted


def test_one_that_there_is_not_is_refused_with_the_likely_one() -> None:
    with pytest.raises(Invalid, match="no scenario 'refus'") as caught:
        scenario("refus")
    assert "refuse" in caught.value.hint
