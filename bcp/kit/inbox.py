"""Answers that vendors told us by calling, under the name they had before the store room."""

from __future__ import annotations

from bcp.store.files.inbox import MAX_BYTES, NAME, add_answer, read_answers

__all__ = ["MAX_BYTES", "NAME", "add_answer", "read_answers"]
