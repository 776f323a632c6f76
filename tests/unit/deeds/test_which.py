"""A deed at night without an id: it is done to the only run that can be meant, never to one of several."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bcp.contracts.store import RunCard
from bcp.deeds.which import asks, holds, is_open, meant, only, stopped
from bcp.kernel.errors import Invalid


def book(*cards: RunCard) -> SimpleNamespace:
    """The newest first."""
    return SimpleNamespace(
        cards=lambda query: [c for c in cards if c.status not in {"done", "aborted", "failed"}],
        find=lambda text: text or cards[0].id,
        status_of=lambda card: "interrupted" if card.status == "running" else card.status,
    )


OVER, HOLDS, ASKS = RunCard("run-9", "done"), RunCard("run-3", "holding"), RunCard("run-4", "waiting", parent="run-3")
HALTED, DRILL = RunCard("run-2", "running"), RunCard("run-7", "holding", kind="drill")


@pytest.mark.parametrize(
    ("cards", "which", "run"),
    [
        ((OVER,), is_open, "run-9"),
        ((OVER, HOLDS), is_open, "run-3"),
        ((ASKS, HOLDS), asks, "run-4"),
        ((OVER, ASKS, HOLDS, HALTED), stopped, "run-2"),
        ((DRILL, HOLDS), holds, "run-3"),
    ],
)
def test_the_only_one_is_meant(cards, which, run) -> None:
    assert meant(book(*cards), "", which, "abort") == run
    assert meant(book(*cards), "last", which, "abort") == "last", "who says last gets the newest"


@pytest.mark.parametrize(
    ("cards", "which"),
    [
        ((ASKS, HOLDS), is_open),
        ((ASKS, RunCard("run-5", "waiting")), asks),
        ((HALTED, RunCard("run-1", "stopped")), stopped),
        ((HOLDS, RunCard("run-1", "holding")), holds),
    ],
)
def test_of_several_none_is_taken_and_all_are_named(cards, which) -> None:
    with pytest.raises(Invalid) as caught:
        meant(book(OVER, *cards), "", which, "abort")
    assert caught.value.rule == "ambiguous" and all(c.id in caught.value.message for c in cards)
    assert caught.value.hint.startswith(f"Name it: bcp abort {cards[0].id}.")


def test_many_are_counted() -> None:
    with pytest.raises(Invalid, match=r"8 runs could be meant.*and 3 more$"):
        only(book(*(RunCard(f"run-{n}", "waiting") for n in range(8))), asks, "approve")
