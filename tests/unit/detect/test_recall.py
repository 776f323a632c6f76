"""A watch that is started again in the middle of an outage: the outage began when it began."""

from __future__ import annotations

import json

import pytest

from bcp.contracts.probe import Result, Signal, Watched
from bcp.detect.detector import Detector
from bcp.detect.recall import kept_of, recall
from bcp.detect.rules import Rules
from bcp.detect.verdict import Decision

WALL = 1_769_076_000.0
RULES = Rules(interval_s=60.0, keep_firing_for_s=600.0)


class Watch:
    """One watch after another over a service that fails from minute 10 on, a round a minute."""

    def __init__(self) -> None:
        self.began, self.now, self.last = 0.0, WALL, WALL
        self.detector, self.said = self._made(), Decision("unknown")

    def _made(self) -> Detector:
        return Detector(RULES, [Watched("smtp", "smtp", "inbound", every_s=60.0)])

    def look(self, minutes: int, *, fails: bool) -> Decision:
        """So many rounds."""
        for _ in range(minutes):
            self.now += 60.0
            result, kind = (Result.FAIL, "4xx-rcpt") if fails else (Result.OK, "")
            self.detector.take(Signal("smtp", "inbound", result, self.now, kind, "451 try again later"))
            self.last, self.said = self.now, self.detector.settle(self.now - self.began, self.now)
        return self.said

    def restart(self, *, gone_s: float = 30.0, kept: object = None) -> None:
        """Another watch over the same state folder; a machine that was started anew has another steady time."""
        left = json.loads(json.dumps(kept_of(self.detector))) if kept is None else kept
        self.now += gone_s
        self.began, self.detector = self.now - 7.0, self._made()
        recall(self.detector, self.last, left, self.now)


def outage(minutes: int = 50) -> Watch:
    watch = Watch()
    watch.look(10, fails=False)
    watch.look(minutes, fails=True)
    return watch


BEGAN = WALL + 11 * 60.0


def test_a_watch_that_is_started_again_counts_from_the_first_failure() -> None:
    watch = outage()
    assert watch.said.state == "down" and watch.said.since == BEGAN
    by = watch.said.decide_at
    watch.restart()
    first = watch.look(1, fails=True)
    assert (first.state, first.since, first.stage) == ("suspect", BEGAN, "confirmed")
    assert "451" in " ".join(first.evidence)  # and not: healthy, one look failed
    again = watch.look(10, fails=True)
    assert (again.state, again.since) == ("down", BEGAN)
    assert by is not None and again.decide_at is not None and abs(again.decide_at - by) <= 60.0


def test_the_time_to_decide_ends_when_it_would_have_ended() -> None:
    """Two hours of class B: the watch through and the one that was restarted twice propose the same, at one time."""
    through, often = outage(), outage()
    for _ in range(2):
        through.look(30, fails=True)
        often.restart(gone_s=0.0)
        often.look(30, fails=True)
    assert through.look(8, fails=True).action == often.look(8, fails=True).action == "wait"
    assert through.look(6, fails=True).action == often.look(6, fails=True).action == "switch"


@pytest.mark.parametrize(("gone_s", "whole"), [(300.0, True), (3 * 3600.0, False)])
def test_what_nobody_saw_for_long_makes_no_failing_minutes(gone_s: float, whole: bool) -> None:
    watch = outage(50)
    watch.restart(gone_s=gone_s)
    watch.look(8, fails=True)
    assert watch.said.since == BEGAN
    assert watch.said.failed_s == pytest.approx(49 * 60 + gone_s + 7 * 60 if whole else 7 * 60, abs=61.0)


def test_an_outage_that_ended_meanwhile_ends_and_the_next_one_has_its_own_beginning() -> None:
    watch = outage()
    watch.restart()
    assert watch.look(1, fails=False).state == "healthy"
    watch.look(12, fails=False)
    assert watch.detector.course.outage == "none"
    next_ = watch.now + 60.0
    assert watch.look(1, fails=True).state == "healthy"  # one slip of a service that was well
    watch.look(9, fails=True)
    assert (watch.said.state, watch.said.since) == ("down", next_)


def test_one_that_comes_and_goes_still_does_after_a_restart() -> None:
    watch = outage(20)
    for _ in range(14):
        watch.look(2, fails=True)
        watch.look(1, fails=False)
    assert watch.said.flapping
    watch.restart()
    watch.look(6, fails=True)
    assert watch.said.flapping and watch.said.action != "switch"


@pytest.mark.parametrize(
    "bad",
    [
        [],
        {"found": True, "planes": "x"},
        {"found": True, "planes": [7, {}, {"plane": "inbound", "domain": "", "since": "x"}]},
        {"found": True, "planes": [{"plane": "inbound", "domain": "", "since": 9e18, "failed_s": 1}]},
        {"found": "yes", "planes": [{"plane": "inbound", "domain": ""}]},
    ],
)
def test_what_is_no_memory_is_left(bad: object) -> None:
    watch = outage()
    watch.restart(kept=bad)
    watch.look(10, fails=True)
    assert watch.said.since == watch.now - 9 * 60.0


def test_a_day_later_nothing_is_known() -> None:
    watch = outage()
    watch.restart(gone_s=86_401.0)
    watch.look(10, fails=True)
    assert watch.said.since == watch.now - 9 * 60.0


def test_nothing_is_left_while_all_is_well() -> None:
    watch = Watch()
    watch.look(30, fails=False)
    assert kept_of(watch.detector) == {}
