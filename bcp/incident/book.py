"""The book of incidents under the name it had before the store room."""

from __future__ import annotations

from bcp.store.sqlite.book import Book, chain_damage, failed

__all__ = ["Book", "chain_damage", "failed"]
