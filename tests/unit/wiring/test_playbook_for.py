"""Which playbook is named beside a verdict: what it names makes sense with what runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.store import RunCard
from bcp.detect.verdict import Decision
from bcp.wiring.app import App


def named(found: Decision, *cards: RunCard) -> str:
    nothing: Any = None
    playbooks: Any = SimpleNamespace(recommend=lambda d: "exchange-tell-inbound")
    running: Any = SimpleNamespace(cards=lambda query: list(cards))
    return App(nothing, nothing, nothing, nothing, nothing, playbooks, running).playbook_for(found)


def card(status: str, **more: Any) -> RunCard:
    return RunCard("run-1", status, **{"moves_mx": True, "playbook": "exchange-inbound-outage", **more})


@pytest.mark.parametrize(
    ("cards", "name"),
    [
        ((card("waiting"),), "exchange-inbound-outage"),
        ((card("holding", moved_at=5.0),), "exchange-inbound-outage"),
        ((card("waiting", kind="drill"),), ""),
        ((), ""),
    ],
)
def test_while_one_works_or_holds_it_is_the_one_that_is_named(cards: tuple[RunCard, ...], name: str) -> None:
    assert named(Decision("down", ("B",), ("inbound",), action="hold"), *cards) == name


def test_else_the_one_that_the_verdict_calls_for() -> None:
    assert named(Decision("down", ("B",), ("inbound",), action="tell"), card("waiting")) == "exchange-tell-inbound"
    assert named(Decision("healthy", action="none")) == ""
