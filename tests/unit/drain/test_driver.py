"""Drains as actions see them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import StepInfo
from bcp.contracts.drain import Gone, NoBook, NoDrains
from bcp.contracts.relay import MailFate, QueuedMail
from bcp.contracts.services import NoBooks
from bcp.drain.driver import Driver
from bcp.kernel.errors import Refused
from bcp.plugins.actions.relay_drain import Drain, DrainArgs
from bcp.testing.clock import FakeClock

from .test_drain_run import SHAPE, Book, Scripted

MAILS = [QueuedMail(f"Q{n}", "s@y.example", ("A@x.example", "z@other"), float(n), "later", "deferred") for n in (1, 2)]


class Asked(Scripted):
    """It also delivers everything at once, and tells fates."""

    can_count = True

    async def drain(self, domains) -> str:
        self.asked = domains
        self.mails.clear()
        return "asked"

    async def fates(self, ids):
        return [MailFate(i, "a@x.example", "sent", "250 ok") for i in ids]


def relay() -> Asked:
    return Asked({m.queue_id: m for m in MAILS})


def play(it, drains) -> object:
    services = SimpleNamespace(
        run=SimpleNamespace(started=0.0, id="run"), books=NoBooks(), drains=drains, clock=FakeClock(),
        relays={"r": it}, domains={"x.example": 1},
    )  # fmt: skip
    return asyncio.run(Drain().perform(DrainArgs(relay="r"), services, StepInfo("drain", "k")))


def test_it_drives_to_the_end_and_tells_what_it_saw() -> None:
    it = relay()
    gone = asyncio.run(Driver(NoBook(), FakeClock()).drain(it, it, frozenset({"x.example"}), 600.0, 0.0))
    assert gone == Gone({"Q1": ("A@x.example",), "Q2": ("A@x.example",)}, (1.0, 2.0))


def test_its_forecast_is_in_words() -> None:
    assert Driver(NoBook(), FakeClock()).forecast(MAILS, SHAPE).startswith("2 message(s) to 4 recipient(s), about ")
    assert NoDrains().forecast(MAILS, SHAPE) == "2 message(s)"


def test_the_action_drains_mail_by_mail_where_somebody_drives() -> None:
    it = relay()
    done = play(it, Driver(NoBook(), FakeClock()))
    assert it.kept == [True, False] and sorted(i for ids in it.releases for i in ids) == ["Q1", "Q2"]
    assert (done.outputs["seen"], done.outputs["sent"], done.outputs["arrivals"]) == (2, 2, [1.0, 2.0])


def test_without_a_driver_it_asks_for_everything_at_once() -> None:
    it = relay()
    done = play(it, NoDrains())
    assert it.kept == [] and it.releases == [] and it.asked == ["x.example"]
    assert done.outputs["sent"] == 2
    direct = relay()
    assert asyncio.run(NoDrains().drain(direct, direct, frozenset({"b", "a"}), 1, 0)) == Gone()
    assert direct.asked == ["a", "b"]


def test_what_another_drives_is_refused() -> None:
    with pytest.raises(Refused) as found:
        play(relay(), Driver(Book(free=False), FakeClock()))
    assert found.value.rule == "drain.driven"
