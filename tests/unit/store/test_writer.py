"""The book's writer: what waits shares one sync, one that fails takes nobody with it, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest

from bcp.kernel.errors import Refused, StorageError
from bcp.store.sqlite.book import Book
from bcp.store.sqlite.writer import MOST, Writer
from bcp.testing.clock import FakeClock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "incidents.db"


def work(path: Any, do: Any) -> Any:
    """Something with a writer, which is closed at the end."""

    async def main() -> Any:
        writer = Writer(path, FakeClock())
        try:
            return await do(writer)
        finally:
            await writer.close()

    return asyncio.run(main())


def kinds(path: Any) -> list[str]:
    book = Book(path, FakeClock())
    try:
        assert book.damage() == ""
        return [e.kind for e in book.events()]
    finally:
        book.close()


def note(kind: str, error: Exception | None = None) -> Any:
    def do(book: Book) -> str:
        book.note(kind)
        if error is not None:
            raise error
        return kind

    return do


def test_what_waits_at_the_same_time_shares_transactions(path) -> None:
    commits: list[str] = []

    async def do(writer: Writer) -> list[str]:
        real = writer._book.commit

        def commit() -> None:
            commits.append("x")
            real()

        writer._book.commit = commit
        return list(await asyncio.gather(*(writer.do(note(f"n{i}")) for i in range(MOST + 10))))

    assert work(path, do) == [f"n{i}" for i in range(MOST + 10)]
    assert len(commits) == 2 and len(kinds(path)) == MOST + 10


def test_one_that_is_refused_takes_nobody_with_it(path) -> None:
    async def do(writer: Writer) -> list[Any]:
        works = [note("good"), note("bad", Refused("no", rule="x")), note("fine")]
        return list(await asyncio.gather(*(writer.do(w) for w in works), return_exceptions=True))

    first, second, third = work(path, do)
    assert (first, type(second), third) == ("good", Refused, "fine")
    assert sorted(kinds(path)) == ["fine", "good"]


@pytest.mark.parametrize(
    ("error", "seen"), [(sqlite3.OperationalError("disk I/O error"), StorageError), (OSError(28, "full"), StorageError),
                        (KeyError("a bug"), KeyError)]
)  # fmt: skip
def test_what_cannot_be_written_is_an_error_of_all_and_nothing_stays(path, error, seen) -> None:
    async def do(writer: Writer) -> list[Any]:
        out = list(await asyncio.gather(writer.do(note("a")), writer.do(note("b", error)), return_exceptions=True))
        out.append(await writer.do(note("later")))
        return out

    first, second, later = work(path, do)
    assert (type(first), type(second), later) == (seen, seen, "later")
    assert kinds(path) == ["later"]


def test_who_no_longer_waits_is_written_all_the_same_and_disturbs_nobody(path) -> None:
    async def do(writer: Writer) -> str:
        gone = asyncio.ensure_future(writer.do(note("gone")))
        kept = asyncio.ensure_future(writer.do(note("kept")))
        await asyncio.sleep(0)
        gone.cancel()
        return await kept

    assert work(path, do) == "kept" and sorted(kinds(path)) == ["gone", "kept"]


def test_closing_writes_what_waits(path) -> None:
    async def main() -> None:
        writer = Writer(path, FakeClock())
        waits = asyncio.ensure_future(writer.do(note("last")))
        await asyncio.sleep(0)
        await writer.close()
        assert await waits == "last"

    asyncio.run(main())
    assert kinds(path) == ["last"]


def test_an_undo_that_fails_too_is_told_as_the_first_fault(path, monkeypatch) -> None:
    async def do(writer: Writer) -> Any:
        def broken() -> None:
            raise sqlite3.OperationalError("no transaction")

        monkeypatch.setattr(writer._book, "rollback", broken)
        return await asyncio.gather(writer.do(note("a", OSError(5, "i/o"))), return_exceptions=True)

    (found,) = work(path, do)
    assert isinstance(found, StorageError)
