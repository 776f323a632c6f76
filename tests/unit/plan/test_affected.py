"""A plan moves only the domains that fail, and says which not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bcp import registry
from bcp.deeds import plan as planning
from bcp.kernel.errors import Refused
from bcp.plan.affected import RULE, UNSEEN, left_alone, moves_to_relay, unseen_in, well_in
from bcp.plan.build import Request
from bcp.plan.model import PlannedStep
from bcp.playbook.load import load

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
SEEN = {"state": "down", "spared": ["b.example"]}


@pytest.mark.parametrize(
    ("name", "moves"),
    [
        ("exchange-inbound-outage", True), ("exchange-false-rejects", True), ("exchange-failback", False),
        ("exchange-mailbox-access", False), ("exchange-gateway-path", False),
    ],
)  # fmt: skip
def test_which_playbooks_move_mail_to_the_relay(name, moves) -> None:
    """The way back does not."""
    assert moves_to_relay(load(PLAYBOOKS / f"{name}.yaml"), registry.actions()) is moves


@pytest.mark.parametrize("spared", [None, "b.example", 5, {"b.example": 1}])
def test_a_look_that_names_nobody_spares_nobody(spared) -> None:
    """Other types are no list of domains."""
    assert well_in({"spared": spared}, ("a.example", "b.example")) == () and well_in({}, ("a.example",)) == ()


def test_a_look_that_cannot_see_sees_nobody_well() -> None:
    """Its counters are silent, not well: "inbound mail works again" would be untrue."""
    seen = {"state": "unknown", "spared": ["a.example"]}
    assert well_in(seen, ("a.example",)) == () and well_in({**seen, "state": "down"}, ("a.example",)) == ("a.example",)


def test_only_domains_of_the_plan_count() -> None:
    """In the order of the plan."""
    assert well_in({"spared": ["c.example", "b.example"]}, ("b.example", "a.example", "c.example")) == (
        "b.example",
        "c.example",
    )


def made(request: Request):
    """A plan whose look saw what ``SEEN`` says."""
    steps = (
        PlannedStep("look", "before", "verdict", "look", "run", outputs=SEEN),
        PlannedStep("mx", "activation", "dns.mx.switch", "mx", "run"),
    )
    return SimpleNamespace(domains=request.domains, steps=steps)


@pytest.fixture
def ask(monkeypatch):
    """Plan for these domains, with a look that sees one of them well."""

    async def built(app, request):
        return made(request)

    monkeypatch.setattr(planning, "_built", built)

    def plan(*domains: str, **more):
        request = Request(
            loaded=load(PLAYBOOKS / f"{more.pop('playbook', 'exchange-inbound-outage')}.yaml"), inputs={},
            domains=domains,
            service="s", configuration="c", kind="real", initiator="i",
        )  # fmt: skip
        return asyncio.run(planning.make_plan(None, replace(request, **more))).domains

    return plan


def test_a_domain_that_is_well_is_left_out_where_nobody_named_it(ask) -> None:
    """The others are moved."""
    assert ask("a.example", "b.example", all_domains=True) == ("a.example",)


def test_a_domain_that_is_well_and_was_named_is_refused(ask) -> None:
    """Also when it is the only one there is."""
    for domains, more in ((("a.example", "b.example"), {}), (("b.example",), {"all_domains": True})):
        with pytest.raises(Refused, match=r"b\.example") as caught:
            ask(*domains, **more)
        assert caught.value.rule == RULE == "domain-well"


UNSEEN_SEEN = {"state": "down", "spared": ["b.example", "c.example"], "spared_unseen": ["c.example"]}


def test_a_domain_that_nobody_sees_is_not_called_well() -> None:
    """It is left alone for another reason. A look that sees nothing at all says nothing of either."""
    three = ("a.example", "b.example", "c.example")
    assert (well_in(UNSEEN_SEEN, three), unseen_in(UNSEEN_SEEN, three)) == (("b.example",), ("c.example",))
    assert unseen_in({**UNSEEN_SEEN, "state": "unknown"}, three) == unseen_in({}, three) == ()


def test_a_domain_that_nobody_sees_is_left_out_or_refused_for_that(ask, monkeypatch) -> None:
    """By a rule and an override of its own."""
    monkeypatch.setitem(globals(), "SEEN", {"state": "down", "spared": ["b.example"], "spared_unseen": ["b.example"]})
    assert ask("a.example", "b.example", all_domains=True) == ("a.example",)
    with pytest.raises(Refused, match="nobody sees inbound mail there") as caught:
        ask("a.example", "b.example", overrides={RULE: "not that one"})
    assert caught.value.rule == UNSEEN == "domain-unseen"
    assert ask("a.example", "b.example", overrides={UNSEEN: "it is dead"}) == ("a.example", "b.example")


def test_who_knows_better_says_so(ask) -> None:
    """With the rule's name and a reason."""
    assert ask("a.example", "b.example", overrides={RULE: "known"}) == ("a.example", "b.example")


def test_ways_back_and_playbooks_that_move_nothing_are_not_asked(ask) -> None:
    """Well is what they are for."""
    assert ask("b.example", playbook="exchange-failback", parent="run-1") == ("b.example",)
    assert ask("b.example", playbook="exchange-mailbox-access") == ("b.example",)


def test_a_plan_without_a_look_spares_nobody() -> None:
    """A playbook of one's own that does not look."""
    assert left_alone(SimpleNamespace(domains=("a",), steps=())) == {}
