"""Every rule that can say no has a test that names it: without one it could be switched off and nobody would notice."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAYERS = {"Refusal", "no"}
"""Calls whose first argument is a rule: a refusal itself, and the MX rules' short form."""

NOT_YET = frozenset(
    """
    answers.too-few-people
    audit-chain
    contact.shape
    contacts.key
    contacts.signature
    deadman.after
    deadman.channel
    message.name
    message.shape
    not-confirmed
    not-proven
    one-daemon
    outage.shape
    wrong-class
    """.split()
)
"""Rules that no test names yet. Only ever take away from this list: a name that has a test, or is gone, must leave it."""


def rules_of(source: str) -> set[str]:
    """Ids that code gives as ``rule=`` or as the first argument of something that refuses."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        given = [k.value for k in node.keywords if k.arg == "rule"]
        given += node.args[:1] if name in SAYERS else []
        found |= {v.value for v in given if isinstance(v, ast.Constant) and isinstance(v.value, str) and v.value}
    return found


def all_rules() -> set[str]:
    return set().union(*(rules_of(p.read_text()) for p in sorted((ROOT / "bcp").rglob("*.py"))))


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
    assert sorted(all_rules() - named() - NOT_YET) == []


def test_the_list_of_rules_without_a_test_only_shrinks() -> None:
    assert sorted(NOT_YET & named()) == [], "these have a test now: take them off the list"
    assert sorted(NOT_YET - all_rules()) == [], "these rules are gone: take them off the list"


def test_rules_are_found_in_code() -> None:
    """The finder sees all three ways of writing one, and no prose."""
    source = 'Refusal("a.b", "text")\nno("c-d", "x", "y")\nf(rule="e")\nf("g")\nRefusal(x)\nf(rule="")\nmx.no("h", "i")'
    assert rules_of(source) == {"a.b", "c-d", "e", "h"}
    assert {"dns.null-mx", "dane.mismatch", "dns.servers-disagree"} <= all_rules()
