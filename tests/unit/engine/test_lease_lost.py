"""A process that slept while another went on with its run stops where it is:
it writes nothing more and undoes nothing."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "crash"))

from fakes import services

from bcp.contracts.action import Access, Action, Finding, Happened, Outcome
from bcp.contracts.plugin import Args
from bcp.contracts.store import LeaseLost
from bcp.engine.approvals import DryApprovals
from bcp.engine.runner import Runner, nodes_of
from bcp.engine.state import replay
from bcp.kernel.clock import SystemClock
from bcp.playbook.load import loads
from bcp.store.memory.state import MemoryState
from bcp.store.sqlite.state import SqliteState
from bcp.testing.effects import Recorder

BOOK = """
version: 1
name: x
title: t
activation:
  - {id: one, uses: slow, undo: automatic}
  - {id: two, uses: slow, undo: automatic}
"""
TARGETS = {"mx:corp.test"}


class Slow(Action[Args]):
    """Says what it did; between the two somebody else may come."""

    kind, access, Args, undoable = "slow", Access.WRITE, Args, True

    def __init__(self, comes):
        self.did, self.comes = [], comes

    async def perform(self, args: Any, services: Any, step: Any) -> Outcome:
        self.did.append(f"do {step.id}")
        if step.id == "one":
            self.comes()
        return Outcome("", {"x": 1})

    async def undo(self, args: Any, services: Any, step: Any, outputs: Any = None) -> Outcome:
        self.did.append(f"undo {step.id}")
        return Outcome("")

    async def probe(self, args: Any, services: Any, step: Any) -> Finding:
        self.comes()
        return Finding(Happened.NO)


@pytest.fixture(params=["sqlite", "memory"])
def state(request, tmp_path):
    return SqliteState(tmp_path / "state") if request.param == "sqlite" else MemoryState()


def runner(state, tmp_path, comes, prepare=None):
    loaded = loads(BOOK)
    state.runs.create("run-1", {"plan": {}, "nodes": [asdict(n) for n in nodes_of(loaded)]})
    lease = state.leases.take("run-1", TARGETS)
    action = Slow(comes)

    async def work():
        journal = state.runs.open("run-1", SystemClock(), lease)
        if prepare is not None:
            await prepare(journal)
        given = services(
            tmp_path, Recorder(tmp_path / "x"), journal, DryApprovals(lambda r: frozenset(), "x"), "run-1", "c"
        )
        scope = {"domains": [], "inputs": {}, "vars": {}, "run": {}, "service": {}}
        return await Runner(loaded, {"slow": action}, given, journal, scope, {}).work()

    return action, work


def test_it_stops_before_the_next_write(state, tmp_path) -> None:
    """The other process has a number of its own; what it finds is what was done before."""
    action, work = runner(state, tmp_path, lambda: state.leases.take("run-1", TARGETS))
    with pytest.raises(LeaseLost) as caught:
        asyncio.run(work())
    assert caught.value.rule == "lease-lost" and caught.value.exit_code == 3 and caught.value.hint
    assert action.did == ["do one"]
    found = state.runs.view("run-1")
    assert "two" not in {e.step for e in found.effects} and not [e for e in found.events if "undo" in e.kind]
    assert replay(nodes_of(loads(BOOK)), found.events).status == "running" and state.runs.damage("run-1") == ""


def test_it_stops_after_a_probe_that_took_long(state, tmp_path) -> None:
    """The claim is from before a crash; before the write is done after all, the lease is asked again."""

    async def dead_before(journal):
        await journal.record("run_started")
        await journal.claim("run-1/one#0", "one", {}, event="step_started", attempt=0)

    action, work = runner(state, tmp_path, lambda: state.leases.take("run-1", TARGETS), dead_before)
    with pytest.raises(LeaseLost):
        asyncio.run(work())
    assert action.did == []


def test_with_its_lease_it_goes_through(state, tmp_path) -> None:
    """The same playbook when nobody comes."""
    action, work = runner(state, tmp_path, lambda: None)
    assert asyncio.run(work()).status == "done" and action.did == ["do one", "do two"]
    assert {e.data["fence"] for e in state.runs.view("run-1").events if e.kind == "step_started"} == {1}
