"""An error in a line."""

from __future__ import annotations

import re
from pathlib import Path

import bcp
from bcp.kernel.errors import Permanent


def test_without_a_hint_nothing_is_left_over() -> None:
    assert Permanent("it is full").whole == "it is full"
    assert Permanent("it is full", hint="Free some.").whole == "it is full. Free some."


def test_nobody_joins_them_by_hand() -> None:
    """A stray dot and space stood at the end of lines in the log."""
    by_hand = re.compile(r"error\.message\}\. \{|%s\. %s.*error\.hint")
    found = [p.name for p in Path(bcp.__file__).parent.rglob("*.py") if by_hand.search(p.read_text())]
    assert found == []
