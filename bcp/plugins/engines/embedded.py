"""The embedded engine: runs as SQLite files in the state folder. The code is in ``bcp.store``."""

from __future__ import annotations

from bcp.contracts.engine import EnginePlugin
from bcp.store.sqlite.connect import wal_is_safe
from bcp.store.sqlite.journal import SqliteJournal as EmbeddedJournal
from bcp.store.sqlite.paths import EmbeddedStore
from bcp.store.sqlite.runfile import send_signal, verify_chain

PLUGIN = EnginePlugin(api=1, called="embedded", make=EmbeddedStore)
__all__ = ["EmbeddedJournal", "EmbeddedStore", "send_signal", "verify_chain", "wal_is_safe"]
