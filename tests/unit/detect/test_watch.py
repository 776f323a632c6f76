"""The look before a write: made now, and never a stale *down*."""

from __future__ import annotations

import asyncio

import pytest

from bcp.contracts.probe import Result, Signal
from bcp.detect.course import Course
from bcp.detect.rules import Rules
from bcp.detect.verdict import Decision
from bcp.detect.watch import LiveLooker, Watcher, confirmed_by
from bcp.testing.clock import FakeClock

DOWN = Decision("down", ("B",), ("inbound",), action="switch", failing_now=True)


def test_a_watch_that_says_down_needs_a_look_that_fails_now() -> None:
    """Well or unseen at this moment is the verdict; a look that fails, or half of them, bears the watch out."""
    for state in ("healthy", "unknown"):
        assert confirmed_by(DOWN, Decision(state)).state == state
    for state in ("down", "suspect"):
        assert confirmed_by(DOWN, Decision(state)) is DOWN
    assert confirmed_by(DOWN, None) is DOWN
    over = confirmed_by(Decision("down", ("B",), ("inbound",), action="switch"), None)
    assert (over.state, over.action) == ("suspect", "watch")


def test_what_moves_no_mx_is_taken_as_the_watch_says_it() -> None:
    """Slow probes see mailboxes; a burst does not."""
    for watch in (Decision("down", ("A",), ("mailbox",)), Decision("healthy")):
        assert confirmed_by(watch, Decision("unknown")) is watch


class Probe:
    """Fails until it is told otherwise."""

    name, kind, plane, quick = "smtp", "smtp", "inbound", True

    class settings:
        timeout, every, vantages = 1.0, None, ()

    def __init__(self) -> None:
        self.result, self.looks = Result.FAIL, 0

    def watched(self, interval_s):
        from bcp.contracts.probe import Watched

        return Watched("smtp", "smtp", "inbound", medium="smtp")

    async def look(self):
        self.looks += 1
        return Signal("smtp", "inbound", self.result, 0.0, "4xx-rcpt" if self.result is Result.FAIL else "")

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(("first", "again"), [(Result.FAIL, 4), (Result.OK, 2)])
def test_only_good_news_is_used_again(first, again) -> None:
    """Down is looked at anew each time that somebody is about to act on it."""

    async def run():
        probe = Probe()
        probe.result = first
        looker = LiveLooker(Watcher([probe], Rules(), FakeClock()), looks=2, apart_s=0.0, reuse_s=60.0)
        one = await looker.verdict()
        probe.result = Result.OK
        return one["state"], (await looker.verdict())["state"], probe.looks

    before, after, looks = asyncio.run(run())
    assert before == ("down" if first is Result.FAIL else "healthy") and after == "healthy" and looks == again


@pytest.mark.parametrize(
    ("standing", "proposed"), [("none", "wait"), ("decided", "hold"), ("failback", "hold"), ("draining", "hold")]
)
def test_a_look_proposes_by_what_our_runs_left_standing(standing, proposed) -> None:
    """While a run works, or mail is on its way back, nobody is asked to decide about a switch."""

    async def run():
        looker = LiveLooker(Watcher([Probe()], Rules(), FakeClock()), looks=2, apart_s=0.0)
        return await looker.burst(Course(standing=standing))

    found = asyncio.run(run())
    assert (found.state, found.action) == ("down", proposed)


def test_a_look_while_mail_is_on_the_relay_proposes_no_switch() -> None:
    async def run():
        looker = LiveLooker(Watcher([Probe()], Rules(), FakeClock()), looks=2, apart_s=0.0)
        return await looker.burst(Course(standing="active", active_since=0.0))

    found = asyncio.run(run())
    assert (found.state, found.stage, found.action) == ("down", "active", "hold")


class Trip(Probe):
    """Every five minutes, and it takes minutes; it tells at once what it knows."""

    name, kind, plane, quick = "trip", "round-trip", "outbound", False

    class settings:
        timeout, every, vantages = 600.0, 300.0, ()

    def __init__(self, kind: str = "not-taken") -> None:
        super().__init__()
        self.said = kind

    def watched(self, interval_s):
        from bcp.contracts.probe import Watched

        return Watched("trip", "round-trip", "outbound", medium="smtp", every_s=300.0)

    async def look(self):
        self.looks += 1
        if self.said == "taken":
            self.early(Signal("trip", "outbound", Result.UNKNOWN, 0.0, "taken"))
            await asyncio.Event().wait()  # until it is cut off
        return Signal("trip", "outbound", Result.UNKNOWN, 0.0, self.said)


class Refused(Probe):
    """A recipient that is refused for good from the third round on."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def watched(self, interval_s):
        from bcp.contracts.probe import Watched

        return Watched(self.name, "smtp", "inbound", medium="smtp")

    async def look(self):
        self.looks += 1
        bad = self.looks > 2
        return Signal(self.name, "inbound", Result.FAIL if bad else Result.OK, 0.0, "rejects" if bad else "")


@pytest.mark.parametrize(("said", "looks", "ends"), [("not-taken", 3, ("F", "switch")), ("taken", 2, ("H", "fix-own"))])
def test_a_whole_mail_is_sent_out_of_turn_when_only_it_can_tell(said, looks, ends) -> None:
    """Refused at the door or taken: that is known within seconds, long before it is out again."""
    clock, trip = FakeClock(), Trip(said)

    async def rounds():
        watcher = Watcher([Refused("one"), Refused("two"), trip], Rules(), clock)
        watcher._gate = asyncio.Semaphore(9)
        out = []
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                await watcher._round(group, asyncio.Queue())
                await asyncio.sleep(0)  # what was begun has said what it knows
                out.append(watcher.decision())
                await clock.sleep(60.0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
        return out

    found = asyncio.run(rounds())
    assert (found[-1].outage_class, found[-1].action) == ends
    assert trip.looks == looks and [bool(d.wants) for d in found[:3]] == [False, False, True]
