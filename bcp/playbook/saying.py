"""An expectation of a playbook in words: what it wants, and what is there in place of that. Pure.

``outputs.state == 'healthy'`` is read by a person at night as *state is healthy*; beside it stands only what the
expression asks about, not everything that the step found out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"\boutputs\.([a-z_][a-z0-9_]*)")
_TEXT = re.compile(r"""(['"])(.*?)\1""")
_LIST = re.compile(r"\[([^\[\]]*)\]")
_SIGNS = (("==", " is "), ("!=", " is not "), (">=", " is at least "), ("<=", " is at most "), (">", " is more than "),
          ("<", " is less than "))  # fmt: skip


def wanted(expression: str) -> str:
    """The expression in words. What is too clever for them stays as it is written."""
    text = _LIST.sub(lambda m: _one_of(m[1]), expression)
    text = re.sub(r"\bnot in\b", "is none of", re.sub(r"(?<!not )\bin\b", "is", text))
    for sign, word in _SIGNS:
        text = text.replace(sign, word)
    text = _NAME.sub(lambda m: m[1].replace("_", " "), text)
    return " ".join(_TEXT.sub(r"\2", text).split())


def _one_of(inside: str) -> str:
    items = [i.strip().strip("'\"") for i in inside.split(",") if i.strip()]
    return " or ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def seen(expression: str, outputs: Mapping[str, Any]) -> str:
    """The values that the expression asks about, in words; empty: it asks about none that is there."""
    names = dict.fromkeys(_NAME.findall(expression))
    return ", ".join(_value(n, outputs[n]) for n in names if n in outputs and _plain(outputs[n]))


def _plain(value: object) -> bool:
    return isinstance(value, str | bool | int | float) and value != ""


def _value(name: str, value: object) -> str:
    said = name.replace("_", " ")
    if isinstance(value, bool):
        return said if value else f"not {said}"
    if isinstance(value, float):
        return f"{said} is {value:.6g}"
    return f"{said} is {value}"
