"""A step that cannot be planned refuses the plan, with its reason; it does not end the planning."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import Access, Action, Outcome, Proposal
from bcp.contracts.plugin import Args
from bcp.kernel.errors import Invalid, Permanent, Transient
from bcp.plan import build


class Plain(Action[Args]):
    """Does in its plan what the test says."""

    kind = "plain"
    access = Access.READ
    Args = Args

    def __init__(self, work) -> None:
        self.work = work

    async def plan(self, args, services, step):
        return await self.work()

    async def perform(self, args, services, step):
        return Outcome()


def propose(work, monkeypatch):
    monkeypatch.setattr(build, "settle_timeout", lambda placed, book: 0.05)
    placed = SimpleNamespace(id="mx", step=SimpleNamespace(with_={}, uses="plain"))
    request = SimpleNamespace(loaded=SimpleNamespace(book=None))
    services = SimpleNamespace(run=SimpleNamespace(id="run"))
    return asyncio.run(build._propose(placed, request, Plain(work), services, {}, None))


@pytest.mark.parametrize(
    ("error", "hint"), [(Transient("no answer", hint="try again"), "try again"), (Permanent("no key"), "")]
)
def test_an_error_is_a_refusal_that_names_the_step(error, hint, monkeypatch) -> None:
    async def work():
        raise error

    (refusal,) = propose(work, monkeypatch).refusals
    assert (refusal.rule, refusal.message, refusal.hint, refusal.overridable) == (
        "cannot-plan",
        f"mx: {error.message}",
        hint,
        False,
    )


def test_a_step_that_does_not_end_is_a_refusal(monkeypatch) -> None:
    (refusal,) = propose(lambda: asyncio.Event().wait(), monkeypatch).refusals
    assert refusal.rule == "cannot-plan" and refusal.message == "mx could not be planned in 0.05 s"


def test_our_own_wrong_input_is_told_as_that(monkeypatch) -> None:
    async def work():
        raise Invalid("which relay?")

    with pytest.raises(Invalid, match="which relay"):
        propose(work, monkeypatch)


def test_what_can_be_planned_is_what_the_action_says(monkeypatch) -> None:
    async def work():
        return Proposal(notes=("fine",))

    assert propose(work, monkeypatch) == Proposal(notes=("fine",))


@pytest.mark.parametrize("error", [TypeError("no list"), ExceptionGroup("two", [KeyError("sid"), ValueError("x")])])
def test_a_fault_in_a_plug_in_is_a_refusal_that_says_so(error, monkeypatch) -> None:
    """It does not end the planning, and the first of several is named."""

    async def work():
        raise error

    (refusal,) = propose(work, monkeypatch).refusals
    first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
    assert refusal.rule == "cannot-plan" and refusal.hint == "Please report this."
    assert f"fault in {Plain.kind}: {type(first).__name__}" in refusal.message
