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
        (ClockFacts(NOW, None), "unknown"),
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
    assert bool(found.hint) == (wanted != "ok")


@pytest.mark.parametrize(
    ("facts", "wanted", "words"),
    [
        (ClockFacts(NOW, False, chrony="ntp1"), "ok", "chrony keeps it by ntp1"),
        (ClockFacts(NOW, None, chrony="ntp1"), "ok", "chrony keeps it by ntp1"),
        (ClockFacts(NOW, True, chrony=""), "risk", "chrony runs and follows no time server"),
        (ClockFacts(NOW, False, waits=True), "risk", "systemd-timesyncd runs and has not set"),
        (ClockFacts(NOW, False), "risk", "nothing keeps this machine's clock right, as its kernel says"),
        (ClockFacts(NOW, None), "unknown", "its kernel cannot be asked here"),
        (ClockFacts(NOW, True, error_s=DRIFT_S - 0.1), "ok", "as its kernel says, and no time server of ours"),
        (ClockFacts(NOW, True, error_s=9.0), "risk", "it may be 9s wrong, as its kernel reckons"),
        (ClockFacts(NOW, True, chrony="ntp1", error_s=9.0), "risk", "it may be 9s wrong, as chrony reckons"),
        (ClockFacts(NOW, None, (TimeAsked("t1", problem="no answer"),)), "unknown", "cannot be asked here"),
    ],
)
def test_who_vouches_for_it_is_said(facts: ClockFacts, wanted: str, words: str) -> None:
    """chrony without ``rtcsync`` tells the kernel nothing; a kernel whose time service died is sure for hours."""
    found = clock(facts)[-1]
    assert (found.code, found.state) == ("clock", wanted)
    assert words in found.says


def test_a_clock_that_is_kept_by_a_wrong_server_is_seen_by_the_other_one() -> None:
    for by, facts in (
        ("chrony keeps it by ntp1", ClockFacts(NOW, True, (TimeAsked("t1", 3600.0),), chrony="ntp1")),
        ("something keeps it right, as its kernel says", ClockFacts(NOW, True, (TimeAsked("t1", 3600.0),))),
    ):
        (found,) = clock(facts)
        assert (found.state, found.subject) == ("fail", "t1")
        assert found.says == "this machine's clock is 1h ahead of t1"
        assert found.hint.startswith(f"One of them is wrong, though {by}")


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
        (CopyFacts("/b", NOW + 86_400, 10), "risk", "is to come"),
    ],
    ids=["not said", "gone", "empty", "young", "old", "of no size", "from the next minute", "from the future"],
)
def test_copies_of_the_state(facts: CopyFacts, state: str, words: str) -> None:
    found = copies(facts, NOW)
    assert found.state == state and words in found.says
