"""The machine: a clock that is wrong or went back, a full disk, a copy that is missing or old."""

from __future__ import annotations

import pytest

from bcp.ready.machine import (
    AHEAD_S,
    DRIFT_S,
    LITTLE,
    SOME,
    WRONG_S,
    ClockFacts,
    CopyFacts,
    Damage,
    DiskFacts,
    TimeAsked,
    clock,
    copies,
    databases,
    disk,
)

NOW = 1_800_000_000.0


def test_the_limits_are_those_of_codes_and_signatures() -> None:
    assert DRIFT_S < 30 < WRONG_S < 300


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        (ClockFacts(NOW, True), "ok"),
        (ClockFacts(NOW, None), "ok"),
        (ClockFacts(NOW, False), "risk"),
        (ClockFacts(NOW, True, newest=NOW + AHEAD_S), "ok"),
        (ClockFacts(NOW, True, newest=NOW + AHEAD_S + 1, newest_what="the run r1"), "fail"),
        (ClockFacts(NOW, False, newest=NOW - 5), "risk"),
    ],
    ids=["kept", "cannot say", "nobody keeps it", "two machines", "set back", "not kept, not back"],
)
def test_the_clock_by_itself(facts: ClockFacts, wanted: str) -> None:
    (found,) = clock(facts)
    assert (found.code, found.state) == ("clock", wanted)
    assert ("the run r1 was written down" in found.says) is (wanted == "fail")


@pytest.mark.parametrize(
    ("offset", "state", "words"),
    [
        (0.4, "ok", "0.4 s ahead of"),
        (-1.9, "ok", "1.9 s behind"),
        (DRIFT_S, "risk", "2s ahead of"),
        (-WRONG_S + 1, "risk", "59s behind"),
        (WRONG_S, "fail", "1m ahead of"),
        (-7200.0, "fail", "2h behind"),
    ],
)
def test_what_a_time_server_says(offset: float, state: str, words: str) -> None:
    found = clock(ClockFacts(NOW, False, (TimeAsked("t1", offset),)))
    assert [(c.code, c.subject, c.state) for c in found] == [("clock-offset", "t1", state)]
    assert words in found[0].says and bool(found[0].hint) == (state != "ok")


def test_a_silent_time_server_is_unknown_and_the_kernel_is_believed() -> None:
    found = clock(ClockFacts(NOW, False, (TimeAsked("t1", problem="no answer"),)))
    assert [(c.code, c.state) for c in found] == [("clock-offset", "unknown"), ("clock", "risk")]


@pytest.mark.parametrize(
    ("free", "problem", "state"),
    [(SOME, "", "ok"), (SOME - 1, "", "risk"), (LITTLE, "", "risk"), (LITTLE - 1, "", "fail"), (SOME, "full", "fail")],
)
def test_room_for_the_state(free: int, problem: str, state: str) -> None:
    found = disk(DiskFacts("/state", free, problem))
    assert (found.state, found.subject) == (state, "/state") and bool(found.hint) == (state != "ok")


def test_each_database_is_named() -> None:
    found = databases(["leases.db"], [Damage("incidents.db", "it is damaged", "Put a copy back.")])
    assert [(c.subject, c.state) for c in found] == [("incidents.db", "fail"), ("leases.db", "ok")]


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (CopyFacts(), "risk", "nobody said"),
        (CopyFacts("/b", problem="there is no such folder"), "fail", "no such folder"),
        (CopyFacts("/b"), "fail", "it is empty"),
        (CopyFacts("/b", NOW - 3600, 10, 3600.0), "ok", "1h old"),
        (CopyFacts("/b", NOW - 3601, 10, 3600.0), "fail", "should be 1h at most"),
        (CopyFacts("/b", NOW - 60, 0), "fail", "and empty"),
        (CopyFacts("/b", NOW + 60, 10), "ok", "0s old"),
    ],
    ids=["not said", "gone", "empty", "young", "old", "of no size", "from the future"],
)
def test_copies_of_the_state(facts: CopyFacts, state: str, words: str) -> None:
    found = copies(facts, NOW)
    assert found.state == state and words in found.says
