"""A file is read beside its writer, and after a writer that died while it wrote."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bcp.contracts.probe import Result, Signal
from bcp.detect.history import History
from bcp.detect.verdict import Decision
from bcp.store.sqlite import connect as module
from bcp.store.sqlite.book import chain_damage
from bcp.store.sqlite.connect import connect, connect_to_read
from bcp.store.sqlite.receipts import read_receipts

DIES = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("pragma cache_size=1")
db.execute("begin immediate")
db.execute(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""


def die_in(path: Path, statement: str) -> None:
    """A writer that is killed in the middle of this statement's transaction, its pages half on the disk."""
    done = subprocess.run([sys.executable, "-c", DIES, str(path), statement], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert Path(f"{path}-journal").stat().st_size > 512


@pytest.fixture
def table(tmp_path):
    """A file of some pages."""
    path = tmp_path / "a.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("create table t(a integer, b text)")
    db.executemany("insert into t values(?, ?)", [(i, "x" * 100) for i in range(500)])
    db.close()
    return path


def test_a_reader_puts_right_what_a_killed_writer_left(table) -> None:
    """SQLite refuses a connection that may not write; the half-written transaction is taken back all the same."""
    die_in(table, "update t set a = a + 1, b = b || 'y'")
    with pytest.raises(sqlite3.OperationalError) as refused:
        connect(table, "ro").execute("select sum(a) from t").fetchone()
    assert refused.value.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK
    db = connect_to_read(table)
    assert db.execute("select sum(a), max(length(b)) from t").fetchone() == (sum(range(500)), 100)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("delete from t")
    db.close()


def test_a_reader_beside_a_writer_never_writes(table) -> None:
    """The usual way: read-only, and the writer is not disturbed."""
    writer = connect(table, "rw")
    writer.execute("begin immediate")
    db = connect_to_read(table, timeout_s=0.1)
    assert db.execute("select count(*) from t").fetchone() == (500,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("delete from t")
    db.close()
    writer.execute("rollback")
    writer.close()


def test_a_file_that_is_not_there_is_not_made_by_reading(tmp_path) -> None:
    """Nor is one that is no database taken for one."""
    with pytest.raises(sqlite3.OperationalError):
        connect_to_read(tmp_path / "none.db")
    assert os.listdir(tmp_path) == []
    (tmp_path / "text.db").write_text("not a database at all, " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        connect_to_read(tmp_path / "text.db")


def test_a_locked_file_is_said_to_be_locked(table) -> None:
    """It is not opened for writing for that."""
    writer = connect(table, "rw")
    writer.execute("begin exclusive")
    with pytest.raises(sqlite3.OperationalError) as refused:
        connect_to_read(table, timeout_s=0.05)
    assert refused.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
    writer.close()


def test_the_history_of_a_watch_that_was_killed_is_read(tmp_path) -> None:
    """`bcp history` after a power cut, before a watch runs again."""
    path = tmp_path / "history.db"
    history = History(path)
    for i in range(300):
        history.note(Signal(f"p{i}", "inbound", Result.FAIL, 100.0 + i, kind="4xx", evidence="451 " * 50))
    history.round(Decision("down", ("B",), ("inbound",), 100.0), 500.0, {"state": "down"})
    history.round(Decision("healthy"), 501.0, {"state": "healthy"})
    history.close()
    die_in(path, "update seen set looks = looks + 1, evidence = evidence || 'half'")
    assert [i.classes for i in history.incidents(0.0)] == [("B",)]
    assert [r.looks for r in history.rows(0.0)] == [1] * 300
    assert history.latest() == (501.0, {"state": "healthy"})


def test_receipts_and_chains_of_a_book_whose_writer_was_killed_are_read(tmp_path) -> None:
    """Delivery reports are not lost to it, and it is no damage."""
    path = tmp_path / "receipts.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("create table receipt(id text primary key, status text)")
    db.executemany("insert into receipt values(?, ?)", [(f"m{i}", "delivered " * 10) for i in range(500)])
    db.close()
    die_in(path, "update receipt set status = 'half' || status")
    assert read_receipts(path, ["m7"]) == {"m7": "delivered " * 10}
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("create table event(seq, at, incident, kind, actor, data, hash)")
    db.close()
    die_in(path, "update receipt set status = 'half' || status")
    assert "cannot be read" not in chain_damage(path)


def test_a_file_of_the_write_ahead_mode_is_read_where_nobody_may_write(tmp_path, monkeypatch) -> None:
    """Closed well, on a disk that is read-only: its index cannot be made, and nobody can change it."""
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("pragma journal_mode=wal")
        db.execute("create table t(n)")
        db.execute("insert into t values (7)")
        db.commit()
    real = module.connect

    class Unopened:
        def execute(self, *_: Any) -> None:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN  # type: ignore[misc]
            raise error

        def close(self) -> None:
            """Nothing is held."""

    def connected(path: Path, mode: str, **more: Any) -> Any:
        return real(path, mode, **more) if "immutable" in mode else Unopened()

    monkeypatch.setattr(module, "connect", connected)
    monkeypatch.setattr(module.os, "access", lambda *_: False)
    with contextlib.closing(connect_to_read(path)) as db:
        assert db.execute("select n from t").fetchall() == [(7,)]
    (tmp_path / "a.db-wal").write_bytes(b"x")
    with pytest.raises(sqlite3.OperationalError):
        connect_to_read(path)
    (tmp_path / "a.db-wal").unlink()
    monkeypatch.setattr(module.os, "access", lambda *_: True)
    with pytest.raises(sqlite3.OperationalError):
        connect_to_read(path)
