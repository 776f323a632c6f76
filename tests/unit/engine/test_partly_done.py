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
