"""Numbers that opted out, under the name they had before the store room."""

from __future__ import annotations

from bcp.store.files.optouts import NAME, START, STOP, note_optout, read_optouts, word_of

__all__ = ["NAME", "START", "STOP", "note_optout", "read_optouts", "word_of"]
