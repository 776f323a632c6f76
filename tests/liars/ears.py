"""Hears what our log says while a game is played: what nobody caught is a fault."""

from __future__ import annotations

import logging


class Ears(logging.Handler):
    """``errors``: whatever is said loudly is a fault, too."""

    def __init__(self, faults: list[str], *, errors: bool = False) -> None:
        super().__init__(logging.WARNING)
        self.faults, self.errors = faults, errors

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info or "Traceback" in text or (self.errors and record.levelno >= logging.ERROR):
            self.faults.append(f"log: {record.name}: {text[:300]} {record.exc_info or ''}")
