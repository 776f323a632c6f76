"""Mail by mail: the drain is handed to who drives it, and what it saw is accounted for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.action import StepInfo
from bcp.contracts.drain import Gone, NoDrains
from bcp.contracts.relay import MailFate, QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.contracts.services import Drained, NoBooks
from bcp.plugins.actions.relay_drain import Drain, DrainArgs
from bcp.testing.clock import FakeClock

STEP = StepInfo("drain", "run/drain#0")
WORD = "taken on its word: its clock"


@dataclass
class Box:
    """A relay that can let go of single mails."""

    can_release: bool = True
    can_count: bool = True
    shape: DrainSettings = field(default_factory=DrainSettings)
    on_its_word: tuple[str, ...] = ("its clock",)
    asked: list[list[str]] = field(default_factory=list)
    mails: tuple[QueuedMail, ...] = ()

    async def queue(self) -> list[QueuedMail]:
        return list(self.mails)

    async def drain(self, domains: list[str]) -> str:
        self.asked.append(list(domains))
        return "asked"

    async def fates(self, ids: list[str]) -> list[MailFate]:
        return [MailFate(i, f"a@{i}.example", "sent") for i in ids]

    async def keep(self, on: bool) -> None: ...

    async def release(self, queue_ids: list[str]) -> None: ...


SEEN = Gone({"q1": ("a@q1.example",), "q2": ("a@q2.example",)}, (30.0, 10.0, 20.0))


@dataclass
class Driver:
    """Drives a drain at once, and remembers what it was given."""

    gone: Gone = SEEN
    given: list[Any] = field(default_factory=list)

    def forecast(self, mails: list[QueuedMail], shape: DrainSettings) -> str:
        self.given.append((list(mails), shape))
        return f"{len(mails)} in a minute"

    async def drain(self, *given: Any) -> Gone:
        self.given.append(given)
        return self.gone


@dataclass
class Books:
    """The ledger of the relay's agent."""

    told: Drained | None = None
    given: list[Any] = field(default_factory=list)

    def says(self, relay: str) -> str:
        return ""

    async def drained(self, *given: Any) -> Drained | None:
        self.given.append(given)
        return self.told


def services(box: Box, **more: Any) -> SimpleNamespace:
    run = SimpleNamespace(started=100.0, id="run")
    return SimpleNamespace(
        clock=FakeClock(), relays={"r": box}, domains={"X.example": 1, "y.example": 1}, run=run, **more
    )


def perform(box: Box, args: dict[str, Any] | None = None, **more: Any):
    return asyncio.run(Drain().perform(DrainArgs(relay="r", **(args or {})), services(box, **more), STEP))


def planned(box: Box, **more: Any) -> tuple[str, ...]:
    return asyncio.run(Drain().plan(DrainArgs(relay="r"), services(box, **more), STEP)).notes


def test_who_drives_it_is_given_everything_and_what_it_saw_is_counted() -> None:
    box, driver = Box(), Driver()
    done = perform(box, {"timeout": "90s", "quiet": "5s"}, drains=driver, books=NoBooks())
    assert driver.given == [(box, box, frozenset({"x.example", "y.example"}), 90.0, 5.0)]
    assert (done.outputs["seen"], done.outputs["sent"], done.outputs["unaccounted"]) == (2, 2, 0)
    assert done.outputs["arrivals"] == [10.0, 20.0, 30.0] and done.changed
    assert done.summary.endswith(f"; {WORD}") and box.asked == []


def test_domains_that_were_named_are_the_only_ones() -> None:
    driver = Driver()
    perform(Box(), {"domains": ["Z.example"]}, drains=driver, books=NoBooks())
    assert driver.given[0][2] == frozenset({"z.example"})


def test_a_relay_of_which_nothing_is_believed_says_nothing_of_it() -> None:
    done = perform(Box(on_its_word=()), drains=Driver(), books=NoBooks())
    assert "word" not in done.summary and not done.summary.endswith(("; ", "; None"))


@pytest.mark.parametrize(
    ("box", "more"),
    [
        (Box(can_release=False), {"drains": Driver()}),
        (Box(), {"drains": NoDrains()}),
        (Box(), {"drains": None}),
        (Box(), {}),
    ],
)
def test_one_that_cannot_or_that_nobody_drives_is_asked_for_all_at_once(box, more) -> None:
    """Its queue is looked at until it is empty."""
    done = perform(box, books=NoBooks(), **more)
    assert done.outputs["seen"] == 0 and not done.changed
    assert all(not d.given for d in more.values() if isinstance(d, Driver))


def test_a_plan_says_how_long_it_will_take() -> None:
    mails = (QueuedMail("q1", "s@y.example", ("a@x.example",), 1.0, "later"),)
    box, driver = Box(mails=mails), Driver()
    notes = planned(box, drains=driver, books=NoBooks())
    assert notes == ("r holds 1 message(s) for us; draining them: 1 in a minute", WORD)
    assert driver.given == [(list(mails), box.shape)]
    assert planned(Box(), drains=driver, books=NoBooks()) == ("r holds 0 message(s) for us", WORD)
    once = planned(Box(can_release=False, mails=mails), drains=driver, books=NoBooks())
    assert once == ("r holds 1 message(s) for us", WORD)
    assert planned(Box(mails=mails), books=NoBooks())[0].endswith("draining them: 1 message(s)"), "nobody to ask"


def test_the_ledger_is_asked_from_the_first_arrival_on() -> None:
    books = Books()
    perform(Box(), drains=Driver(), books=books)
    assert books.given == [("r", ["x.example", "y.example"], "run", 10.0)]


def test_services_from_before_there_was_a_ledger_have_none() -> None:
    assert perform(Box(), drains=Driver()).outputs["sent"] == 2
