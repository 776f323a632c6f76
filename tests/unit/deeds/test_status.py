"""One table: which code or class is which HTTP status and exit code; doors never look at words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from support import ROOT

from bcp.deeds.status import HEADINGS, exit_code, http_status
from bcp.kernel.errors import (
    BcpError,
    GateClosed,
    InDoubt,
    Invalid,
    Missing,
    Permanent,
    Refused,
    StorageError,
    Transient,
)


@pytest.mark.parametrize(
    ("error", "http", "code"),
    [
        (StorageError("x"), 503, 1),
        (Missing("x"), 404, 2),
        (Invalid("x"), 400, 2),
        (Invalid("x", rule="ambiguous"), 404, 2),
        (Refused("x"), 409, 3),
        (Refused("x", rule="not-an-approver"), 409, 3),
        (Refused("x", rule="not-allowed"), 403, 3),
        (Refused("x", rule="no-person"), 403, 3),
        (GateClosed("x", rule="second-yes"), 409, 5),
        (InDoubt("x"), 409, 4),
        (Permanent("x"), 500, 1),
        (Transient("x"), 500, 1),
        (BcpError("x"), 500, 1),
    ],
)
def test_class_and_rule_decide(error: BcpError, http: int, code: int) -> None:
    assert (http_status(error), exit_code(error)) == (http, code)
    assert HEADINGS[http]


@pytest.mark.parametrize("text", ["there is no run", "several runs match", "cannot read it", "no answer"])
def test_words_change_nothing(text: str) -> None:
    assert http_status(Invalid(text)) == 400 and http_status(Refused(text)) == 409


@pytest.mark.parametrize("folder", ["deeds", "server/console", "server/doors", "cli"])
def test_no_door_and_no_deed_looks_into_a_message(folder: str) -> None:
    """``.message.startswith``, ``in error.message`` and the like: a word that is mended would change a status."""
    for path in (Path(ROOT) / "bcp" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"startswith", "endswith"}
            ):
                inner = node.func.value
                assert not (isinstance(inner, ast.Attribute) and inner.attr in {"message", "hint", "result"}), (
                    f"{path}:{node.lineno}"
                )
            if isinstance(node, ast.Compare) and any(isinstance(o, (ast.In, ast.NotIn)) for o in node.ops):
                right = node.comparators[-1]
                assert not (isinstance(right, ast.Attribute) and right.attr in {"message", "hint", "result"}), (
                    f"{path}:{node.lineno}"
                )
