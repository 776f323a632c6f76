"""The book of incidents under the name it had before the store room, for those who wrote against it."""

from __future__ import annotations

from bcp.store.sqlite.book import Book, chain_damage, failed

__all__ = ["Book", "chain_damage", "failed"]
