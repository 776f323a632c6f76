"""The index is a cache: whatever happens to it, the answers are those of the run files."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from bcp.contracts.store import UNREADABLE, RunQuery
from bcp.kernel.errors import Refused
from bcp.store.sqlite import index as index_module
from bcp.store.sqlite.state import SqliteState
from bcp.testing.store import DONE, HOLDS, STARTED, SWITCHED, add, plan, write


@pytest.fixture
def state(tmp_path):
    """One that holds, one that is done."""
    made = SqliteState(tmp_path / "state")
    add(made, "run-1", plan("a.test"), STARTED, *SWITCHED, HOLDS)
    add(made, "run-2", plan("b.test"), STARTED, DONE)
    return made


def status(state) -> dict[str, str]:
    """As a new process sees it."""
    return {c.id: c.status for c in SqliteState(state.folder).runs.cards(RunQuery())}


GOOD = {"run-1": "holding", "run-2": "done"}


@pytest.mark.parametrize("harm", ["missing", "garbage", "half", "empty", "rows", "tables"])
def test_a_lost_or_damaged_index_is_made_anew(state, harm) -> None:
    """Nobody has to do anything."""
    assert status(state) == GOOD
    state.runs.close()
    path = state.folder / "index.db"
    raw = path.read_bytes()
    if harm == "missing":
        path.unlink()
    elif harm == "rows":
        with sqlite3.connect(path) as db:
            db.execute("delete from run")
            db.execute("delete from folder")
    elif harm == "tables":
        with sqlite3.connect(path) as db:
            db.execute("drop table run")
    else:
        path.write_bytes({"garbage": b"x" * 9000, "half": raw[: len(raw) // 2], "empty": b""}[harm])
    assert status(state) == GOOD


def test_an_index_of_before_runs_had_a_place_is_read_anew(state) -> None:
    """What it said of a run that is over is not believed, and both are in their order."""
    state.runs.close()
    path = state.folder / "index.db"
    path.unlink()
    with sqlite3.connect(path) as db:
        db.executescript(index_module.SCHEMA.steps[0])
        db.execute("insert into run values ('run-2','failed',1,'real','p','',1,0,'','',0,'x','{}')")
        db.execute("insert into folder values (1, ?)", (state.runs.path("run-1").parent.stat().st_mtime_ns,))
        db.execute("pragma user_version=1")
    db.close()
    assert status(state) == GOOD
    assert SqliteState(state.folder).runs.ids() == ["run-1", "run-2"]


def test_files_that_are_copied_in_or_taken_out_are_noticed(state) -> None:
    """A run is one file that can be copied, and taken away."""
    assert status(state) == GOOD
    shutil.copy(state.runs.path("run-2"), state.runs.path("run-3"))
    assert status(state) == {**GOOD, "run-3": "done"}
    state.runs.path("run-2").unlink()
    assert status(state) == {"run-1": "holding", "run-3": "done"}
    assert [c.id for c in state.runs.cards(RunQuery(targets={"mx:b.test"}))] == ["run-3"]


def test_a_writer_that_died_without_telling_the_index(state) -> None:
    """Its file was changed after the index saw it."""
    assert status(state) == GOOD
    code = """
import asyncio, os, sys
from bcp.store.sqlite.journal import SqliteJournal
from bcp.testing.clock import FakeClock
from pathlib import Path
async def work():
    journal = SqliteJournal(Path(sys.argv[1]), FakeClock())
    await journal.record("run_finished", status="aborted")
    os._exit(9)
asyncio.run(work())
"""
    done = subprocess.run([sys.executable, "-c", code, str(state.runs.path("run-1"))], check=False)
    assert done.returncode == 9 and status(state) == {"run-1": "aborted", "run-2": "done"}


def test_an_unreadable_run_is_never_taken_for_one_that_is_over(state) -> None:
    """It keeps what it had; one of which nothing is known keeps everything."""
    assert status(state) == GOOD
    raw = state.runs.path("run-1").read_bytes()
    state.runs.path("run-1").write_bytes(b"x" * len(raw))
    os.utime(state.runs.folder)
    found = state.runs.card("run-1")
    assert found.status == UNREADABLE and found.targets == ("mx:a.test",) and not found.over and found.reason
    with pytest.raises(Refused) as caught:
        state.leases.take("run-3", {"mx:a.test"})
    assert caught.value.rule == "one-run-per-target" and "move" in caught.value.hint
    state.leases.take("run-4", {"mx:c.test"})
    state.runs.close()
    (state.folder / "index.db").unlink()
    with pytest.raises(Refused, match="run-1 may still have it"):
        SqliteState(state.folder).leases.take("run-5", {"mx:d.test"})
    state.runs.path("run-1").write_bytes(raw)
    os.utime(state.runs.folder)
    SqliteState(state.folder).leases.take("run-5", {"mx:d.test"})


def test_a_quiet_folder_is_not_read_again(state, monkeypatch) -> None:
    """That is what makes ten thousand old runs cost what ten do."""
    old = 1_700_000_000
    os.utime(state.runs.folder, (old, old))
    assert status(state) == GOOD
    reads = []
    monkeypatch.setattr(index_module, "read_card", lambda path: reads.append(path) or pytest.fail("read again"))
    monkeypatch.setattr(index_module.os, "listdir", lambda folder: pytest.fail("listed again"))
    assert status(state) == GOOD and not reads


def test_only_what_changed_is_read_again(state, monkeypatch) -> None:
    """A new event in one of many."""
    for number in range(3, 20):
        add(state, f"run-{number:02}", plan("c.test"), STARTED, DONE)
    old = 1_700_000_000
    os.utime(state.runs.folder, (old, old))
    status(state)
    read, reads = index_module.read_card, []
    monkeypatch.setattr(index_module, "read_card", lambda path: reads.append(path.stem) or read(path))
    write(state, "run-1", DONE)
    assert status(state)["run-1"] == "done" and set(reads) <= {"run-1"}


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_may_only_be_read_is_answered_from_memory(state, monkeypatch, there) -> None:
    """Status works for whoever may look, with an old index and with none."""
    connect = index_module.connect

    def no(path):
        if not there:
            raise PermissionError(13, "no", str(path))

    state.runs.close()
    path = state.folder / "index.db"
    shutil.copy(state.runs.path("run-2"), state.runs.path("run-3"))
    if not there:
        path.unlink()
    before = path.read_bytes() if there else b""
    monkeypatch.setattr(index_module, "make_file", no)
    monkeypatch.setattr(index_module, "connect", lambda p, mode: connect(p, "ro"))
    assert status(state) == {**GOOD, "run-3": "done"}
    assert (path.read_bytes() if there else b"") == before and path.exists() == there


def test_nobody_else_may_read_what_is_in_the_folder(state) -> None:
    """Files 600, folders 700."""
    state.leases.take("run-3", {"mx:c.test"})
    state.plans.mark_used("c", "run-3", 1.0)
    state.plans.write("plan-1", {})
    status(state)
    for path in [state.folder, *state.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_leases_that_cannot_be_read_free_nothing(state) -> None:
    """Refused with what to do; when they are moved away the numbers go on from those in the runs."""
    lock = state.runs.lock("run-2")
    lock.take()
    first = state.leases.take("run-3", {"mx:c.test"})
    state.runs.create("run-3", {"plan": plan("c.test"), "nodes": []}, fence=first.fence)
    path = state.folder / "leases.db"
    raw = path.read_bytes()
    path.write_bytes(b"y" * len(raw))
    with pytest.raises(Refused, match="nobody knows") as caught:
        SqliteState(state.folder).leases.take("run-4", {"mx:z.test"})
    assert caught.value.rule == "one-run-per-target" and "move it away" in caught.value.hint
    path.unlink()
    again = SqliteState(state.folder)
    assert again.leases.take("run-4", {"mx:z.test"}).fence > first.fence
    with pytest.raises(Refused):
        again.leases.take("run-5", {"mx:c.test"})
