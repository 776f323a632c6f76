"""A test waits for what it is told: an event, a line, a file, a served state. It never sleeps and hopes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ROOT

HOPE_S = 0.5
"""Shorter sleeps are the beat of a loop that asks whether what it waits for has come."""
ALLOWED = {
    "tests/probes/hostile.py": (4, "servers that hear and say nothing: the look's deadline ends it, not the sleep"),
    "tests/unit/kit/dns_servers.py": (1, "a name server that hears and says nothing"),
    "tests/unit/test_watching.py": (2, "probes that never end: what is tested is that they are cut off"),
    "tests/unit/testing/test_channel_suite.py": (2, "channels that are slower than the suite allows"),
    "tests/unit/testing/test_other_suites.py": (1, "a probe that outlives its deadline, for the suite to catch"),
}
"""How many sleeps of half a second or more a file may hold, and why: there the sleep is what is played."""


def sleeps(tree: ast.AST) -> Iterator[tuple[int, float]]:
    """(line, seconds) of every ``sleep`` of the real clock whose seconds are written down."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        if getattr(node.func, "attr", getattr(node.func, "id", "")) != "sleep":
            continue
        name = ast.unparse(node.func)
        if name in {"time.sleep", "asyncio.sleep", "sleep"} and node.args and (s := written(node.args[0])) is not None:
            yield node.lineno, s


def written(node: ast.expr) -> float | None:
    """The number that an expression of numbers alone comes to."""
    try:
        found = eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}}, {})
    except (NameError, TypeError, AttributeError, ValueError, ZeroDivisionError):
        return None
    return float(found) if isinstance(found, int | float) else None


def files() -> list[Path]:
    return sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "bcp" / "testing").rglob("*.py")])


def test_no_test_sleeps_and_hopes() -> None:
    """On a busy machine half a second is nothing, and on a quiet one it is lost."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in files():
        source = path.read_text()
        long = [(line, s) for line, s in sleeps(ast.parse(source)) if s >= HOPE_S] if "sleep" in source else []
        if long:
            found[str(path.relative_to(ROOT))] = long
    wrong = {name: long for name, long in found.items() if len(long) > ALLOWED.get(name, (0, ""))[0]}
    assert not wrong, f"wait for what you are told (tests/project/test_waiting.py says what may sleep): {wrong}"
    stale = {name for name, (count, _) in ALLOWED.items() if len(found.get(name, [])) < count}
    assert not stale, f"fewer sleep now: take them off the list: {stale}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("time.sleep(1)", [1.0]),
        ("await asyncio.sleep(0.4 + 0.2)", [0.6]),
        ("time.sleep(0.05)", [0.05]),
        ("sleep(2)", [2.0]),
        ("clock.sleep(60)", []),
        ("time.sleep(every)", []),
        ("await asyncio.sleep(60 - time.time() % 60)", []),
    ],
)
def test_what_counts_as_a_sleep(text, seconds) -> None:
    """Written seconds of the real clock; a clock that is given moves when told."""
    tree = ast.parse(f"async def f():\n    {text}\n")
    assert [s for _, s in sleeps(tree)] == pytest.approx(seconds)
