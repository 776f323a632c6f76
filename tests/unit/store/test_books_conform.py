"""The suites of the book and of the accounts, over files and over memory."""

from __future__ import annotations

from pathlib import Path

from bcp.contracts.book import Book as BookPort
from bcp.server.signin.accounts import Accounts
from bcp.store.memory.book import NOWHERE, MemoryAccountTable, MemoryBook
from bcp.store.sqlite.book import Book
from bcp.testing.book import KEY, AccountsSuite, BookSuite
from bcp.testing.clock import FakeClock


class TestSqliteBook(BookSuite):
    """A file in the state folder."""

    def make(self, folder: Path, clock: FakeClock) -> BookPort:
        return Book(folder / "incidents.db", clock)


class TestMemoryBook(BookSuite):
    """Nothing outlives the process."""

    def make(self, folder: Path, clock: FakeClock) -> BookPort:
        return MemoryBook(clock)

    def test_an_event_that_was_changed_or_cut_off_is_noticed(self) -> None:
        """As in a file: the chain, and the witness of its end."""
        for query in ("delete from event where seq = 2", "delete from event where seq = 3"):
            book = MemoryBook(FakeClock())
            for _ in range(3):
                book.note("noted")
            assert book.damage() == ""
            book.db.execute(query)
            assert book.damage() != ""

    def test_it_writes_no_file(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        book = MemoryBook(FakeClock())
        book.note("noted")
        book.close()
        assert list(tmp_path.iterdir()) == []


class TestSqliteAccounts(AccountsSuite):
    """A file in the state folder."""

    def make(self, folder: Path, clock: FakeClock) -> Accounts:
        return Accounts(folder / "accounts.db", clock, KEY, idle_s=60, session_s=600)


class TestMemoryAccounts(AccountsSuite):
    """Nothing outlives the process."""

    def make(self, folder: Path, clock: FakeClock) -> Accounts:
        return Accounts(NOWHERE, clock, KEY, idle_s=60, session_s=600, table=MemoryAccountTable())
