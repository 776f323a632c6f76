"""Which names a plan writes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.store.targets import given_up, moves_mx, mx_name, names_given_up, not_moved, overlap, split_group, targets_of

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


def switch(name: str, *domains: str) -> dict:
    return {"id": name, "uses": "dns.mx.switch", "outputs": {"before": {key: {} for key in domains}}}


def left(**states: str) -> dict:
    return {"states": states, "left": {d: {"state": s} for d, s in states.items() if s != "applied"}}


@pytest.mark.parametrize(
    ("outputs", "domains"),
    [
        (left(a="conflict", b="applied", c="refused"), {"a", "c"}),
        (left(a="unknown"), set()),
        ({"left": 3}, set()),
        ({"left": {"a": "conflict"}}, set()),
        ({"items": [left(a="conflict"), left(b="applied"), 7]}, {"a"}),
        ({"items": [left(a="conflict"), left(a="applied")]}, set()),
        ({"items": [left(a="conflict"), left(a="unknown")]}, set()),
        ({}, set()),
    ],
)
def test_only_what_surely_was_not_moved(outputs, domains) -> None:
    """What is in doubt may have moved."""
    assert not_moved(outputs) == domains


def test_a_domain_is_given_up_when_no_switch_will_write_it_any_more() -> None:
    one, two = switch("one", "a", "b"), switch("two", "a")
    gone = left(a="conflict", b="applied")
    assert given_up([one], {"one": gone}, ()) == {"a"}
    assert given_up([one, two], {"one": gone}, ()) == frozenset()  # the other is still to come
    assert given_up([one, two], {"one": gone}, {"two"}) == {"a"}
    assert given_up([one, two], {"one": gone, "two": left(a="applied")}, ()) == frozenset()
    assert given_up([one, two], {"one": gone, "two": left(a="refused")}, ()) == {"a"}
    assert given_up([one, switch("later")], {"one": gone}, ()) == frozenset()  # nobody knows what it will write
    assert given_up([], {}, ()) == frozenset()


def test_a_domain_that_the_plan_left_out_is_given_up_too() -> None:
    """Its host could not be asked, so that no step has a *before* of it."""
    assert given_up([switch("one", "b")], {"one": left(a="refused", b="applied")}, ()) == {"a"}


def test_the_names_that_go_with_them() -> None:
    """A group that is named like a domain keeps nobody from what was given up; another text stays the author's word."""
    targets = {"mx:a.test", "mx:b.test", "mx:x", "comms:x"}
    assert names_given_up(targets, ["a.test"], ["b.test"]) == {"mx:a.test", "mx:x"}
    assert names_given_up(targets, [], ["a.test", "b.test"]) == frozenset()
