"""What people look at of a run is what is in its file, without its bulk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bcp.kernel.clock import SystemClock
from bcp.kernel.errors import StorageError
from bcp.store.sqlite.brief import LARGE, LISTS, Briefs
from bcp.store.sqlite.state import SqliteState

TEXT = "x" * (LARGE + 1)
CHANGES = [{"target": f"MX d{i}.test.", "before": "a", "after": "ä", "felt_after_s": 1.5} for i in range(2_000)]


def step(name: str, **more: Any) -> dict[str, Any]:
    """As a plan has it."""
    return {"id": name, "uses": "x", "name": "", "would": "run", "outputs": {}, **{n: [] for n in LISTS}, **more}


PLAN: dict[str, Any] = {
    "id": "plan-1",
    "playbook": "p",
    "playbook_text": TEXT,
    "domains": [f"d{i}.test" for i in range(3_000)],
    "automatic": False,
    "created": 1_700_000_000.25,
    "overrides": {"rule": "why"},
    "parent": "",
    "nothing": None,
    "recorded": {"long": TEXT},
    "steps": [
        step("small", changes=CHANGES[:2], notes=["n"]),
        step("mx", changes=CHANGES, facts={"mx": TEXT}, outputs={"everywhere": True, "lagging": []}),
    ],
}


@pytest.fixture
def room(tmp_path: Path) -> SqliteState:
    """A state folder with one run."""
    state = SqliteState(tmp_path)
    state.runs.create("run-1", {"plan": PLAN, "nodes": [], "run": "run-1", "group": "g", "parent": "run-0"})
    return state


def write(room: SqliteState, *events: tuple[str, dict[str, Any]]) -> None:
    """Things that happen to the run."""

    async def go() -> None:
        journal = room.runs.open("run-1", SystemClock())
        for kind, data in events:
            await journal.record(kind, step="mx", **data)
        journal.close()

    asyncio.run(go())


def test_the_plan_is_all_there_but_for_what_is_large(room) -> None:
    """Values keep their types; a list that is large is empty, any other value that is large is not there."""
    found = room.runs.brief("run-1")
    plan = dict(found.meta["plan"])
    steps = plan.pop("steps")
    assert plan == {k: v for k, v in PLAN.items() if k not in {"steps", "recorded"}}
    assert steps[0] == PLAN["steps"][0]
    assert steps[1] == {**{k: v for k, v in PLAN["steps"][1].items() if k != "facts"}, "changes": []}
    assert found.meta["parent"] == "run-0" and found.meta["group"] == "g" and found.effects == ()


def test_events_are_all_there_and_a_large_one_loses_what_is_large_in_it(room) -> None:
    """Their order, hashes and the head are those of the whole view."""
    outputs = {"sent": 3, "everywhere": True, "safe_at": 1.5, "none": None, "before": {"d": TEXT}, "lagging": ["a"]}
    write(room, ("run_started", {}), ("step_finished", {"status": "ok", "summary": "done", "outputs": outputs}))
    write(room, ("step_finished", {"status": "failed", "error": TEXT}))
    found, whole = room.runs.brief("run-1"), room.runs.view("run-1", effects=False)
    assert [(e.seq, e.at, e.kind, e.step, e.hash) for e in found.events] == [
        (e.seq, e.at, e.kind, e.step, e.hash) for e in whole.events
    ]
    assert found.head == whole.head and found.events[0].data == whole.events[0].data
    less = {k: v for k, v in outputs.items() if k != "before"}
    assert found.events[1].data == {"status": "ok", "summary": "done", "outputs": less}
    assert found.events[2].data == {"status": "failed"}


def test_a_run_that_went_on_is_read_again_and_one_that_did_not_is_not(room, tmp_path) -> None:
    """The first and the last hash say whether it did."""
    write(room, ("run_started", {}))
    briefs, path = Briefs(), room.runs.path("run-1")
    first = briefs.read(path)
    assert briefs.read(path) is first
    write(room, ("step_started", {}))
    again = briefs.read(path)
    assert again is not first and [e.kind for e in again.events] == ["run_started", "step_started"]


def test_no_more_are_kept_than_were_asked_for(room, tmp_path) -> None:
    """The one that was read longest ago goes."""
    room.runs.create("run-2", {"plan": PLAN, "nodes": []})
    briefs = Briefs(most=1)
    first = briefs.read(room.runs.path("run-1"))
    briefs.read(room.runs.path("run-2"))
    assert briefs.read(room.runs.path("run-1")) is not first


@pytest.mark.parametrize(
    ("first", "count", "targets"),
    [
        (0, 3, ["MX d0.test.", "MX d1.test.", "MX d0.test."]),
        (2_001, 5, ["MX d1999.test."]),
        (2_002, 5, []),
        (0, 0, []),
    ],
)
def test_changes_are_read_page_by_page_over_all_steps(room, first: int, count: int, targets: list[str]) -> None:
    """In the order of the steps, and how many there are."""
    rows, total = room.runs.planned("run-1", "changes", first, count)
    assert [r["target"] for r in rows] == targets and total == 2_002
    assert all(r["after"] == "ä" and r["felt_after_s"] == 1.5 for r in rows)


def test_texts_and_nothing_at_all_are_read_too(room) -> None:
    """Notes are texts; of forecasts there are none."""
    assert room.runs.planned("run-1", "notes", 0, 9) == (["n"], 1)
    assert room.runs.planned("run-1", "forecasts", 0, 9) == ([], 0)


def test_a_file_that_is_none_is_said_as_that(room) -> None:
    """An error of the tree."""
    room.runs.path("run-1").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError):
        room.runs.brief("run-1")
