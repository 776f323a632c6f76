"""A file whose writer was killed in the middle of a commit is read as it was before, by everybody who only reads."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from bcp.incident.book import Book
from bcp.incident.receipts import note_receipt
from bcp.store.sqlite import runfile
from bcp.store.sqlite.book import chain_damage
from bcp.store.sqlite.connect import connect, connect_to_read
from bcp.store.sqlite.leases import SqliteLeases
from bcp.store.sqlite.receipts import read_receipts
from bcp.testing.clock import FakeClock


def killed(path: Path, to: Path) -> Path:
    """A copy of the file as a kill leaves it, its rollback journal on disk and its pages half overwritten."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode=delete")
    db.execute("pragma cache_size=1")
    db.execute("begin immediate")
    db.execute("create table junk(x)")
    db.executemany("insert into junk values (?)", [("y" * 3000,)] * 50)
    to.mkdir()
    for name in (path.name, f"{path.name}-journal"):
        shutil.copy(path.parent / name, to / name)
    db.execute("rollback")
    db.close()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):  # it is what this is about
        connect(to / path.name, "ro").execute("select 1 from sqlite_master").fetchone()
    return to / path.name


def leases(folder: Path) -> tuple[Path, Callable[[Path], object], object]:
    """The numbers that runs were begun with."""
    made = SqliteLeases(folder / "leases.db", SimpleNamespace(cards=lambda query: []))  # type: ignore[arg-type]
    with made._use(write=True) as db:
        made._next(db, "run-1", 1.0)
    made.begun("run-1")
    made.close()
    return made.path, lambda path: SqliteLeases(path, made.runs).history(), [(1, "run-1")]


def chain(folder: Path) -> tuple[Path, Callable[[Path], object], object]:
    """The chain of the book of incidents."""
    made = Book(folder / "incidents.db", FakeClock())
    made.note("started", "", "bcp")
    made.close()
    return folder / "incidents.db", lambda path: chain_damage(path), ""


def receipts(folder: Path) -> tuple[Path, Callable[[Path], object], object]:
    """Delivery reports."""
    made = Book(folder / "incidents.db", FakeClock())
    with made:
        note_receipt(made, "SM1", "delivered", "")
    made.close()
    return folder / "incidents.db", lambda path: read_receipts(path, ["SM1"]), {"SM1": "delivered"}


def run(folder: Path) -> tuple[Path, Callable[[Path], object], object]:
    """A run's own file."""
    path = folder / "run-1.db"
    runfile.create(path, {"plan": {}, "nodes": []})
    return path, runfile.read_damage, ""


@pytest.mark.parametrize("kind", [leases, chain, receipts, run])
def test_a_commit_that_was_cut_short_is_no_damage(tmp_path, kind) -> None:
    """It never happened, and whoever reads next rolls it back."""
    path, read, expected = kind(tmp_path)
    assert read(path) == expected
    found = killed(path, tmp_path / "killed")
    assert read(found) == expected
    assert not found.with_name(f"{found.name}-journal").exists()


def test_who_reads_cannot_write_even_where_it_had_to_roll_back(tmp_path) -> None:
    """Reading is all that was asked for."""
    path, _, _ = leases(tmp_path)
    for one in (path, killed(path, tmp_path / "killed")):
        db = connect_to_read(one)
        with pytest.raises(sqlite3.OperationalError):
            db.execute("delete from given")
        db.close()


def test_what_is_no_database_is_still_an_error(tmp_path) -> None:
    """Real damage is not taken for a journal."""
    (tmp_path / "x.db").write_text("not a database, " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        connect_to_read(tmp_path / "x.db")
    with pytest.raises(sqlite3.OperationalError):
        connect_to_read(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()
