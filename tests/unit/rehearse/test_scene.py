"""What is read to people at a table is whole sentences."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bcp.rehearse.scene import _words


def said(why: str, evidence: tuple[str, ...] = ("smtp: 451",)) -> str:
    decision: Any = SimpleNamespace(state="down", outage_class="B", evidence=evidence, why=why, action="ask")
    return _words(SimpleNamespace(at=120.0, decision=decision, playbook="out"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("which of them is to be believed?", "451. Which of them is to be believed? It proposes: ask, playbook out."),
        ("only a part fails", "451. Only a part fails. It proposes: ask, playbook out."),
        ("", "451. It proposes: ask, playbook out."),
    ],
)
def test_each_part_is_a_sentence(why: str, words: str) -> None:
    assert said(why) == f"[2m] The watch says down, class B. smtp: {words}"
