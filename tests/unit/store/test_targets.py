"""Which names a plan writes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.store.targets import moves_mx, mx_name, overlap, split_group, targets_of

SWITCH = {"uses": "dns.mx.switch", "outputs": {}}


@pytest.mark.parametrize(
    ("plan", "names"),
    [
        ({"domains": ["b.test", "a.test"], "steps": [SWITCH], "group": "mx:a.test,b.test"}, {"mx:a.test", "mx:b.test"}),
        ({"domains": ["A.test."], "steps": [SWITCH], "group": ""}, {"mx:a.test"}),
        ({"domains": ["a.test"], "steps": [SWITCH], "group": "mail"}, {"mx:a.test", "mail"}),
        ({"domains": ["a.test"], "steps": [SWITCH], "group": "mx:other.test"}, {"mx:a.test", "mx:other.test"}),
        ({"domains": ["a.test"], "steps": [{"uses": "notify"}], "group": "comms:x"}, {"comms:x"}),
        ({"domains": ["a.test"], "steps": [{"uses": "notify"}], "group": "mx:a.test"}, {"mx:a.test"}),
        ({"domains": ["a.test"], "steps": [], "group": "", "playbook": "p"}, {"playbook:p"}),
        ({}, {"playbook:"}),
        ({"steps": [{**SWITCH, "outputs": {"before": {"c.test": {}}}}], "domains": [], "group": ""}, {"mx:c.test"}),
        ({"steps": [{**SWITCH, "outputs": {"items": [{"after": {"d.test": {}}}, 1]}}], "domains": []}, {"mx:d.test"}),
    ],
)
def test_names(plan, names) -> None:
    """The domains of a plan that moves MX are always among them, whatever its group is called."""
    assert targets_of(plan) == names


@given(st.permutations(["a.test", "b.test", "c.test"]))
def test_the_order_does_not_matter(domains) -> None:
    """Neither in the request nor in the text of the group."""
    plan = {"domains": domains, "steps": [SWITCH], "group": "mx:" + ",".join(domains)}
    assert targets_of(plan) == {"mx:a.test", "mx:b.test", "mx:c.test"}


def test_parts() -> None:
    """Case and the final dot of a name do not matter; empty parts are none."""
    assert mx_name(" A.Test. ") == "mx:a.test" and split_group("mx:a.test,, b.TEST.") == {"mx:a.test", "mx:b.test"}
    assert split_group("") == frozenset() and split_group("x,y") == {"x,y"}
    assert moves_mx([{"uses": "notify"}, SWITCH]) and not moves_mx([{"uses": "dns.mx.check"}])
    assert overlap(["a", "b"], ["b", "c"]) == {"b"}
