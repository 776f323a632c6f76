"""Whether a thing has what its contract names, for plug-ins whose authors did not ask mypy."""

from __future__ import annotations

import inspect
from typing import Any

from bcp.contracts.channel import Check


def lacking(contract: type[Any], thing: object) -> dict[str, str]:
    """What is wrong with each method that the contract names; an empty text: nothing."""
    methods = [n for n, m in vars(contract).items() if inspect.isfunction(m) and not n.startswith("_")]
    return {f"{type(thing).__name__}.{n}": _wrong(contract, thing, n) for n in methods}


def _wrong(contract: type[Any], thing: object, name: str) -> str:
    there = getattr(thing, name, None)
    if there is None or getattr(type(thing), name, None) is vars(contract)[name]:
        return "is missing"
    return "" if callable(there) else f"cannot be called: it is {there!r}"


def checks_wrong(found: object) -> str:
    """What is wrong with the lines of a check; empty: nothing."""
    if not isinstance(found, list) or not found:
        return f"no lines, but {found!r}"
    bad = [c for c in found if not isinstance(c, Check) or c.state not in {"ok", "warn", "fail"} or not c.message]
    return f"not a line: {bad[0]!r}" if bad else ""
