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


PART = {"states": {"one.test": "already", "two.test": "refused"}}


class Killed:
    """The ledger of a run whose process died in the middle of an effect, and a performer that takes it up again."""

    run_id = "run-1"

    def __init__(self, part) -> None:
        from bcp.contracts.action import Finding, Happened

        self.noted: list = []
        self.settled: list = []
        self.performer = Performer.__new__(Performer)
        p = self.performer
        p.services = SimpleNamespace(clock=SimpleNamespace(sleep=self._at_once))
        p.journal, p.note, p._parts, p.seen = self, self._note, {}, lambda *given: None
        p.state = SimpleNamespace(steps={"mx": SimpleNamespace(items={})})
        self.step = Step(Permanent("sent in vain"))
        finding = Finding(Happened.NO, Outcome("a part", PART) if part else None, "one is moved, one is not")

        async def probe(*given):
            return finding

        self.step.probe = probe

    async def claim(self, *given, **more):
        from bcp.contracts.journal import Claim, ClaimState

        return Claim("k", ClaimState.IN_DOUBT, None, 0.0)

    async def check(self):
        """Still ours."""

    async def settle(self, key, record, **more):
        self.settled.append(record)

    async def _note(self, kind, **more):
        self.noted.append((kind, more))

    async def _at_once(self, seconds):
        """No time passes."""

    def judged(self, error) -> Exception:
        async def no(placed):
            raise error

        self.performer._judge = no
        placed = SimpleNamespace(id="mx", step=SimpleNamespace(uses="some"))
        with pytest.raises(type(error)) as caught:
            asyncio.run(self.performer._claimed(placed, self.step, Args(), StepInfo("mx", "k")))
        return caught.value


@pytest.mark.parametrize("part", [True, False])
def test_a_refusal_after_a_kill_does_not_forget_what_was_moved_before(part) -> None:
    """The service works again meanwhile, say: what the dead process had moved is undone by the outputs."""
    from bcp.kernel.errors import Refused

    killed = Killed(part)
    error = killed.judged(Refused("it no longer holds", hint="Nothing was written by this step."))
    assert (error.outputs == PART) is part and ("Nothing" in error.hint) is not part
    assert killed.settled[-1]["outputs"] == (PART if part else {})
    ((kind, told),) = killed.noted
    assert kind == "doubt_settled" and told["happened"] == "no" and ("part" in told) is part


@pytest.mark.parametrize(("part", "words"), [(True, "a part of it had happened"), (False, "it had not happened")])
def test_an_abort_after_a_kill_undoes_what_was_moved_before(part, words) -> None:
    killed = Killed(part)
    p, key = killed.performer, "run-1/mx#0"

    async def effects(prefix):
        return [SimpleNamespace(key=key, state="claimed")]

    async def nothing(placed, action, effect, index):
        return await p._resolve(placed, action, Args(), StepInfo("mx", key), (0.0,))

    killed.effects, p._concluded, p.actions = effects, nothing, {"some": killed.step}
    placed = SimpleNamespace(id="mx", step=SimpleNamespace(uses="some", for_each=None))
    asyncio.run(p.conclude(placed))
    kind, told = killed.noted[-1]
    assert kind == "step_finished" and told["status"] == "failed" and words in told["error"]
    assert told["outputs"] == (PART if part else {})
