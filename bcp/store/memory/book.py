"""The book of incidents and the accounts in the memory of this process: for tests, and for authors of plug-ins.

The rows are SQLite's as in the files, so that a query means the same; nothing outlives the process or is in a folder.
"""

from __future__ import annotations

import threading
from pathlib import Path

from bcp.kernel.clock import Clock
from bcp.store.files.witness import Witness
from bcp.store.sqlite import accounts, book
from bcp.store.sqlite.migrations import memory_database

NOWHERE = Path(":memory:")


class MemoryWitness(Witness):
    """Remembers the end of the chain as long as the process lives."""

    def __init__(self) -> None:
        self.path = NOWHERE
        self.known, self.seq, self.head, self.damage = False, 0, "", ""
        self._handle = None

    def write(self, seq: int, head: str) -> None:
        """Remember."""
        self.known, self.seq, self.head = True, seq, head


class MemoryBook(book.Book):
    """See ``bcp.contracts.book.Book``."""

    def __init__(self, clock: Clock) -> None:
        self.path, self.clock, self.witness = NOWHERE, clock, MemoryWitness()
        self.db = memory_database(book.SCHEMA)
        self._noted, self._grouped, self._depth, self._added = True, False, 0, False

    def close(self) -> None:
        """Everything in it is gone."""
        self.db.close()

    def damage(self) -> str:
        """What is wrong with the chain, or with its end."""
        return book.damage_of(self.db, self.path, self.witness)


class MemoryAccountTable(accounts.AccountTable):
    """Rows for ``bcp.server.signin.accounts.Accounts``."""

    def __init__(self) -> None:
        self.path, self._lock = NOWHERE, threading.RLock()
        self.db = memory_database(accounts.SCHEMA)
