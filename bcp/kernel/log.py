"""Logs for developers. They go to standard error, without secrets, and only when asked for."""

from __future__ import annotations

import logging
import sys

from bcp.kernel.secret import redact


class _Redacting(logging.Formatter):
    """Takes secrets out of the finished line, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def set_up(verbosity: int) -> None:
    """0: warnings, 1: information, 2 and more: debugging, of our own code only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    logging.getLogger("bcp").setLevel(level)
    for chatty in ("asyncio", "aiosmtpd", "mail.log", "twilio", "slack_sdk", "azure", "httpx"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
