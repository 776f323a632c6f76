"""The kernel lock, under the name it had before the store room."""

from __future__ import annotations

from bcp.store.files.locks import FileLock
from bcp.store.files.locks import is_locked as held

__all__ = ["FileLock", "held"]
