"""What an action is to others: said by it, written into the plan, read without it; old plans are read as they were."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from bcp import registry
from bcp.contracts.action import Access, Action, Outcome, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services
from bcp.contracts.traits import BEFORE, Trait, has, traits_of
from bcp.plan.model import Plan, PlannedStep, from_data
from bcp.playbook.catalogue import ActionSpec, Catalogue
from bcp.playbook.lint import lint
from bcp.playbook.load import loads
from bcp.server.parts.books import asks_first
from bcp.store.cards import fixed_part
from bcp.store.targets import targets_of
from bcp.wiring.catalogue import action_specs, moves_mx


class PortalArgs(Args):
    """Where to."""

    to: str = "relay"
    """As for any action that moves MX."""


class Portal(Action[PortalArgs]):
    """Moves MX at a portal of Acme."""

    kind = "acme.portal"
    access = Access.WRITE
    Args = PortalArgs
    undoable = True
    moves_mx: ClassVar[bool] = True

    async def perform(self, args: PortalArgs, services: Services, step: StepInfo) -> Outcome:
        """Nothing here."""
        return Outcome()


class Vote(Portal):
    """Asks people at Acme's."""

    kind = "acme.vote"
    access = Access.READ
    moves_mx: ClassVar[bool] = False
    gate: ClassVar[bool] = True


BOOK = """\
version: 1
name: portal
title: Portal
covers: [A]
activation:
  - {{id: ask, uses: acme.vote}}
  - {{id: mx, uses: acme.portal, with: {{to: {to}}}, needs: [{needs}], undo: automatic}}
"""


@pytest.fixture
def acme(monkeypatch) -> dict[str, Any]:
    known = {**registry.actions(), "acme.portal": Portal(), "acme.vote": Vote()}
    monkeypatch.setattr(registry, "actions", lambda: known)
    return known


def test_traits_are_attributes_of_an_action_and_each_is_one_of_ours() -> None:
    """No trait without an action that has it, none that the class does not document."""
    every = {t for a in registry.actions().values() for t in traits_of(a)}
    assert every == set(Trait) and all(getattr(Action, t.value) is False for t in Trait)
    assert traits_of(Portal()) == ("moves_mx",) and traits_of(object()) == ()


def test_an_old_plan_is_read_by_the_names_of_its_time() -> None:
    """A plan that says traits is believed, also when it says none."""
    assert all(set(t) <= set(traits_of(registry.actions()[k])) for k, t in BEFORE.items())
    assert has({"uses": "dns.mx.switch"}, Trait.MOVES_MX) and not has({"uses": "acme.portal"}, Trait.MOVES_MX)
    assert has({"uses": "acme.portal", "traits": ["moves_mx"]}, Trait.MOVES_MX)
    assert not has({"uses": "dns.mx.switch", "traits": []}, Trait.MOVES_MX) and not has({}, Trait.LOOKS)


def plan(*steps: PlannedStep) -> Plan:
    return Plan(
        "p", 1.0, 2.0, "portal", "", "", {}, ("a.test",), "c", "real", "ann", False, steps, group="x"
    ).sealed()  # fmt: skip


def test_a_plan_without_traits_keeps_its_checksum() -> None:
    """It was made before there were any, and somebody approved it."""
    old = plan(PlannedStep("mx", "activation", "dns.mx.switch", "mx", "run"))
    data = old.to_data()
    assert "traits" not in data["steps"][0] and from_data(data) == old and old.steps[0].has(Trait.MOVES_MX)
    new = plan(PlannedStep("mx", "activation", "acme.portal", "mx", "run", traits=("moves_mx",)))
    assert from_data(new.to_data()) == new and new.steps[0].has(Trait.MOVES_MX) and new.checksum != old.checksum


def test_the_store_keeps_the_domains_of_an_action_from_outside_apart(acme) -> None:
    """Lease and card: its MX is a target, whatever its name is."""
    data = plan(PlannedStep("mx", "activation", "acme.portal", "mx", "run", traits=traits_of(Portal()))).to_data()
    assert targets_of(data) == {"x", "mx:a.test"}
    assert fixed_part("run-1", {"plan": data})["moves_mx"] is True


def test_lint_knows_an_action_from_outside_by_what_it_says(acme) -> None:
    """Ungated, harmful in class A, without concurrency: the same words as for ours. The way back harms nobody."""

    def rules(**given: str) -> set[str]:
        return {p.rule for p in lint(loads(BOOK.format(**given)), Catalogue(action_specs()))}

    assert {"ungated-switch", "switch-does-not-help", "no-concurrency"} <= rules(to="relay", needs="")
    assert "ungated-switch" not in rules(to="relay", needs="ask"), "its gate is one"
    assert "switch-does-not-help" not in rules(to="primary", needs="ask")
    assert moves_mx(loads(BOOK.format(to="relay", needs="")).book)


def test_a_gate_from_outside_is_a_gate_for_the_daemon(acme) -> None:
    assert asks_first(loads(BOOK.format(to="relay", needs="ask")), acme, "oncall")
    assert not asks_first(loads(BOOK.format(to="relay", needs="")), acme, "oncall")


def test_what_is_not_there_has_no_trait() -> None:
    catalogue = Catalogue({"a": ActionSpec("a", False, None, {}, False, lambda given: ())})
    assert not catalogue.has("a", Trait.GATE) and not catalogue.has("b", Trait.GATE)
