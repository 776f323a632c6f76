"""Reading large JSON in a thread without stopping the others: the C parser keeps the interpreter's lock to its end.

A plan of 10,000 domains is 6 MB of text, 50 ms in one call of ``json.loads``; meanwhile no other thread runs, and the
event loop answers nobody. Here the outer levels are read by Python, which lets others run every 5 ms
(``sys.getswitchinterval``), and only what is inside of them by the C parser.
"""

from __future__ import annotations

import json
import json.decoder
from collections.abc import Callable
from typing import Any

LARGE = 100_000
"""Characters from which it is worth the effort."""
LEVELS = 6
"""Levels that Python reads: plan, steps, step, outputs, before, domain."""
Scan = Callable[[str, int], tuple[Any, int]]
_C: Scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def loads(text: str) -> Any:
    """As ``json.loads``. Raises ``ValueError``."""
    if len(text) < LARGE:
        return json.loads(text)
    try:
        value, end = _scanner(LEVELS)(text, _skip(text, 0))
    except StopIteration as error:
        raise json.JSONDecodeError("Expecting value", text, int(error.value)) from None
    end = _skip(text, end)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def _skip(text: str, at: int) -> int:
    return json.decoder.WHITESPACE.match(text, at).end()  # type: ignore[attr-defined,no-any-return]


def _scanner(levels: int) -> Scan:
    """A scanner that reads so many levels by Python."""
    if not levels:
        return _C
    inner = _scanner(levels - 1)
    objects, arrays = json.decoder.JSONObject, json.decoder.JSONArray  # type: ignore[attr-defined]

    def scan(text: str, at: int) -> tuple[Any, int]:
        first = text[at : at + 1]
        if first == "{":
            return objects((text, at + 1), True, inner, None, None, {})  # type: ignore[no-any-return]
        if first == "[":
            return arrays((text, at + 1), inner)  # type: ignore[no-any-return]
        return _C(text, at)

    return scan
