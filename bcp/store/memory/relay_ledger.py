"""The ledger of relays in the memory of this process, for tests: the same rows, gone when it is closed."""

from __future__ import annotations

import threading

from bcp.store.memory.book import NOWHERE
from bcp.store.sqlite import relay_ledger
from bcp.store.sqlite.migrations import memory_database


class MemoryLedger(relay_ledger.LedgerStore):
    """See ``bcp.contracts.relay_ledger.RelayLedger``."""

    def __init__(self) -> None:
        self.path, self._lock = NOWHERE, threading.RLock()
        self._db = memory_database(relay_ledger.SCHEMA)
