"""What the suites of the store room write: plans and runs as plain data, and what must be refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from bcp.contracts.store import State
from bcp.kernel.errors import BcpError, Refused
from bcp.testing.clock import FakeClock


def plan(
    *domains: str, uses: str = "dns.mx.switch", group: str = "", parent: str = "", kind: str = "real", **more: Any
) -> dict[str, Any]:
    """A plan as plain data, with one step."""
    made = {"id": "mx", "uses": uses, "outputs": {}, "changes": []}
    return {
        "domains": list(domains),
        "steps": [made],
        "group": group,
        "parent": parent,
        "kind": kind,
        "checksum": "c" * 64,
        "playbook": "p",
        "initiator": "alice",
        "automatic": False,
        "configuration": "f",
        "created": 100.0,
        **more,
    }


def meta(planned: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What a run of that plan is started with."""
    node = {"id": "mx", "phase": "activation", "needs": [], "optional": False, "undo": True}
    return {"plan": planned, "nodes": [node], "parent": planned["parent"], "group": planned["group"], **more}


def add(
    state: State, run_id: str, planned: Mapping[str, Any], *events: tuple[str, str, dict[str, Any]], **more: Any
) -> None:
    """A run with these events (kind, step, data)."""
    state.runs.create(run_id, meta(planned, **more))
    write(state, run_id, *events)


def write(state: State, run_id: str, *events: tuple[str, str, dict[str, Any]], at: float = 1000.0) -> None:
    """More events of a run."""

    async def work() -> None:
        journal = state.runs.open(run_id, FakeClock(at))
        for kind, step, data in events:
            await journal.record(kind, step=step, **data)
        journal.close()

    asyncio.run(work())


STARTED: tuple[str, str, dict[str, Any]] = ("run_started", "", {})
HOLDS = ("phase_started", "", {"phase": "hold"})
DONE = ("run_finished", "", {"status": "done"})
SWITCHED = (("step_started", "mx", {"attempt": 0}), ("step_finished", "mx", {"status": "ok"}))


def refused(rule: str, work: Callable[[], object]) -> Refused:
    """It must refuse by this rule."""
    try:
        work()
    except Refused as error:
        assert error.rule == rule, f"refused by {error.rule!r}, not by {rule!r}"
        assert error.hint, "a refusal says what to do next"
        return error
    raise AssertionError(f"not refused by {rule}")


def fails(kind: type[BcpError], work: Callable[[], object]) -> BcpError:
    """It must raise this."""
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")
