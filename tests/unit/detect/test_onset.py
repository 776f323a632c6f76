"""When an outage began: who is believed, and what is only *at least*."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.detect.history import Incident
from bcp.detect.onset import UNKNOWN, Onset, choose, from_data, looked, one_outage, read_since, since_onset
from bcp.detect.rules import Rules
from bcp.detect.verdict import Decision
from bcp.kernel.errors import Invalid

NOW = 1_769_103_900.0  # 2026-01-22T17:45:00Z
HOUR = 3600.0


def outage(since: float, clear: float = 0.0, closed: float = 0.0) -> Incident:
    return Incident(since, since + 60, clear, closed, ("B",), "wait", "")


def test_a_persons_word_wins_over_everything() -> None:
    found = choose(
        NOW, said=NOW - 9, parent=Onset(NOW - 8, True, "watch"), watch=Onset(NOW - 7, True, "watch"), incident=NOW - 6
    )
    assert found == Onset(NOW - 9, True, "person")


def test_the_way_back_counts_from_where_its_run_counted() -> None:
    assert choose(NOW, parent=Onset(NOW - HOUR, False, "look"), incident=NOW - 6) == Onset(NOW - HOUR, False, "parent")


@pytest.mark.parametrize(("watch", "incident", "source"), [(50, 90, "incident"), (90, 50, "watch")])
def test_of_watch_and_incident_the_earlier_one(watch: float, incident: float, source: str) -> None:
    found = choose(NOW, watch=Onset(NOW - watch, True, "watch"), incident=NOW - incident)
    assert (found.at, found.source) == (NOW - 90, source)


@pytest.mark.parametrize("at", [NOW + 5, NOW - 31 * 86_400, 0.0])
def test_no_outage_begins_in_the_future_or_a_month_ago(at: float) -> None:
    assert choose(NOW, watch=Onset(at, True, "watch"), incident=at) == UNKNOWN


def test_what_only_our_own_look_saw_is_at_least() -> None:
    assert looked(UNKNOWN, NOW - 2, NOW) == Onset(NOW - 2, False, "look")
    assert looked(UNKNOWN, 0.0, NOW) == Onset(NOW, False, "start")
    assert looked(Onset(NOW - 99, True, "watch"), NOW - 2, NOW).at == NOW - 99


@pytest.mark.parametrize("bad", [None, {}, {"at": "x"}, {"at": True}, {"at": -1}, {"at": None}])
def test_what_is_no_onset_is_unknown(bad: dict[str, object] | None) -> None:
    assert from_data(bad) == UNKNOWN


def test_an_onset_survives_a_plan_file() -> None:
    found = Onset(NOW, True, "watch")
    assert from_data(found.to_data()) == found


# -- one outage, with pauses ------------------------------------------------------------------------------------------


def test_a_short_pause_is_no_end() -> None:
    first = outage(NOW - 3 * HOUR, clear=NOW - 2 * HOUR, closed=NOW - 2 * HOUR + 60)
    assert one_outage([first, outage(NOW - 2 * HOUR + 300)], gap_s=600) == first.since
    assert one_outage([first, outage(NOW - HOUR)], gap_s=600) == NOW - HOUR


def test_an_outage_that_is_over_is_not_this_one() -> None:
    assert one_outage([outage(NOW - HOUR, NOW - 60, NOW - 30)], 600) == 0.0
    assert one_outage([], 600) == 0.0


# -- what people say --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("45m", NOW - 45 * 60),
        ("1h30m", NOW - 5400),
        ("17:00", NOW - 45 * 60),
        ("9:30", NOW - (8 * HOUR + 15 * 60)),
        ("18:00", NOW - 86_400 + 15 * 60),
        ("2026-01-22T17:00Z", NOW - 45 * 60),
        ("2026-01-22T17:00", NOW - 45 * 60),
        ("2026-01-22T18:00+01:00", NOW - 45 * 60),
        (" 45m ", NOW - 45 * 60),
    ],
)
def test_ways_to_say_when(text: str, at: float) -> None:
    assert read_since(text, NOW) == at


@pytest.mark.parametrize("text", ["yesterday", "25:00", "2026-01-22T19:00Z", "2025-01-22", "99", "40d", "1:2:3:4"])
def test_what_is_no_time_is_refused_with_a_way_out(text: str) -> None:
    with pytest.raises(Invalid) as found:
        read_since(text, NOW)
    assert found.value.rule == "since"
    assert found.value.hint


# -- the decision clock -----------------------------------------------------------------------------------------------

SEEN = Decision(
    "down", ("B",), ("inbound",), NOW - 2, ("refused",), action="wait", decide_at=NOW - 2 + 2 * HOUR,
    clock=((NOW - 2 + 2 * HOUR, "decide"),), failing_now=True,
)  # fmt: skip


def test_the_clock_goes_on_where_it_was() -> None:
    found = since_onset(SEEN, Onset(NOW - HOUR, True, "watch"), Rules(), NOW)
    assert found.since == NOW - HOUR
    assert found.decide_at == NOW + HOUR
    assert (NOW + HOUR, "decide") in found.clock
    assert found.action == "wait"


def test_after_the_decision_time_a_person_decides() -> None:
    found = since_onset(SEEN, Onset(NOW - 3 * HOUR, True, "watch"), Rules(), NOW)
    assert found.action == "ask"
    assert "longer than the decision time" in found.why


def test_what_does_not_fail_now_is_not_asked_about() -> None:
    found = since_onset(replace(SEEN, failing_now=False), Onset(NOW - 3 * HOUR, True, "watch"), Rules(), NOW)
    assert found.action == "wait"


@pytest.mark.parametrize("state", ["healthy", "unknown"])
def test_nothing_that_works_has_a_beginning(state: str) -> None:
    seen = replace(SEEN, state=state)
    assert since_onset(seen, Onset(NOW - HOUR, True, "watch"), Rules(), NOW) is seen


def test_a_later_onset_changes_nothing() -> None:
    assert since_onset(SEEN, Onset(NOW - 1, True, "person"), Rules(), NOW) is SEEN
    assert since_onset(SEEN, UNKNOWN, Rules(), NOW) is SEEN
