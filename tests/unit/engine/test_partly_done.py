"""A step of which some was done: the engine takes what was done as done, and undoes nothing because of the rest."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import Access, Action, Outcome, StepInfo
from bcp.contracts.plugin import Args
from bcp.engine.perform import Performer
from bcp.kernel.errors import PartlyDone, Permanent


class Step(Action[Args]):
    kind = "some"
    access = Access.WRITE
    Args = Args

    def __init__(self, error) -> None:
        self.error = error

    async def perform(self, args, services, step):
        raise self.error


def perform(error):
    return asyncio.run(Performer._bounded(SimpleNamespace(services=None), Step(error), Args(), StepInfo("mx", "k")))


def test_what_was_done_is_an_outcome_with_what_is_missing_in_its_words() -> None:
    outputs = {"states": {"one.test": "applied", "two.test": "conflict"}}
    found = perform(PartlyDone("1 of 2 switched; NOT moved: two.test", outputs=outputs))
    assert found == Outcome("1 of 2 switched; NOT moved: two.test", outputs, changed=True)
    assert perform(PartlyDone("x")).outputs == {}


def test_a_plain_failure_stays_one() -> None:
    with pytest.raises(Permanent, match="all of it"):
        perform(Permanent("all of it"))


def test_what_happened_in_part_is_known_to_the_failure_so_that_it_can_be_undone() -> None:
    """An effect in doubt of which the probe says that it did not happen as a whole: its outputs stay with it."""
    from bcp.contracts.action import Finding, Happened
    from bcp.contracts.journal import Claim, ClaimState
    from bcp.kernel.errors import InDoubt, Transient

    class Half(Step):
        async def probe(self, args, services, step):
            return Finding(Happened.NO, detail="one is moved, one is not")

    class Ledger:
        run_id = "run-1"

        async def claim(self, *given, **more):
            return Claim("k", ClaimState.GO, None, 0.0)

        async def doubt(self, *given):
            """Written down."""

        async def settle(self, *given, **more):
            """Written down."""

    async def note(*given, **more):
        """Nobody listens."""

    async def at_once(seconds):
        """No time passes."""

    outputs = {"states": {"one.test": "applied", "two.test": "unknown"}}
    performer = Performer.__new__(Performer)
    performer.services, performer.journal, performer.note = (
        SimpleNamespace(clock=SimpleNamespace(sleep=at_once)),
        Ledger(),
        note,
    )
    performer.seen, performer._judge = (lambda *given: None), None
    half = Half(InDoubt("two.test: no answer", outputs=outputs))
    work = performer._claimed(SimpleNamespace(id="mx"), half, Args(), StepInfo("mx", "k"))
    with pytest.raises(Transient, match="as a whole") as caught:
        asyncio.run(work)
    assert caught.value.outputs == outputs
