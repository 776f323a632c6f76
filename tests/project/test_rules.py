"""Every rule that can say no has a test that names it: without one it could be switched off and nobody would notice."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def nodes_of(source: str) -> tuple[ast.AST, ...]:
    """Every node of a source, which is parsed once."""
    return tuple(ast.walk(ast.parse(source)))


def places_of(source: str) -> dict[str, int]:
    """Functions and classes that take a ``rule``, each with the place at which it may be given without its name."""
    found = {}
    for node in nodes_of(source):
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in {"self", "cls"}]
        elif isinstance(node, ast.ClassDef):
            fields = (s.target for s in node.body if isinstance(s, ast.AnnAssign))
            names = [t.id for t in fields if isinstance(t, ast.Name)]
        if "rule" in names:
            found[node.name] = names.index("rule")
    return found


def texts_of(value: ast.expr) -> set[str]:
    """Texts that an expression may give: itself, or either side of ``a if b else c`` and of ``a or b``."""
    if isinstance(value, ast.IfExp):
        return texts_of(value.body) | texts_of(value.orelse)
    if isinstance(value, ast.BoolOp):
        return set().union(*map(texts_of, value.values))
    return {value.value} if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value else set()


def rules_of(source: str, places: Mapping[str, int]) -> set[str]:
    """Ids that code gives as ``rule=``, at the place of a ``rule``, or to a variable of that name."""
    found: set[str] = set()
    for node in nodes_of(source):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "rule" for t in node.targets):
            found |= texts_of(node.value)
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            given = [k.value for k in node.keywords if k.arg == "rule"]
            given += node.args[places[name] :][:1] if name in places else []
            found |= set().union(*map(texts_of, given))
    return found


@cache
def all_rules() -> set[str]:
    sources = [p.read_text() for p in sorted((ROOT / "bcp").rglob("*.py"))]
    places: dict[str, int] = {}
    for source in sources:
        places |= places_of(source)
    found = set().union(*(rules_of(s, places) for s in sources))
    nodes_of.cache_clear()
    return found


def named() -> set[str]:
    """Texts in the code of tests (whole, and the words with a dot or a dash in them), and what broken files expect.

    A rule of one plain word counts only where a text is exactly that word: "closed" stands in many a sentence.
    """
    words: set[str] = set()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path != Path(__file__):
            texts = (n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant))
            for text in (t for t in texts if isinstance(t, str)):
                words.add(text)
                words.update(re.findall(r"[a-z0-9]+(?:[.-][a-z0-9]+)+", text))
    for path in sorted((ROOT / "tests").rglob("*.yaml")):
        words.update(re.findall(r"^# expect: (\S+)", path.read_text()))
    return words


def test_every_rule_is_named_by_a_test() -> None:
    """A new rule comes with its test."""
    assert sorted(all_rules() - named()) == []


def test_rules_are_found_in_code() -> None:
    """The finder sees every way of writing one, and no prose."""
    places = places_of("class Bad:\n    message: str\n    rule: str\nclass X:\n    def no(self, rule, text): ...")
    assert places == {"Bad": 1, "no": 0}
    source = """
no("a.b", "text"), self.mx.no("c-d", "x", "y"), f(rule="e"), f("g"), no(x), f(rule=""), Bad("text", "h", 1), Bad("i")
rule = "j" if text == "k" else "l"
f(rule=found.rule or "m")
"""
    assert rules_of(source, places) == {"a.b", "c-d", "e", "h", "j", "l", "m"}
    assert {"dns.null-mx", "dane.mismatch", "dns.servers-disagree", "yaml.depth", "other-open"} <= all_rules()
