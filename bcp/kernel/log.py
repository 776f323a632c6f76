"""Logs for developers. They go to standard error, without secrets, and only when asked for."""

from __future__ import annotations

import logging
import sys

from bcp.kernel.secret import redact
from bcp.kernel.text import one_line

CHATTY = ("asyncio", "aiosmtpd", "mail.log", "twilio", "slack_sdk", "azure", "httpx", "apprise", "urllib3")
"""Libraries that log what vendors say, with tracebacks, and addresses that are secrets (urllib3: the whole URL)."""


class _Redacting(logging.Formatter):
    """Takes secrets out of the finished line, tracebacks included. What came from outside stays on its line."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # the library's name
        record.message = one_line(record.message)
        return super().formatMessage(record)


def set_up(verbosity: int) -> None:
    """0: warnings, 1: information, 2 and more: debugging, of our own code only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    logging.getLogger("bcp").setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _Json(_Redacting):
    """One JSON object a line, for whatever collects logs."""

    def format(self, record: logging.LogRecord) -> str:
        import json
        from datetime import UTC, datetime

        data: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            data["trace"] = self.formatException(record.exc_info)
        return redact(json.dumps(data, ensure_ascii=False, default=str))


def logger(name: str) -> logging.Logger:
    """The logger of a module."""
    return logging.getLogger(name)


def set_up_json(verbosity: int) -> None:
    """The same as ``set_up``, as structured lines, and information too: a service's log is read by machines."""
    set_up(max(1, verbosity))
    logging.getLogger().handlers[0].setFormatter(_Json())
