"""Runs that nobody works on: which of them a daemon goes on with, and what it does when it cannot."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from corefakes import SERVICE, Core

from bcp.contracts.store import RunCard
from bcp.deeds.answer import goes_on
from bcp.engine.runner import Ending
from bcp.kernel.errors import Refused, StorageError
from bcp.server.parts.mind import AGAIN_S, Minder


def view(status: str, shown: str = "", *, doubt: bool = False, by: str = "", initiator: str = "alice") -> Any:
    """A run."""
    state = SimpleNamespace(status=status, doubtful=lambda: ["s"] if doubt else [], stopped_by=by)
    return SimpleNamespace(state=state, status=lambda: shown or status, plan={"initiator": initiator}, live=False)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (view("running", "interrupted"), True),
        (view("waiting", "interrupted", initiator="bcp-serve"), True),
        (view("holding"), True),
        (view("stopped", by="daemon"), True),
        (view("stopped", by="signal"), False),
        (view("stopped", by="signal", initiator="bcp-serve"), True),
        (view("done"), False),
        (view("failed"), False),
        (view("aborted"), False),
        (view("holding", doubt=True), False),
        (view("running", "interrupted", doubt=True), False),
        (view("running"), False),
    ],
)
def test_which_runs_are_taken_over(found, expected) -> None:
    """What a person stopped, a person resumes; what is in doubt, a person settles."""
    assert goes_on(found) is expected


class Conductor:
    """Remembers what ended."""

    def __init__(self) -> None:
        self.working: dict[str, Any] = {}
        self.ended: list[tuple[str, str, str]] = []
        self.listen = self.control = lambda thing: None

    async def over(self, incident, run_id, ending, *, parent, playbook) -> None:
        """A run is over."""
        self.ended.append((incident, run_id, ending.status))


class Deeds:
    """Resumes, or refuses."""

    def __init__(self, result: Any) -> None:
        self.result, self.resumed = result, []

    async def resume(self, run_id, *, listener, control) -> Ending:
        """Go on."""
        self.resumed.append(run_id)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def world(folder, result: Any = Ending("done", 0, "", "")) -> tuple[Core, Conductor, Deeds, Minder]:
    """A minder among fakes."""
    core, conductor, deeds = Core(folder), Conductor(), Deeds(result)
    return core, conductor, deeds, Minder(core, conductor, deeds)


def test_every_run_that_nobody_works_on_is_taken_over_once(tmp_path) -> None:
    """However old; no drill, none that is live, none of ours that is under way."""

    async def run() -> None:
        core, conductor, deeds, minder = world(tmp_path)
        name = core.book.open(SERVICE, "t", "ask", "watch")[0].id
        core.book.change(name, "run_started", fields={"runs": ("old",)})
        core.running.all = [
            RunCard("old", "holding", playbook="p"),
            RunCard("drill", "holding", kind="drill"),
            RunCard("live", "running"),
        ]
        core.running.all += [RunCard(f"x{i}", "done") for i in range(100)] + [
            RunCard("mine", "holding"),
            RunCard("torn", "holding"),
        ]
        core.running.views = {"old": view("holding"), "live": SimpleNamespace(live=True), "mine": view("holding")}
        core.running.runs.is_live = lambda run_id: run_id == "live"
        core.running.views["torn"] = view("running")
        conductor.working["mine"] = object()
        await minder.once()
        await minder.once()
        await core.settle()
        assert deeds.resumed == ["old"] and conductor.ended == [(name, "old", "done")]
        assert core.kinds("run_resumed") == ["run_resumed"]

    asyncio.run(run())


@pytest.mark.parametrize(
    "trouble",
    [Refused("busy", rule="run-live"), StorageError("the disk is full"), ZeroDivisionError("a fault of ours")],
)
def test_one_that_cannot_be_taken_over_is_tried_again_later(tmp_path, trouble) -> None:
    """Another process may have it for a moment, and a disk is full for a while."""

    async def run() -> None:
        core, conductor, deeds, minder = world(tmp_path, trouble)
        core.running.all = [RunCard("a", "holding")]
        core.running.views = {"a": view("holding")}
        core.running.runs.is_live = lambda run_id: False
        await minder.once()
        await core.settle()
        assert core.clock.steady == AGAIN_S and conductor.working == {} and conductor.ended == []
        await minder.once()
        await core.settle()
        assert deeds.resumed == ["a", "a"]

    asyncio.run(run())


def test_a_book_that_cannot_be_written_leaves_no_run_to_nobody(tmp_path) -> None:
    """The disk was full while it was to be taken over; afterwards it is."""

    async def run() -> None:
        core, conductor, deeds, minder = world(tmp_path)
        core.running.all = [RunCard("a", "holding")]
        core.running.views = {"a": view("holding")}
        core.running.runs.is_live = lambda run_id: False
        do, full = core.do, [True]

        async def on_a_full_disk(work: Any) -> Any:
            if full.pop() if full else False:
                raise StorageError("the disk is full")
            return await do(work)

        core.do = on_a_full_disk
        await minder.once()
        await core.settle()
        assert deeds.resumed == [] and conductor.working == {}
        await minder.once()
        await core.settle()
        assert deeds.resumed == ["a"] and [r for _, r, _ in conductor.ended] == ["a"]

    asyncio.run(run())


def test_a_daemon_that_ends_takes_nothing_over(tmp_path) -> None:
    """It would wait for what it has just begun, and never end."""

    async def run() -> None:
        core, conductor, deeds, minder = world(tmp_path)
        core.running.all = [RunCard("old", "holding", playbook="p")]
        core.running.views = {"old": view("holding")}
        core.ended.set()
        await minder.once()
        await core.settle()
        assert deeds.resumed == [] and not conductor.working

    asyncio.run(run())
