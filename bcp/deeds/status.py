"""One table: which rule or class of error is which HTTP status and exit code. Doors look here, never at words."""

from __future__ import annotations

from collections.abc import Mapping

from bcp.kernel.errors import BcpError, InDoubt, Invalid, Missing, Refused, StorageError

HTTP_BY_RULE: Mapping[str, int] = {
    "not-allowed": 403,
    "no-person": 403,
    "ambiguous": 404,
    "plan-unreadable": 404,
    "wrong-password": 403,
}
"""Rules that are another status than their class."""
HTTP_BY_CLASS: tuple[tuple[type[BcpError], int], ...] = (
    (StorageError, 503),
    (Missing, 404),
    (Invalid, 400),
    (InDoubt, 409),
    (Refused, 409),
)
"""The first class that fits; what else goes wrong is ours: 500."""
HEADINGS: Mapping[int, str] = {
    400: "That cannot be done",
    403: "Not for you",
    404: "It is not there",
    409: "Refused",
    503: "It could not be written down",
    500: "It failed",
}
"""What a page says above the reason."""


def http_status(error: BcpError) -> int:
    """The HTTP status of one of our errors."""
    by_rule = HTTP_BY_RULE.get(error.rule)
    if by_rule is not None:
        return by_rule
    return next((status for kind, status in HTTP_BY_CLASS if isinstance(error, kind)), 500)


def exit_code(error: BcpError) -> int:
    """The exit code of one of our errors (DESIGN: errors, exit codes, output)."""
    return error.exit_code
