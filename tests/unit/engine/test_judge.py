"""What a write rests on is read again: which steps are planned anew, and what of it speaks against the write."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import Refusal
from bcp.engine import judge as module
from bcp.engine.holds import Against, Ground
from bcp.engine.judge import PlanJudge, gate_terms, gates_before
from bcp.engine.state import Node, initial
from bcp.kernel.errors import Permanent, StorageError
from bcp.plan.model import PlannedStep
from bcp.playbook.load import loads

BOOK = """
version: 1
name: moves
title: Moves mail
ready:
  - {id: look, uses: verdict}
steady_state:
  before:
    - {id: relay, uses: relay.check, with: {relay: r}}
activation:
  - {id: ask, uses: approval, with: {from: [oncall, boss], min: 2}}
  - {id: again, uses: approval, needs: [ask], with: {from: ["{{ who }}"]}}
  - {id: mx, uses: dns.mx.switch, needs: [again], with: {domains: [a.test, b.test], to: relay}}
  - {id: back, uses: dns.mx.switch, needs: [mx], with: {domains: [a.test], to: primary}}
  - {id: tell, uses: notify, needs: [mx], with: {audience: staff, template: hello, channels: [sms]}}
  - {id: plain, uses: dns.mx.switch, needs: [mx], with: {domains: [a.test]}}
  - {id: nobody, uses: approval, needs: [], with: {min: 2}}
  - {id: other, uses: approval, needs: [], with: {from: [oncall]}}
"""
LOADED = loads(BOOK)
ACTIONS = {
    s.step.uses: SimpleNamespace(
        moves_mx=s.step.uses == "dns.mx.switch",
        gate=s.step.uses == "approval",
        to_relay=lambda given: given.get("to", "relay") == "relay",
    )
    for s in LOADED.steps
}
FACTS = {"mx": "old"}


def planned(step, facts=FACTS, would="run", refusals=(), outputs=None):
    placed = LOADED.step(step)
    return PlannedStep(
        step, placed.phase, placed.step.uses, step, would, facts=facts, refusals=refusals, outputs=outputs or {}
    )


class World:
    """A plan, what planning again finds, and what a look sees."""

    def __init__(self, monkeypatch, **plan) -> None:
        steps = {
            "look": planned("look", outputs={"state": "down"}),
            "relay": planned("relay"),
            "mx": planned("mx"),
            "back": planned("back"),
            "tell": planned("tell"),
            "plain": planned("plain"),
        }
        self.before = {**steps, **plan.pop("steps", {})}
        self.plan = SimpleNamespace(
            steps=tuple(self.before.values()),
            step=self.before.get,
            created=900.0,
            expires=4500.0,
            parent="",
            overrides={},
            domains=("a.test", "b.test"),
        )
        vars(self.plan).update(plan)
        self.now = dict(self.before)
        self.look = {"state": "down"}
        self.scope, self.asked, self.looks = {"who": "ann"}, [], 0
        self.people = {"oncall": {"ann", "bob"}, "boss": {"kim"}, "ann": {"ann"}}
        self.leased = True
        self.state = initial([Node(s.id, s.phase, s.needs) for s in LOADED.steps])
        monkeypatch.setattr(module, "plan_step", self._plan_step)
        self.reading = SimpleNamespace(clock=SimpleNamespace(now=lambda: 1000.0), looker=self)
        self.request = SimpleNamespace(loaded=LOADED)

    async def fresh(self):
        self.looks += 1
        if isinstance(self.look, BaseException):
            raise self.look
        return self.look

    async def _plan_step(self, placed, request, actions, services, scope, done):
        assert (request, actions, services, done) == (self.request, ACTIONS, self.reading, {})
        assert scope == self.scope and scope is not self.scope
        self.asked.append(placed.id)
        return self.now[placed.id]

    def approve(self, step, *people):
        self.state.approvals += [{"step": step, "by": p} for p in people]

    @property
    def judge(self) -> PlanJudge:
        def ids(references):
            return frozenset().union(*(self.people[r] for r in references))

        return PlanJudge(self.plan, self.request, ACTIONS, self.reading, ids, lambda: self.leased)

    def ground(self, step="mx") -> Ground:
        return asyncio.run(self.judge.ground(LOADED.step(step), self.state, self.scope))


@pytest.fixture
def world(monkeypatch) -> World:
    made = World(monkeypatch)
    made.approve("ask", "ann", "kim")
    made.approve("again", "ann")
    return made


def test_all_is_read_again_and_as_it_was(world) -> None:
    """Every check of the playbook, and the step itself; times of the plan; a look, as one saw it down."""
    assert world.ground() == Ground(1000.0, 900.0, 4500.0, True, "down", "down")
    assert world.asked == ["look", "relay", "mx"] and world.looks == 1
    world.leased = False
    assert not world.ground().leased


def test_a_step_that_moves_no_mail_is_not_planned_again(world) -> None:
    """Only the checks are."""
    world.ground("tell")
    assert world.asked == ["look", "relay"]


@pytest.mark.parametrize(
    ("steps", "began"),
    [
        ({}, "down"),
        ({"look": planned("look", outputs={"state": "healthy"})}, "healthy"),
        ({"look": planned("look")}, ""),
    ],
)
def test_what_was_seen_at_the_beginning_decides_whether_somebody_looks_again(monkeypatch, steps, began) -> None:
    """Where the plan saw no outage a look of now says nothing."""
    world = World(monkeypatch, steps=steps)
    found = world.ground()
    assert (found.began, world.judge.began(), world.looks) == (began, began, int(began == "down"))
    assert found.seen == ("down" if began == "down" else "")


def test_a_plan_without_a_look_began_with_nothing(monkeypatch) -> None:
    """A verdict later in the playbook is none of its beginning, and another check is no verdict."""
    world = World(monkeypatch)
    world.plan.steps = (planned("relay", outputs={"state": "down"}),)
    assert world.judge.began() == ""
    late = PlannedStep("late", "activation", "verdict", "late", "run", outputs={"state": "down"})
    world.plan.steps = (late,)
    assert world.judge.began() == ""


@pytest.mark.parametrize(
    ("look", "seen"),
    [
        ({"state": "healthy"}, "healthy"),
        ({}, "unknown"),
        (Permanent("x"), "unknown"),
        (TimeoutError(), "unknown"),
        (OSError(), "unknown"),
    ],
)
def test_a_look_that_fails_has_seen_nothing(world, look, seen) -> None:
    """And is no reason to stop."""
    world.look = look
    assert asyncio.run(world.judge.seen()) == seen
    assert look == {} or world.ground().seen == seen


def test_a_store_that_fails_is_no_look_that_failed(world) -> None:
    """It ends the run."""
    world.look = StorageError("disk full")
    with pytest.raises(StorageError):
        asyncio.run(world.judge.seen())
    with pytest.raises(StorageError):
        world.ground()


def test_domains_that_are_well_by_themselves_are_told(world) -> None:
    """Only where mail goes to the relay, nobody insisted, and the plan is no way back of another one."""
    world.look = {"state": "down", "spared": ["b.test", "c.test"]}
    assert world.ground().well == ("b.test",) == world.ground("plain").well
    assert world.ground("back").well == () and world.ground("tell").well == ()
    world.plan.parent = "plan-1"
    assert world.ground().well == ()
    world.plan.parent, world.plan.overrides = "", {"domain-well": "they are not"}
    assert world.ground().well == ()
    world.plan.overrides = {"another": "x"}
    assert world.ground().well == ("b.test",)


def test_domains_that_nobody_sees_are_told_apart(world) -> None:
    """They do not work again; each has an override of its own."""
    world.look = {"state": "down", "spared": ["b.test"], "spared_unseen": ["b.test"]}
    assert (world.ground().well, world.ground().unseen) == ((), ("b.test",))
    world.plan.overrides = {"domain-well": "another"}
    assert world.ground().unseen == ("b.test",)
    world.plan.overrides = {"domain-unseen": "it is dead"}
    assert world.ground().unseen == ()


def test_what_refuses_now_is_against_it_unless_it_may_be_and_was_overridden(world) -> None:
    """By its step and rule."""
    hard, soft, left = (
        Refusal("hard", "no"),
        Refusal("soft", "no", overridable=True),
        Refusal("x", "y", overridable=True),
    )
    world.now["relay"] = planned("relay", refusals=(hard, soft))
    world.now["mx"] = planned("mx", refusals=(left,))
    world.plan.overrides = {"hard": "because", "soft": "because"}
    assert world.ground().against == (Against("relay", "hard", "no"), Against("mx", "x", "y"))


def test_what_cannot_be_read_now_is_told_by_its_refusal_and_is_no_other_mx(world) -> None:
    """A credential that ended between the plan and the write was called somebody's change, too."""
    unreadable = Refusal("dns.unreadable", "the credential has ended")
    world.before["mx"] = planned("mx", facts={"mx": {"a.test": "old", "b.test": "old"}})
    world.now["mx"] = planned("mx", facts={"mx": {"a.test": None, "b.test": "old"}}, refusals=(unreadable,))
    assert world.ground().moved == () and [a.rule for a in world.ground().against] == ["dns.unreadable"]
    world.now["mx"] = planned("mx", facts={"mx": {"a.test": None, "b.test": "new"}}, refusals=(unreadable,))
    assert world.ground().moved == ("mx finds another MX than the plan",)
    world.now["mx"] = planned("mx", facts={"mx": {"a.test": None, "b.test": "old"}})
    assert world.ground().moved == ("mx finds another MX than the plan",), "nothing says that it could not be read"


def test_facts_that_somebody_else_changed_are_told(world) -> None:
    """Of the step itself; not of one that was only known when it is reached, nor of one that has begun."""
    world.now["mx"] = planned("mx", facts={"mx": "new"})
    assert world.ground().moved == ("mx finds another MX than the plan",)
    step = world.state.steps["mx"]
    step.attempts = 1
    assert world.ground().moved != ()
    step.attempts = 2
    assert world.ground().moved == ()
    step.attempts, step.items = 1, {0: {}}
    assert world.ground().moved == ()
    step.items, step.begun = {}, True  # by a process that died
    assert world.ground().moved == ()
    step.begun = False
    world.before["mx"] = planned("mx", would="depends")
    assert world.ground().moved == ()
    del world.before["mx"]
    assert world.ground().moved == ()


def test_facts_of_a_check_are_none_of_the_step(world) -> None:
    world.now["relay"] = planned("relay", facts={"mx": "new"})
    assert world.ground().moved == () and world.ground("tell").moved == ()


def test_approvals_of_people_who_may_not_approve_any_more_do_not_count(world) -> None:
    """Each gate that the step waits for, by its own people and number."""
    assert world.ground().unapproved == ()
    world.people["boss"] = {"eve"}
    assert world.ground().unapproved == ("ask",)
    world.people["ann"] = set()
    assert world.ground().unapproved == ("ask", "again")
    world.people["boss"], world.people["ann"] = {"kim", "ann"}, {"ann"}
    world.state.approvals.clear()
    world.approve("again", "ann", "kim")
    assert world.ground().unapproved == ("ask",)


def test_a_step_waits_for_gates_also_through_others() -> None:
    """In the order of the file; a gate beside it is none of its own, and no gate waits for itself."""

    def names(step):
        return [g.id for g in gates_before(LOADED, step, ACTIONS)]

    assert names("mx") == ["ask", "again"] == names("tell") and names("again") == ["ask"]
    assert names("ask") == [] == names("other")


@pytest.mark.parametrize(
    ("step", "scope", "terms"),
    [
        ("ask", {}, (["oncall", "boss"], 2)),
        ("other", {}, (["oncall"], 1)),
        ("nobody", {}, ([], 2)),
        ("again", {"who": "ann"}, (["ann"], 1)),
        ("again", {}, ([], 1)),
    ],
)
def test_whom_a_gate_asks(step, scope, terms) -> None:
    """Nobody, where that cannot be told any more: it fails closed."""
    assert gate_terms(LOADED.step(step), scope) == terms


def test_whom_to_ask_where_the_playbook_has_no_gate(world) -> None:
    """On call, one of them; or as the settings say."""
    assert world.judge.asks() == (["group:oncall"], 1)
    made = PlanJudge(world.plan, world.request, ACTIONS, world.reading, frozenset, asks=(("boss",), 2))
    assert made.asks() == (["boss"], 2) and made.lease() is True
