"""A module holds one idea and a function fits on a screen or two: what grows beyond that is split by idea."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import bcp

ROOT = Path(bcp.__file__).parent
MODULE_LINES = 400
FUNCTION_LINES = 60


def modules() -> Iterator[tuple[str, str]]:
    """Name and text of each module of the product."""
    for path in sorted(ROOT.rglob("*.py")):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def long_functions(name: str, text: str) -> list[str]:
    """Functions of a module with more lines than allowed, from ``def`` to the last line, docstring included."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > FUNCTION_LINES:
                found.append(f"{name}:{node.lineno} {node.name}: {lines} lines")
    return found


def test_no_module_is_longer_than_400_lines() -> None:
    sizes = {name: len(text.splitlines()) for name, text in modules()}
    assert len(sizes) > 300, "these are not the modules of the product"
    assert not [f"{name}: {lines} lines" for name, lines in sizes.items() if lines > MODULE_LINES]


def test_no_function_is_longer_than_60_lines() -> None:
    assert not [found for name, text in modules() for found in long_functions(name, text)]


def test_a_function_is_measured_from_its_def_to_its_last_line() -> None:
    fits = "async def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)
    assert long_functions("m.py", fits) == []
    assert long_functions("m.py", fits + "    x = 1\n") == [f"m.py:1 f: {FUNCTION_LINES + 1} lines"]
    within = "class C:\n    def f(self):\n" + "        x = 1\n" * FUNCTION_LINES
    assert long_functions("m.py", within) == [f"m.py:2 f: {FUNCTION_LINES + 1} lines"]
