"""``answers.wait``: enough people must be there to answer; what came in counts, and time ends it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import StepInfo
from bcp.contracts.services import NoAnswers
from bcp.kernel.errors import Transient
from bcp.plugins.actions.answers_wait import AnswersWait, AnswersWaitArgs
from bcp.testing.clock import FakeClock

STEP = StepInfo("wait", "run/wait#0")


class Answers:
    """So many people; answers come in one by one with each look."""

    def __init__(self, people: int, *counts: int | Exception) -> None:
        self.size, self.counts, self.looks = people, list(counts), 0

    def people(self, audience: str) -> int:
        """In any audience."""
        return self.size

    async def count(self, audience: str, since: float, digits: list[str]) -> int:
        """The next."""
        self.looks += 1
        found = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
        if isinstance(found, Exception):
            raise found
        return found


def services(answers) -> SimpleNamespace:
    """Virtual time."""
    return SimpleNamespace(answers=answers, clock=FakeClock(), run=SimpleNamespace(started=0.0), dry=False)


def plan(answers, minimum: int):
    """The proposal."""
    return asyncio.run(AnswersWait().plan(AnswersWaitArgs(audience="oncall", min=minimum), services(answers), STEP))


@pytest.mark.parametrize(("people", "minimum", "fits"), [(2, 2, True), (3, 2, True), (1, 2, False), (0, 1, False)])
def test_more_answers_than_there_are_people_are_refused(people, minimum, fits) -> None:
    """It would wait to the end for what cannot come. Nobody is asked anything to find out."""
    answers = Answers(people, 0)
    found = plan(answers, minimum)
    assert [r.rule for r in found.refusals] == ([] if fits else ["answers.too-few-people"])
    assert fits or f"{minimum} must answer and {people} are in oncall" in found.refusals[0].message
    assert answers.looks == 0 and found.outputs["people"] == people


def test_where_nobody_can_be_asked_nobody_can_answer() -> None:
    """An organisation without a channel that hears answers."""
    assert [r.rule for r in plan(NoAnswers(), 1).refusals] == ["answers.too-few-people"]


def perform(answers, **args):
    """The outcome, and how long it took."""
    given = services(answers)
    before = given.clock.steady
    done = asyncio.run(AnswersWait().perform(AnswersWaitArgs(audience="oncall", **args), given, STEP))
    return done, given.clock.steady - before


def test_it_ends_as_soon_as_enough_have_answered() -> None:
    done, took = perform(Answers(3, 0, 1, 2, 3), min=2)
    assert done.outputs == {"enough": True, "answered": 2, "people": 3} and took == 30


def test_time_ends_it_and_a_look_that_fails_does_not() -> None:
    """What was counted last is kept, and the trouble is said."""
    done, took = perform(Answers(3, 1, Transient("no answer")), min=2, within="60s")
    assert done.outputs["enough"] is False and done.outputs["answered"] == 1 and took == pytest.approx(60)
    assert done.summary == "1 of 3 answered, 2 were wanted; the last look failed: no answer"
