"""What was done is undone in the time that it needs, and says how far it is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import Access, Action, Outcome
from bcp.contracts.journal import ClaimState
from bcp.contracts.plugin import Args
from bcp.engine.state import Node, StepState
from bcp.engine.undo import undo_all
from bcp.playbook.load import Placed
from bcp.playbook.model import Step


class Slow(Action[Args]):
    """Its undo takes as long as it is told; ``needs_s``: what it asks for."""

    kind = "slow"
    access = Access.WRITE
    Args = Args
    undoable = True

    def __init__(self, takes: asyncio.Event | None, needs_s: float) -> None:
        self.takes, self.needs_s, self.times = takes, needs_s, []

    def least_s(self, args, services):
        return self.needs_s

    async def perform(self, args, services, step):
        raise AssertionError("it is only undone here")

    async def undo(self, args, before, services, step):
        self.times.append(step.timeout_s)
        await step.say("half of it")
        if self.takes is not None:
            await self.takes.wait()
        return Outcome("put back")


class Ledger:
    run_id = "run-1"

    def __init__(self) -> None:
        self.settled = []

    async def claim(self, key, step, request, *, event):
        return SimpleNamespace(state=ClaimState.GO, outcome=None)

    async def settle(self, key, record, *, step):
        self.settled.append(record["state"])


def undo(action: Slow):
    """Undo one step of half a second's time; what was noted, and the ledger."""
    placed = Placed("mx", "activation", Step.model_validate({"id": "mx", "uses": "slow", "timeout": "500ms"}), (), ())
    noted, ledger = [], Ledger()

    async def note(kind, **data):
        noted.append((kind, data))

    async def sleep(seconds):
        return None

    loaded = SimpleNamespace(book=None, step=lambda _: placed)
    services = SimpleNamespace(clock=SimpleNamespace(sleep=sleep))
    performer = SimpleNamespace(
        loaded=loaded, actions={"slow": action}, services=services, journal=ledger, note=note, scope=dict
    )
    step = StepState("mx", "activation", status="ok", outputs={"before": 1}, began=1)
    state = SimpleNamespace(steps={"mx": step}, status="undoing")
    asyncio.run(undo_all(loaded, [Node("mx", "activation", (), undo=True)], state, performer, note))
    return noted, ledger.settled


def test_it_has_its_own_time_and_what_it_needs_in_any_case() -> None:
    """And it says how far it is."""
    action = Slow(None, 20.0)
    noted, settled = undo(action)
    assert action.times == [pytest.approx(20.5)] and settled == ["done"]
    assert [k for k, _ in noted] == ["step_progress", "undo_finished"]
    assert noted[0][1] == {"step": "mx", "summary": "half of it"} and noted[1][1]["status"] == "undone"


def test_what_takes_longer_is_tried_again_and_then_said_to_be_undone_by_hand() -> None:
    """Three attempts, each cut off at its time; the next undo would still be tried."""
    action = Slow(asyncio.Event(), -0.49)
    noted, settled = undo(action)
    assert settled == ["failed"] * 3 and len(action.times) == 3
    assert noted[-1][1]["status"] == "undo_failed" and "by hand" in noted[-1][1]["hint"]
