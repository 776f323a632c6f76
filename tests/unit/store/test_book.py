"""Incidents by name in the book."""

from __future__ import annotations

import sqlite3

import pytest

from bcp.incident.book import Book
from bcp.kernel.errors import Invalid, Missing, StorageError
from bcp.store.sqlite.book import opened
from bcp.testing.clock import FakeClock


@pytest.fixture
def book(tmp_path):
    """An empty one."""
    made = Book(tmp_path / "incidents.db", FakeClock())
    yield made
    made.close()


@pytest.mark.parametrize("name", ["", "last", "inc-1", "%", "_"])
def test_an_empty_book_has_no_incident(book, name) -> None:
    """By whatever name; asking opens none."""
    with pytest.raises(Missing) as caught:
        book.incident(name)
    assert caught.value.rule == "no-such-incident" and caught.value.hint
    said = "there are no incidents yet" if name in {"", "last"} else repr(name)
    assert said in caught.value.message
    assert book.incidents() == [] and book.events() == []


@pytest.mark.parametrize("name", ["nothing", "%", "_", "inc%", "' or 1=1 --"])
def test_a_name_that_begins_no_incident_is_missing(book, name) -> None:
    """Wildcards of SQL are letters."""
    made, _ = book.open("mail", "t", "auto", "watch")
    with pytest.raises(Missing) as caught:
        book.incident(name)
    assert caught.value.rule == "no-such-incident"
    assert book.incident("").id == book.incident("last").id == book.incident(made.id[:12]).id == made.id


def test_a_beginning_that_fits_several_is_ambiguous_not_missing(book) -> None:
    """Nobody may close the wrong one."""
    for service in ("mail", "other"):
        book.open(service, "t", "auto", "watch")
    with pytest.raises(Invalid) as caught:
        book.incident("inc-")
    assert caught.value.rule == "ambiguous" and not isinstance(caught.value, Missing)


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), OSError(28, "No space left on device")])
def test_a_disk_without_room_is_a_storage_error_at_every_door(tmp_path, error) -> None:
    """Not a fault of ours: nothing was taken, and it says what to do."""
    with pytest.raises(StorageError) as caught, opened(tmp_path / "incidents.db", FakeClock()) as book:
        book.note("said", "", "ann")
        raise error
    assert "cannot be used" in caught.value.message and "Free space" in caught.value.hint
    with opened(tmp_path / "incidents.db", FakeClock()) as book:
        assert [e.kind for e in book.events()] == ["said"]


def test_an_answer_of_the_book_is_no_storage_error(tmp_path) -> None:
    """What it refuses comes out as it is, and the file is let go."""
    with pytest.raises(Missing), opened(tmp_path / "incidents.db", FakeClock()) as book:
        book.incident("nothing")
    with pytest.raises(sqlite3.ProgrammingError):
        book.db.execute("select 1")
