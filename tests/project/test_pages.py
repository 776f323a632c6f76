"""Pages stand in one place and can be read: short lines, one tag a line, no HTML among the Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "bcp" / "pages"
TEMPLATES = sorted(p for p in (PAGES / "templates").rglob("*") if p.is_file())
BLOCK = (
    r"address|article|aside|blockquote|body|button|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|head|"
    r"header|html|input|legend|li|main|nav|ol|option|p|section|select|style|summary|svg|table|tbody|td|textarea|th|"
    r"thead|title|tr|ul"
)
OPENING = re.compile(rf"<({BLOCK})\b", re.I)
NAMES = (
    "br|div|p|span|td|tr|li|ul|ol|table|html|head|body|h[1-6]|a|strong|b|code|style|script|svg|main|section|article|"
    "form|button"
)
MARKUP = re.compile(rf"<!doctype|</?(?:{NAMES})(?:\s[^<>]*)?/?>", re.I)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_a_template_can_be_read(path) -> None:
    """At most one element that makes a block begins on a line, and no line is longer than 120."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        assert len(line) <= 120, f"{path.name}:{number} has {len(line)} characters"
        assert len(OPENING.findall(line)) <= 1, f"{path.name}:{number} begins several elements: {line.strip()[:80]}"


@pytest.mark.parametrize("path", [PAGES / "static" / "style.css", PAGES / "static" / "live.js"], ids=lambda p: p.name)
def test_style_and_script_of_ours_can_be_read(path) -> None:
    assert max(map(len, path.read_text().splitlines())) <= 120


def markup_in(source: str) -> list[tuple[int, str]]:
    """Lines whose text constants hold HTML; docstrings may name a tag."""
    if not MARKUP.search(source):  # most files: nothing to parse
        return []
    tree = ast.parse(source)
    docstrings = {
        id(n.body[0].value)
        for n in ast.walk(tree)
        if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and n.body
        and isinstance(n.body[0], ast.Expr)
    }
    texts = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in docstrings)
    return [(n.lineno, n.value[:80]) for n in texts if isinstance(n.value, str) and MARKUP.search(n.value)]


def test_no_html_among_the_python() -> None:
    """Text for people as HTML is a template's business. The lab and the suites imitate others' pages."""
    files = [p for p in (ROOT / "bcp").rglob("*.py") if PAGES not in p.parents and not {"lab", "testing"} & {*p.parts}]
    assert len(files) > 500
    assert {str(p.relative_to(ROOT)): found for p in files if (found := markup_in(p.read_text()))} == {}


def test_html_is_found_in_text_and_not_in_docstrings() -> None:
    """The finder finds."""
    assert markup_in('"""A <b>tag</b>."""\nx = 1\ny = "<p>no</p>"\n') == [(3, "<p>no</p>")]


def test_there_is_one_style_sheet() -> None:
    assert [p.name for p in (ROOT / "bcp").rglob("*.css")] == ["style.css"]
    assert not [p for p in TEMPLATES if re.search(r'\sstyle="', p.read_text())]  # the console's policy forbids it, too


def test_nothing_switches_escaping_off() -> None:
    """``safe`` in a template is a hole; ``Markup`` in Python stands only where something was escaped before."""
    for path in TEMPLATES:
        assert not re.search(r"\|\s*safe\b|autoescape\s+false", path.read_text()), path.name
    users = [p for p in (ROOT / "bcp").rglob("*.py") if "Markup(" in p.read_text()]
    sandbox = ROOT / "bcp" / "kernel" / "sandbox.py"  # joins what is markup already; what is not is escaped by it
    assert {p.name for p in users if p != sandbox} == {"render.py", "status.py"}
    assert all(PAGES in p.parents for p in users if p != sandbox)


def test_what_is_shipped_for_browsers_has_its_licence() -> None:
    for path in (PAGES / "static").glob("*.min.js"):
        assert path.with_name(path.name.removesuffix(".min.js") + ".LICENSE").is_file()
