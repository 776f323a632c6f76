"""The agents are asked: often while MX is on a relay, and never are there none."""

from __future__ import annotations

import asyncio

import pytest

from bcp.kernel.errors import StorageError
from bcp.relay.pull import Pulled
from bcp.server.parts.account import HELD_S, NONE_S, PEACE_S, Accountant
from bcp.testing.clock import FakeClock


class Books:
    """Agents that answer so."""

    def __init__(self, *found: Pulled | Exception) -> None:
        self.found, self.agents, self.asked = found, dict.fromkeys("ab"[: len(found)]), 0

    async def pull(self):
        self.asked += 1
        for one in self.found:
            if isinstance(one, Exception):
                raise one
        return list(self.found)


@pytest.mark.parametrize(("held", "wait"), [(True, HELD_S), (False, PEACE_S)])
def test_how_often(held, wait) -> None:
    books = Books(Pulled("a", 1))
    accountant = Accountant(FakeClock(), lambda: books, lambda: held)
    assert asyncio.run(accountant.round()) == wait and books.asked == 1 and accountant.problem == ""


def test_what_went_wrong_is_said_and_it_goes_on() -> None:
    books = Books(Pulled("a", 1), Pulled("b", 0, "no route", "agent-silent"))
    accountant = Accountant(FakeClock(), lambda: books, lambda: False)
    asyncio.run(accountant.round())
    assert accountant.problem == "b: no route"
    full = Accountant(FakeClock(), lambda: Books(StorageError("disk is full")), lambda: False)
    assert asyncio.run(full.round()) == PEACE_S and full.problem == "disk is full"


def test_without_agents_nobody_is_asked() -> None:
    books = Books()
    assert asyncio.run(Accountant(FakeClock(), lambda: books, lambda: True).round()) == NONE_S and books.asked == 0
