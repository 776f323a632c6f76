"""What the watch believes of MX follows the runs, however many came after them."""

from __future__ import annotations

import pytest

from bcp.engine.store import Runs
from bcp.store.sqlite.state import SqliteState
from bcp.testing.clock import FakeClock
from bcp.testing.store import DONE, HOLDS, STARTED, SWITCHED, add, plan, write
from bcp.wiring.watching import Follower


class Detector:
    """Hears events."""

    def __init__(self):
        self.heard = []

    def event(self, name, at):
        self.heard.append(name)


@pytest.fixture
def follower(tmp_path):
    """Over real files."""
    runs = Runs(SqliteState(tmp_path / "state"), FakeClock(1000.0))
    return Follower(runs, Detector(), runs.clock)


def told(follower):
    follower.follow()
    return follower.detector.heard[-1:] and follower.detector.heard[-1]


@pytest.mark.parametrize("later", [5, 60])
def test_after_many_sends_mx_is_still_on_the_relay(follower, later) -> None:
    """Five sends used to be enough to forget it."""
    add(follower.runs.room, "run-000", plan("a.test"), STARTED, *SWITCHED, HOLDS)
    for number in range(1, later + 1):
        add(follower.runs.room, f"run-{number:03}", plan("a.test", uses="notify", group="comms:x"), STARTED, DONE)
    assert told(follower) == "active"


def test_the_story_of_an_outage(follower) -> None:
    """Decided, active, on the way back, draining, closed; each is told once."""
    room = follower.runs.room
    assert told(follower) == []
    add(room, "run-1", plan("a.test"), STARTED)
    assert told(follower) == "decided"
    write(room, "run-1", *SWITCHED, HOLDS)
    assert told(follower) == "active" and told(follower) == "active"
    back = plan("a.test", parent="run-1")
    back["steps"].append({"id": "drain", "uses": "relay.drain"})
    add(room, "run-2", back, STARTED)
    assert told(follower) == "failback"
    write(room, "run-2", ("step_started", "drain", {}))
    assert told(follower) == "draining"
    write(room, "run-2", DONE)
    assert told(follower) == "closed"
    write(room, "run-1", DONE)
    assert told(follower) == "closed"
    assert follower.detector.heard == ["decided", "active", "failback", "draining", "closed"]


def test_a_way_back_that_failed_leaves_mx_where_it_is(follower) -> None:
    """The run that holds is still there."""
    room = follower.runs.room
    add(room, "run-1", plan("a.test"), STARTED, *SWITCHED, HOLDS)
    add(room, "run-2", plan("a.test", parent="run-1"), STARTED, ("run_finished", "", {"status": "failed"}))
    assert told(follower) == "active"


def test_a_second_domain_that_failed_does_not_hide_the_first(follower) -> None:
    """Of two runs one holds; drills are none."""
    room = follower.runs.room
    add(room, "run-1", plan("a.test"), STARTED, *SWITCHED, HOLDS)
    add(room, "run-2", plan("b.test"), STARTED, ("run_finished", "", {"status": "failed"}))
    add(room, "run-3", plan("c.test", kind="drill"), STARTED)
    assert told(follower) == "active"
    write(room, "run-1", DONE)
    assert told(follower) == "undecided"
