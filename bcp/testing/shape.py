"""Whether a thing has what its contract names, for plug-ins whose authors did not ask mypy."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import bcp.contracts.dns  # noqa: F401 - names that other contracts use
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


def insides(thing: object) -> dict[str, Any]:
    """What it keeps, whether its class has slots or not."""
    named = [getattr(c, "__slots__", ()) for c in type(thing).__mro__]
    slots = [s for some in named for s in ((some,) if isinstance(some, str) else some)]
    return {s: getattr(thing, s) for s in slots if hasattr(thing, s)} | getattr(thing, "__dict__", {})


def checks_wrong(found: object) -> str:
    """What is wrong with the lines of a check; empty: nothing."""
    if not isinstance(found, list) or not found:
        return f"no lines, but {found!r}"
    bad = [c for c in found if not isinstance(c, Check) or c.state not in {"ok", "warn", "fail"} or not c.message]
    return f"not a line: {bad[0]!r}" if bad else ""


def mistyped(thing: object) -> str:
    """Which field of a dataclass or named tuple holds something else than its contract says; empty: none."""
    made: Any = type(thing)
    for name, kind in _hints(made).items():
        if not fits(value := getattr(thing, name), kind):
            return f"{name} of a {type(thing).__name__} is {value!r:.80}, which is no {getattr(kind, '__name__', kind)}"
    return ""


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    """Fields and their types; none where they cannot be told."""
    fields: Any = getattr(kind, "__dataclass_fields__", ()) or getattr(kind, "_fields", ())
    try:
        hints = typing.get_type_hints(kind, vars(sys.modules["bcp.contracts.dns"]) | vars(sys.modules[kind.__module__]))
    except (NameError, KeyError, TypeError):
        return {}
    return {n: hints[n] for n in fields if n in hints}


def fits(value: Any, kind: Any) -> bool:
    """Is it of this type? A list is as good as a tuple, a whole number as good as another one."""
    origin: Any = typing.get_origin(kind)
    inner = typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return any(fits(value, k) for k in inner)
    if origin is tuple:
        if not isinstance(value, (tuple, list)):
            return False
        each: Any = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return len(each) == len(value) and all(map(fits, value, each))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is Any or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    return isinstance(value, kind) and not (kind.__module__.startswith("bcp.contracts") and mistyped(value))


def awaited(work: Any) -> Any:
    """The same, where it can be awaited. Else it is said: a method of a contract is written with ``async def``."""
    if not inspect.isawaitable(work):
        raise AssertionError(f"it returns {work!r:.80} at once and cannot be awaited: write it with async def")
    return work
