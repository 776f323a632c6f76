"""The part that lets others witness: idle where nobody is named, tried again where somebody did not take it."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.deeds.evidence.anchor import Outcome, Taken
from bcp.kernel.errors import StorageError
from bcp.server.parts import anchor as part
from bcp.settings.readiness import EvidenceSettings
from bcp.testing.clock import FakeClock

WITNESS = {"witnesses": {"w": {"folder": "/w"}}, "every": "1h"}


class App:
    def __init__(self, settings: EvidenceSettings) -> None:
        self.settings, self.closed = SimpleNamespace(evidence=settings), 0

    async def close(self) -> None:
        self.closed += 1


def made(monkeypatch, settings: dict[str, Any], *script: Any) -> tuple[part.Anchor, SimpleNamespace, list[float]]:
    clock, tries, left = FakeClock(), [], list(script)
    app = App(EvidenceSettings.model_validate(settings))
    core = SimpleNamespace(app=app, clock=clock, run_app=lambda: app)

    async def anchor(app: Any, *, force: bool) -> Taken:
        assert not force
        tries.append(clock.monotonic())
        found = left.pop(0) if left else ""
        if isinstance(found, Exception):
            raise found
        return Taken(1, 1.0, "h", "k", True, (Outcome("witness", "w", found or "ok", "bad" if found else ""),))

    monkeypatch.setattr(part, "anchor", anchor)
    return part.Anchor(core), core, tries


def test_where_nobody_outside_is_named_nothing_is_done(monkeypatch) -> None:
    one, _, tries = made(monkeypatch, {})
    asyncio.run(one.once())
    assert tries == []


def test_a_failure_is_said_once_and_tried_again_sooner(monkeypatch, caplog) -> None:
    problem = StorageError("the disk is full", hint="Free space.")
    one, core, tries = made(monkeypatch, WITNESS, "is not there", "is not there", problem, "", "")

    async def work() -> None:
        task = asyncio.ensure_future(one.run())
        while len(tries) < 6:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert [b - a for a, b in pairwise(tries)] == [60.0, 120.0, 240.0, 3600.0, 3600.0]
    said = [r.getMessage() for r in caplog.records]
    assert said == [
        "the evidence was not anchored by everybody: w: is not there",
        "the evidence was not anchored by everybody: the disk is full",
    ]
    assert core.app.closed == 6 and one.problem == ""
