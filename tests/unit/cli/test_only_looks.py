"""Who only looks needs no disk that can be written: nothing in the state folder is made, changed or touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from bcp.cli import incident, plan
from bcp.kernel.errors import BcpError, StorageError
from bcp.plan.model import Plan
from bcp.rehearse.conduct import real_trouble
from bcp.store.sqlite.book import Book, opened
from bcp.testing.clock import FakeClock


def everything(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file with its times and bytes."""
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.stat().st_mode, p.read_bytes())
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


LOOKS: dict[str, Callable[[], object]] = {
    "incident list": incident.list_,
    "incident show": lambda: incident.show("last"),
    "incident verify": incident.verify,
}


@pytest.mark.parametrize("command", LOOKS)
def test_nothing_in_the_state_folder_is_touched(house, command: str) -> None:
    house.book.open("exchange-online", "t", "auto", "watch")
    house.book.close()
    (house.folder / ".bcp" / "incidents.head").unlink()  # a copy that somebody brought back without it
    before = everything(house.folder / ".bcp")
    try:
        LOOKS[command]()
    except (BcpError, typer.Exit):
        pass
    assert everything(house.folder / ".bcp") == before


def test_whether_something_real_goes_on_is_looked_at_without_a_word_in_the_book(house) -> None:
    found, _ = house.book.open("exchange-online", "t", "auto", "watch")
    house.book.close()
    before = everything(house.folder / ".bcp")
    assert found.id in real_trouble(house.app)
    assert everything(house.folder / ".bcp") == before


def test_a_book_to_read_takes_nothing(tmp_path) -> None:
    path = tmp_path / "incidents.db"
    made = Book(path, FakeClock())
    made.open("mail", "t", "auto", "watch")
    made.close()
    with opened(path, FakeClock(), to_read=True) as book:
        assert [i.title for i in book.incidents()] == ["t"] and book.damage() == ""
    with pytest.raises(StorageError), opened(path, FakeClock(), to_read=True) as book:
        book.note("said", "", "ann")
    with opened(path, FakeClock()) as book:
        assert [e.kind for e in book.events()] == ["opened"]


def test_a_book_that_is_not_there_is_not_made(tmp_path) -> None:
    with pytest.raises(StorageError):
        Book(tmp_path / "incidents.db", FakeClock(), to_read=True)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_is_shown_where_it_cannot_be_kept(house, tmp_path, monkeypatch) -> None:
    """It is said that it cannot be started, and no command is named that would not work."""

    def full(self: Plan, path: Path) -> None:
        raise StorageError(f"cannot write {path}: No space left on device", hint="Free space.")

    monkeypatch.setattr(Plan, "write", full)
    one = Plan("plan-1", 0.0, 1.0, "p", "", "", {}, (), "", "real", "carol", False, ())
    said = plan._keep(one, tmp_path / "a.json", None)
    assert "No space left" in said and "cannot be started" in said and "Free space." in said
    monkeypatch.undo()
    assert plan._keep(one.sealed(), tmp_path / "a.json", tmp_path / "b.json") == ""
    assert (tmp_path / "a.json").exists() and (tmp_path / "b.json").exists()
