"""A run whose file was deleted keeps its targets, is named with what to do, and is let go by a named person alone."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from bcp.contracts.store import Anchor, State
from bcp.kernel.errors import Refused
from bcp.store.memory.state import MemoryState
from bcp.store.sqlite.evidence import examine
from bcp.store.sqlite.health import KNOWN, database_damage, troubles
from bcp.store.sqlite.state import SqliteState
from bcp.testing.clock import FakeClock
from bcp.testing.store import DONE, HOLDS, STARTED, add, plan, write


@pytest.fixture(params=["sqlite", "memory"])
def state(request, tmp_path) -> State:
    return SqliteState(tmp_path) if request.param == "sqlite" else MemoryState()


def begin(state: State, run: str, *events, anchored: str = "begun"):
    """As ``Runs.begin`` does it; the lock is let go, as by a process that ended."""
    lock = state.runs.lock(run)
    assert lock.take()
    lease = state.leases.take(run, ["mx:a.test"])
    add(state, run, plan("a.test"), STARTED, *events)
    state.leases.begun(run)
    state.audit.anchor(Anchor(run, state.runs.card(run).head, anchored, 1.0))
    lock.release()
    return lease


def lose(state: State, run: str) -> None:
    if isinstance(state, SqliteState):
        state.runs.path(run).unlink()
    else:
        del state.runs._runs[run]


def taken(state: State, run: str) -> str:
    with pytest.raises(Refused) as caught:
        state.leases.take(run, ["mx:a.test"])
    assert caught.value.rule == "one-run-per-target"
    return f"{caught.value.message} {caught.value.hint}"


def test_deleting_the_file_of_a_run_that_holds_frees_nothing(state) -> None:
    """What it did to mail is not undone by that; the refusal says what to do."""
    begin(state, "run-1", HOLDS)
    lose(state, "run-1")
    (holder,) = state.leases.holders(["mx:a.test"])
    assert (holder.run, holder.lost, holder.live) == ("run-1", True, False)
    said = taken(state, "run-2")
    assert "the file of run run-1 is gone" in said and "bcp acknowledge run-1" in said
    state.leases.give_up("run-1")
    state.leases.take("run-2", ["mx:a.test"])
    assert not any(h.lost for h in state.leases.holders())


def test_a_run_that_is_over_may_be_cleared_away(state) -> None:
    """Its end is in the audit file."""
    begin(state, "run-1", DONE, anchored="done")
    lose(state, "run-1")
    assert state.leases.holders() == []
    state.leases.take("run-2", ["mx:a.test"])


def test_one_that_never_came_to_be_holds_nothing(state) -> None:
    """Killed between the lease and the file."""
    lock = state.runs.lock("run-1")
    assert lock.take()
    state.leases.take("run-1", ["mx:a.test"])
    lock.release()
    assert state.leases.holders() == []
    state.leases.take("run-2", ["mx:a.test"])


def test_a_file_that_is_put_back_is_the_run_again(tmp_path) -> None:
    state = SqliteState(tmp_path)
    begin(state, "run-1", HOLDS)
    raw = state.runs.path("run-1").read_bytes()
    lose(state, "run-1")
    assert state.leases.holders()[0].lost
    state.runs.path("run-1").write_bytes(raw)
    assert not state.leases.holders()[0].lost and state.runs.card("run-1").status == "holding"


def test_the_row_of_a_run_that_is_over_goes_with_its_process(tmp_path) -> None:
    """The table stays as small as there are runs under way."""
    state = SqliteState(tmp_path)
    lease = begin(state, "run-1", HOLDS)
    lease.release()
    assert [h.run for h in state.leases.holders()] == ["run-1"]
    write(state, "run-1", DONE)
    lease = begin(state, "run-2", DONE)
    lease.release()
    with sqlite3.connect(tmp_path / "leases.db") as db:
        assert db.execute("select count(*) from lease").fetchone() == (0,)


def test_what_is_wrong_with_a_state_folder_is_said_with_what_to_do(tmp_path) -> None:
    """Each database, and each run that is lost."""
    from bcp.store.sqlite.book import Book

    state = SqliteState(tmp_path)
    begin(state, "run-1", HOLDS)
    book = Book(tmp_path / "incidents.db", FakeClock())
    book.note("started")
    book.close()
    assert troubles(state) == []
    lose(state, "run-1")
    (found,) = troubles(state)
    assert found.subject == "run-1" and "mx:a.test" in found.message and "acknowledge run-1" in found.hint
    state.leases.close()
    for name in ("incidents.db", "leases.db"):
        (tmp_path / name).write_bytes(b"no database at all" * 500)
    said = {t.subject: t for t in troubles(SqliteState(tmp_path))}
    assert {"incidents.db", "leases.db"} <= set(said)
    assert "made anew from the runs" in said["leases.db"].hint and "copy" in said["incidents.db"].hint


def test_a_page_that_was_overwritten_is_found(tmp_path) -> None:
    """Not only a header that is none."""
    path = tmp_path / "leases.db"
    with sqlite3.connect(path) as db:
        db.execute("create table t(x text)")
        db.executemany("insert into t values (?)", [("x" * 500,)] * 200)
    assert database_damage(path) == "" and database_damage(tmp_path / "none.db") == ""
    raw = bytearray(path.read_bytes())
    raw[8192:12288] = b"\xff" * 4096
    path.write_bytes(raw)
    assert "damaged" in database_damage(path) or "cannot be read" in database_damage(path)
    path.write_bytes(b"")
    assert database_damage(path) == "it is empty: whatever stood in it is lost"
    assert set(KNOWN) >= {"incidents.db", "leases.db", "accounts.db", "drills.db"}


def test_a_file_that_is_being_made_has_lost_nothing(tmp_path) -> None:
    """It is empty until its maker has written; the index of the runs is made by whoever asks first."""
    (tmp_path / "index.db").touch()
    assert troubles(SqliteState(tmp_path)) == []
    path = tmp_path / "accounts.db"
    maker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    maker.execute("begin immediate")
    maker.execute("create table t(x text)")
    assert path.stat().st_size == 0
    end = threading.Timer(0.1, lambda: maker.execute("commit"))
    end.start()
    assert database_damage(path) == ""
    end.join()
    maker.close()


def test_a_book_whose_events_were_changed_is_not_whole(tmp_path) -> None:
    from bcp.store.sqlite.book import Book

    state = SqliteState(tmp_path)
    book = Book(tmp_path / "incidents.db", FakeClock())
    for _ in range(3):
        book.note("started")
    book.close()
    with sqlite3.connect(tmp_path / "incidents.db") as db:
        db.execute("delete from event where seq = 2")
    (found,) = troubles(state)
    assert found.subject == "incidents.db" and "changed" in found.message


@pytest.mark.parametrize(("events", "anchored", "expected"), [
    ((HOLDS,), "begun", (False, False)), ((DONE,), "begun", (True, False)), ((DONE,), "done", (True, True)),
])  # fmt: skip
def test_over_and_witnessed_are_two_things(tmp_path: Path, events, anchored, expected) -> None:
    """A process that was killed between its last event and the audit file left a run that *is* over."""
    state = SqliteState(tmp_path)
    begin(state, "run-1", *events, anchored=anchored)
    (found,) = examine(state).runs
    assert (found.over, found.anchored) == expected and not found.damage
