"""The writer of the book under the name it had before the store room."""

from __future__ import annotations

from bcp.store.sqlite.writer import Writer

__all__ = ["Writer"]
