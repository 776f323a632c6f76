"""JSON from outside: bounded in depth, and an error of ours whatever it is."""

from __future__ import annotations

import json
from typing import Any

from bcp.kernel.errors import Invalid
from bcp.kernel.text import sound

MAX_DEPTH = 100
"""Deeper than anything that a monitoring system or vendor sends; shallower than what ends a recursion."""


def loads(raw: bytes | str, *, depth: int = MAX_DEPTH) -> Any:
    """The value.

    Raises:
        Invalid: it is no JSON (RFC 8259), or nested deeper than ``depth``.
    """
    try:
        value = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Invalid("this is no JSON", hint="Is the sender the one that the configuration says?") from error
    level: list[Any] = [value]
    for _ in range(depth + 1):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return _sound(value)
    raise Invalid(f"this JSON is nested deeper than {depth} levels")


def rows(text: str) -> list[str]:
    """Values of JSON, one a line: only LF ends a line. ``str.splitlines`` ends one at U+0085, U+2028 and U+2029 as
    well, which may stand within a text as they are (RFC 8259 section 7), as in a sender's address."""
    return [line for line in text.split("\n") if line.strip()]


def whole_number(value: Any) -> int | None:
    """A whole number, also where its sender writes it as a text or with a fraction of nothing (``"300"``, ``300.0``);
    ``None``: it is none."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _sound(value: Any) -> Any:
    """Every text in it able to be written: JSON can spell half of a character."""
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, dict):
        return {sound(k): _sound(v) for k, v in value.items()}
    return [_sound(v) for v in value] if isinstance(value, list) else value


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")  # NaN and Infinity are Python's (RFC 8259 section 6)
