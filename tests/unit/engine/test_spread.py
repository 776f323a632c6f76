"""What public resolvers tell, from the switch until all of them tell the new MX: each change is an event."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.dns import Inside, MxHost, MxSet
from bcp.engine.spread import AFTER_S, Spread
from bcp.engine.state import RunState, StepState
from bcp.kernel.errors import Permanent, StorageError
from bcp.testing.clock import FakeClock

T = 1_800_000_000.0
OLD, NEW = MxSet((MxHost(0, "primary.test."),), 300), MxSet((MxHost(10, "relay.test."),), 60)


class Caches:
    """Resolvers, each of which has the new MX so long after the switch; ``None``: it never answers."""

    def __init__(self, clock: FakeClock, *after: float | None) -> None:
        self.clock, self.after, self.looks, self.fault = clock, after, 0, False

    async def look(self, domains: Any) -> list[Inside]:
        self.looks += 1
        if self.fault and self.looks == 1:
            raise Permanent("no network")
        now = self.clock.now() - T
        return [
            Inside(d, f"r{i}", None, "silent") if a is None else Inside(d, f"r{i}", NEW if now >= a else OLD)
            for d in domains
            for i, a in enumerate(self.after)
        ]


def step(**outputs: Any) -> StepState:
    found = StepState("mx", "activation")
    found.status = "ok"
    found.outputs = {
        "after": {"corp.test": NEW.to_data()}, "states": {"corp.test": "applied"}, "old_ttl_s": 300, "safe_at": T + 300,
        **outputs,
    }  # fmt: skip
    return found


def spread(*after: float | None, parent: str = "", dry: bool = False, broken: bool = False) -> tuple[Spread, list[Any]]:
    clock, notes = FakeClock(T), list[Any]()

    async def note(kind: str, *, step: str = "", actor: str = "", **data: Any) -> None:
        if broken:
            raise StorageError("the disk is full")
        notes.append((kind, clock.now() - T, data["new"], data["asked"]))

    services: Any = SimpleNamespace(clock=clock, dry=dry, run=SimpleNamespace(parent=parent))
    if after:
        services.outer = Caches(clock, *after)
    state = RunState()
    state.steps["mx"] = step()
    return Spread(services, state, note), notes


def test_the_curve_is_what_was_told_when_it_changed() -> None:
    found, notes = spread(0.0, 100.0, 290.0)
    assert found.wanted
    asyncio.run(found.watch())
    assert [(kind, new, asked) for kind, _, new, asked in notes] == [("mx_told", n, 3) for n in (1, 2, 3)]
    at = [seconds for _, seconds, _, _ in notes]
    assert at[0] < 2
    assert 100 <= at[1] <= 105
    assert 290 <= at[2] <= 295


def test_a_resolver_that_is_silent_is_none_of_those_that_were_asked() -> None:
    found, notes = spread(50.0, None)
    asyncio.run(found.watch())
    assert [(new, asked) for _, _, new, asked in notes] == [(0, 1), (1, 1)]


def test_a_resolver_that_keeps_the_old_mx_for_ever_is_not_asked_for_ever() -> None:
    found, notes = spread(0.0, 1e9)
    asyncio.run(found.watch())
    assert [(new, asked) for _, _, new, asked in notes] == [(1, 2)]
    assert 300 + AFTER_S <= found.services.clock.now() - T < 300 + AFTER_S + 31


def test_a_look_that_fails_is_no_finding() -> None:
    found, notes = spread(0.0)
    found.view.fault = True  # type: ignore[union-attr]
    asyncio.run(found.watch())
    assert [(new, asked) for _, _, new, asked in notes] == [(1, 1)]


def test_it_waits_for_the_switch_and_asks_about_what_moved() -> None:
    found, notes = spread(0.0)
    found.state.steps["mx"] = step(states={"corp.test": "conflict"})

    async def work() -> None:
        asked = asyncio.ensure_future(found.watch())
        await asyncio.sleep(0)
        assert found.view.looks == 0  # type: ignore[union-attr]
        found.state.steps["mx"] = step()
        await asked

    asyncio.run(work())
    assert len(notes) == 1


def test_once_the_run_is_recovered_nobody_is_asked() -> None:
    found, notes = spread(1e9)
    found.state.recovered = True
    asyncio.run(found.watch())
    assert notes == []


def test_a_journal_that_cannot_be_written_ends_it_quietly() -> None:
    found, _ = spread(0.0, broken=True)
    asyncio.run(found.watch())
    assert found.view.looks == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(("after", "more"), [((), {}), ((0.0,), {"parent": "run-0"}), ((0.0,), {"dry": True})])
def test_without_resolvers_on_the_way_back_or_dry_nobody_is_asked(after: Any, more: Any) -> None:
    assert not spread(*after, **more)[0].wanted
