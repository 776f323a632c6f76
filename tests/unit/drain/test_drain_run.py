"""A shaped drain carried out against a scripted relay: it ends, pauses, stops, is late, and keeps what it has."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from bcp.contracts.drain import DrainStatus, Shaped
from bcp.contracts.relay import QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.drain.run import ShapedDrain
from bcp.kernel.errors import Permanent, Refused, Transient
from bcp.testing.clock import FakeClock

SHAPE = DrainSettings(rate=20, first_rate=20, canary=2, step="5s", refusals=3)


@dataclass
class Scripted:
    """A relay that delivers what is released, unless ``answer`` says otherwise."""

    mails: dict[str, QueuedMail]
    answer: str = ""
    name: str = "r"
    can_release: bool = True
    shape: DrainSettings = SHAPE
    kept: list[bool] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)
    releases: list[list[str]] = field(default_factory=list)
    release_troubles: list[Exception] = field(default_factory=list)

    async def keep(self, on: bool) -> None:
        self.kept.append(on)

    async def queue(self) -> list[QueuedMail]:
        if self.troubles:
            raise self.troubles.pop(0)
        return list(self.mails.values())

    async def release(self, queue_ids) -> None:
        if self.release_troubles:
            raise self.release_troubles.pop(0)
        self.releases.append(list(queue_ids))
        for ident in queue_ids:
            old = self.mails.pop(ident)
            if self.answer:
                self.mails[ident] = QueuedMail(ident, old.sender, old.recipients, old.arrived, self.answer, "deferred")


@dataclass
class Book:
    wishes: list[str] = field(default_factory=list)
    told: list[DrainStatus] = field(default_factory=list)
    free: bool = True
    left: int = 0

    def drive(self, relay: str) -> bool:
        return self.free

    def leave(self, relay: str) -> None:
        self.left += 1

    def tell(self, status: DrainStatus) -> None:
        self.told.append(status)

    def wish(self, relay: str):
        return self.wishes.pop(0) if self.wishes else ""


def relay(count: int, **more) -> Scripted:
    mails = [
        QueuedMail(f"Q{n}", "s@o", (f"u{n}@corp.test", "x@else.test"), float(n), "", "deferred") for n in range(count)
    ]
    return Scripted({m.queue_id: m for m in mails}, **more)


def run(of: Scripted, book: Book | None = None, *, timeout: float = 600, quiet: float = 0.0):
    assert isinstance(of, Shaped)
    drain = ShapedDrain(of, of, frozenset({"corp.test"}), FakeClock(), book or Book())
    return asyncio.run(drain.run(timeout, quiet)), drain


def test_all_of_it_goes_and_the_relay_delivers_by_itself_again() -> None:
    r, book = relay(100), Book()
    status, drain = run(r, book, quiet=20.0)
    assert status.state == "done" and not r.mails and r.kept == [True, False] and book.left == 1
    assert drain.seen.recipients["Q7"] == {"u7@corp.test": None} and min(drain.seen.arrivals) == 1.0
    assert sum(map(len, r.releases)) == 100 and len(r.releases[0]) == 2
    assert book.told[0].state == "canary" and book.told[-1].gone == 100


def test_a_look_that_waited_for_a_dead_host_is_repeated_soon() -> None:
    """The living host is as busy as before: its mails do not wait for minutes."""
    clock, looks = FakeClock(), list[float]()

    @dataclass
    class Two(Scripted):
        unheard: dict[str, str] = field(default_factory=dict)

        async def queue(self) -> list[QueuedMail]:
            looks.append(clock.monotonic())
            if not self.unheard and len(looks) > 1:
                self.unheard["dead.test"] = "it hangs"
                clock.steady += 60.0
            return await super().queue()

    r = Two({m.queue_id: m for m in relay(40).mails.values()})
    drain = ShapedDrain(r, r, frozenset({"corp.test"}), clock, Book())
    status = asyncio.run(drain.run(600, 0.0))
    assert status.state == "done" and len(looks) > 2
    assert looks[2] - looks[1] < 60.0 + 4 * 60.0, "not four times what the dead one took"


def test_the_last_mails_do_not_wait_for_minutes_after_a_long_look() -> None:
    """A long queue takes a minute to list. Those that came back meanwhile are seen as soon as nothing else is to do."""
    clock, looks = FakeClock(), list[float]()

    @dataclass
    class Long(Scripted):
        async def queue(self) -> list[QueuedMail]:
            looks.append(clock.monotonic())
            if len(looks) == 1:
                clock.steady += 60.0
            return await super().queue()

    r = Long({m.queue_id: m for m in relay(30).mails.values()})
    drain = ShapedDrain(r, r, frozenset({"corp.test"}), clock, Book())
    assert asyncio.run(drain.run(600, 0.0)).state == "done"
    assert looks[1] - looks[0] < 60.0 + 4 * 60.0 and clock.monotonic() < 240.0


def test_strangers_mail_is_left_alone() -> None:
    r = relay(2)
    r.mails["S"] = QueuedMail("S", "s@o", ("a@else.test",), 1.0, "", "deferred")
    run(r)
    assert list(r.mails) == ["S"]


def test_who_drives_it_drives_it_alone() -> None:
    with pytest.raises(Refused) as no:
        run(relay(1), Book(free=False))
    assert no.value.rule == "drain.driven"


def test_a_pause_releases_nothing_and_a_stop_keeps_everything() -> None:
    r, book = relay(50), Book(wishes=["pause"] * 40)
    status, _ = run(r, book)
    assert status.state == "done" and "paused" in {s.state for s in book.told}
    r = relay(50)
    with pytest.raises(Refused) as no:
        run(r, Book(wishes=["", "", "", "stop"]))
    assert no.value.rule == "drain.stopped" and len(r.mails) + sum(map(len, r.releases)) == 50 and r.kept == [True]


def test_refusals_for_good_stop_it() -> None:
    r = relay(50, answer="host x said: 550 5.7.51 no")
    with pytest.raises(Refused) as no:
        run(r)
    assert no.value.rule == "drain.refused" and "5.7.51" in no.value.message and len(r.mails) == 50
    assert sum(map(len, r.releases)) == 2


def test_a_time_that_is_over_says_how_much_is_left_or_what_is_wrong() -> None:
    with pytest.raises(Transient, match=r"message\(s\) are still at r") as late:
        run(relay(50, answer="host x said: 451 4.7.500 busy"), timeout=60)
    assert late.value.rule == "drain.late"
    with pytest.raises(Transient, match="empty, but not yet"):
        run(relay(1), timeout=30, quiet=90)
    with pytest.raises(Transient, match="does not say what it holds: gone"):
        run(relay(1, troubles=[Transient("gone")] * 500), timeout=30)


def test_trouble_with_the_relay_is_no_end_and_a_fault_is() -> None:
    r = relay(20, troubles=[Transient("later")] * 3, release_troubles=[Transient("ssh")] * 2)
    status, _ = run(r)
    assert status.state == "done" and not r.mails
    with pytest.raises(Permanent, match="broken"):
        run(relay(20, troubles=[Permanent("broken")]))


@dataclass
class Pair(Scripted):
    """Two machines; the second does not answer from one look to another."""

    unheard: dict[str, str] = field(default_factory=dict)
    dead: tuple[int, int] = (1, 10**9)
    looks: int = 0

    async def queue(self) -> list[QueuedMail]:
        self.looks += 1
        self.unheard.clear()
        if not self.dead[0] < self.looks <= self.dead[1]:
            return await super().queue()
        self.unheard["two.test"] = "no route to host"
        return [m for m in self.mails.values() if m.queue_id.endswith("@one.test")]


def pair(dead: tuple[int, int]) -> Pair:
    ids = [f"Q{n}@{host}.test" for n in range(6) for host in ("one", "two")]
    mails = [QueuedMail(i, "s@o", ("u@corp.test",), float(n), "", "deferred") for n, i in enumerate(ids)]
    return Pair({m.queue_id: m for m in mails}, dead=dead, shape=SHAPE.model_copy(update={"canary": 0, "rate": 1.0}))


def test_a_host_that_dies_with_mail_and_comes_back_is_waited_for() -> None:
    """Before: the drain was done as soon as the other was empty, its mail *gone from the queue without a record*."""
    r = pair((1, 30))
    status, _ = run(r)
    assert status.state == "done" and status.gone == 12 and not r.mails
    assert r.kept == [True, True, False], "it may have been started anew"


def test_a_host_that_stays_dead_with_mail_is_named_and_nothing_is_done_that_is_not() -> None:
    r, book = pair((1, 10**9)), Book()
    with pytest.raises(Transient, match=r"all else has left r, and two\.test does not answer: \d messages wait") as no:
        run(r, book, timeout=3600)
    assert no.value.rule == "drain.unheard" and r.kept[-1] is False
    left = len(r.mails)
    assert left > 1 and all(i.endswith("@two.test") for i in r.mails) and book.told[-1].gone == 12 - left
    assert (book.told[-1].state, book.told[-1].waiting) == ("running", left)
    assert f"two.test does not answer: {left} messages wait there" in book.told[-1].why
    with pytest.raises(Transient, match=rf"{left} message\(s\) are still at r, .*two\.test does not answer") as late:
        run(pair((1, 10**9)), timeout=100)
    assert late.value.rule == "drain.late"
