"""Lint's warnings about gates: who is asked before MX moves, and whether enough people are there to answer."""

from __future__ import annotations

import pytest

from bcp.kernel.errors import Problem
from bcp.playbook.catalogue import Catalogue
from bcp.playbook.lint import lint
from bcp.playbook.load import loads
from bcp.wiring import action_specs

HEAD = "version: 1\nname: x\ntitle: X\nconcurrency: {group: mx}\nactivation:\n"
GATE = "  - {id: gate, uses: approval, with: {from: [group:oncall], min: 1, timeout: 10m}}\n"
MX = "  - {id: mx, uses: dns.mx.switch, with: {domains: [corp.test], to: relay}, undo: automatic}\n"
BESIDE = MX.replace("undo:", "needs: [], undo:")
AFTER_ALL = MX.replace("undo:", "needs: [gate], undo:")


def found(steps: str, people: int = 9) -> list[Problem]:
    """What lint says of these steps, where ``people`` are on call."""
    return lint(loads(HEAD + steps), Catalogue(action_specs(), approvers=lambda ref: people))


@pytest.mark.parametrize(
    "steps", [MX, MX + GATE, GATE + BESIDE, BESIDE + GATE], ids=["none", "after", "beside", "first"]
)
def test_a_switch_that_waits_for_nobody_is_warned_of(steps: str) -> None:
    """A gate that stands before it in the file, and that it does not wait for, stops nothing."""
    (problem,) = found(steps)
    assert (problem.rule, problem.severity) == ("ungated-switch", "warning") and "'mx' moves MX" in problem.message
    assert problem.line == next(n for n, line in enumerate((HEAD + steps).splitlines(), 1) if "id: mx" in line)
    assert "approval" in problem.hint


@pytest.mark.parametrize(
    "steps", [GATE + MX, AFTER_ALL + GATE.replace("with:", "needs: [], with:")], ids=["in-order", "by-needs"]
)
def test_a_switch_behind_a_gate_is_not(steps: str) -> None:
    """By the order of steps, or by what it needs."""
    assert found(steps) == []


def test_a_gate_far_above_the_switch_is_enough() -> None:
    """It need not be the step right before it."""
    look = "  - {id: look, uses: verdict}\n"
    assert found(GATE + look + MX) == []


@pytest.mark.parametrize(
    ("minimum", "people", "rules"),
    [(1, 1, ["approval-thin"]), (1, 2, []), (2, 2, ["approval-thin"]), (2, 3, []), (2, 1, ["approval-unanswerable"])],
)
def test_a_gate_that_its_own_people_could_not_open_is_warned_of(minimum: int, people: int, rules: list[str]) -> None:
    """Who starts a run may not approve it: with two on call and two needed, neither may start it."""
    gate = GATE.replace("min: 1", f"min: {minimum}")
    got = found(gate + MX, people)
    assert [p.rule for p in got] == rules
    assert [p.severity for p in got] == (["warning"] if rules == ["approval-thin"] else ["error"] * len(rules))


def test_where_the_starter_may_approve_nobody_is_missing() -> None:
    """The playbook says so itself."""
    gate = GATE.replace("min: 1", "min: 2, initiator_may_approve: true")
    assert found(gate + MX, 2) == []


EITHER = (
    "  - {id: look, uses: verdict}\n"
    """  - {id: good, uses: verdict, when: "steps.look.state == 'ok'"}\n"""
    """  - {id: bad, uses: verdict, when: "steps.look.state != 'ok'"%s}\n"""
)


def test_a_step_that_is_skipped_with_the_one_before_it_is_warned_of() -> None:
    """Of two with a condition each the second needs the first, and goes with it, unless it says what it needs."""
    (problem,) = found(EITHER % "")
    assert (problem.rule, problem.severity) == ("skipped-together", "warning") and "'bad' is skipped" in problem.message
    assert "needs: [look]" in problem.hint
    for said in (", needs: [look]", ", needs: [good]"):
        assert found(EITHER % said) == []
