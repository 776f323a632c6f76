"""Actions are treated by what they say of themselves: a name of one stands in no rule, view or fold."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bcp import registry

ROOT = Path(__file__).parents[2] / "bcp"
MAY = {"contracts/traits.py", "rehearse/lab.py"}
"""Old plans that say no traits; the lab's own playbook."""
WORDS = {"notify", "wait", "verdict", "verify", "shell", "approval"}
"""Words of other vocabularies too (modes, actions of the verdict): there only a comparison with ``uses`` counts."""
FOLDERS = [p for p in sorted(ROOT.rglob("*.py")) if "plugins" not in p.parts and "testing" not in p.parts]


def texts(tree: ast.AST) -> set[str]:
    """Every text constant outside of docstrings."""
    docs = {
        id(n.body[0].value)
        for n in ast.walk(tree)
        if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and n.body and isinstance(n.body[0], ast.Expr)
    }  # fmt: skip
    return {
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs
    }


def compared_with_uses(tree: ast.AST) -> set[str]:
    """Texts that ``uses`` of a step is compared with."""
    out: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and "uses" in ast.unparse(node.left):
            out |= texts(ast.Module([ast.Expr(c) for c in [ast.Constant(0), *node.comparators]], []))
    return out


def test_no_name_of_an_action_steers_anything() -> None:
    names = set(registry.own("actions"))
    names |= {a.kind for a in registry.actions().values()}
    assert {"dns.mx.switch", "relay.drain", "notify"} <= names
    wrong = {}
    for path in FOLDERS:
        if str(path.relative_to(ROOT)) in MAY:
            continue
        source = path.read_text()
        tree = ast.parse(source)
        found = (texts(tree) & (names - WORDS)) | (compared_with_uses(tree) & names if "uses" in source else set())
        if found:
            wrong[str(path.relative_to(ROOT))] = sorted(found)
    assert not wrong, f"ask for a trait (bcp/contracts/traits.py): {wrong}"


@pytest.mark.parametrize("kind", sorted(WORDS))
def test_the_words_with_two_meanings_are_actions_indeed(kind) -> None:
    assert kind in registry.actions()
