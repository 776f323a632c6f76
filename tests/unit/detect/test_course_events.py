"""The course of an outage, event by event: exactly what each one changes, and nothing beside it."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from bcp.detect.course import AGE_S, EVENTS, Course, after_event, after_look, refusal
from bcp.detect.rules import Rules

RULES = Rules()
NOW = 5000.0
OLD = {"active_since": 10.0, "clear_since": 20.0, "quiet": True, "news_at": 30.0}


def changes(event, now=NOW, **known):
    """What an event changes."""
    course = Course(**known)
    before, after = asdict(course), asdict(after_event(course, event, now))
    return {k: v for k, v in after.items() if v != before[k]}


@pytest.mark.parametrize(
    ("event", "known", "right"),
    [
        ("decided", {}, {"standing": "decided"}),
        ("switched", OLD, {"standing": "active", "active_since": NOW, "clear_since": None, "quiet": False}),
        ("active", {}, {"standing": "active", "active_since": NOW}),
        ("failback", {"standing": "active"}, {"standing": "failback"}),
        ("draining", {"standing": "failback"}, {"standing": "draining"}),
        ("failed", {"standing": "failback"}, {"standing": "active"}),
        ("failed", {"standing": "draining"}, {"standing": "active"}),
        ("failed", {"standing": "decided"}, {"standing": "none"}),
        ("failed", {"standing": "active"}, {}),
        ("failed", {}, {}),
        ("undecided", {"standing": "decided"}, {"standing": "none"}),
        ("undone", {"standing": "active", **OLD}, {"standing": "none", "active_since": None}),
        (
            "back",
            {"standing": "draining", "dismissed": True, **OLD},
            {"standing": "none", "active_since": None, "outage": "over", "dismissed": False},
        ),
        ("back", {"standing": "draining"}, {"standing": "none", "outage": "over", "clear_since": NOW}),
        ("closed", {"standing": "active"}, {"standing": "none", "outage": "over", "clear_since": NOW}),
    ],
)
def test_what_a_run_does(event, known, right) -> None:
    """Its word is taken."""
    assert changes(event, **known) == right


@pytest.mark.parametrize(
    ("event", "known", "right"),
    [
        ("alert", {"dismissed": True}, {"alerts": True, "record": "opened", "dismissed": False, "news_at": NOW}),
        ("alert", {"record": "closed"}, {"alerts": True, "record": "opened", "news_at": NOW}),
        ("alert", {"record": "resolved"}, {"alerts": True, "record": "opened", "news_at": NOW}),
        ("alert", {"record": "declared"}, {"alerts": True, "news_at": NOW}),
        ("alerts_over", {"alerts": True, "record": "opened", "seen": "clear"}, {"alerts": False, "record": "resolved"}),
        ("alerts_over", {"alerts": True, "record": "opened"}, {"alerts": False, "record": "resolved"}),
        ("alerts_over", {"alerts": True, "record": "opened", "seen": "down"}, {"alerts": False}),
        ("alerts_over", {"alerts": True, "record": "opened", "seen": "suspect"}, {"alerts": False}),
        ("alerts_over", {"alerts": True, "record": "declared", "seen": "clear"}, {"alerts": False}),
        ("looked_down", {}, {"record": "declared", "news_at": NOW}),
        ("looked_down", {"dismissed": True}, {}),
        ("declared", {"dismissed": True}, {"record": "declared", "dismissed": False, "insisted": True, "news_at": NOW}),
        (
            "ended",
            {"record": "opened", "alerts": True, "insisted": True, "seen": "down"},
            {"record": "closed", "alerts": False, "insisted": False, "dismissed": True},
        ),
        ("ended", {"record": "declared", "seen": "suspect"}, {"record": "closed", "dismissed": True}),
        ("ended", {"record": "resolved", "seen": "clear", "dismissed": True}, {"record": "closed", "dismissed": False}),
        ("ended", {"record": "opened"}, {"record": "closed"}),
        (
            "reopened",
            {"record": "closed", "dismissed": True},
            {"record": "opened", "dismissed": False, "insisted": True, "news_at": NOW},
        ),
    ],
)
def test_what_people_and_senders_say(event, known, right) -> None:
    """A new word is news; who closes an incident while it is down is not asked about it again."""
    assert changes(event, **known) == right
    dismissed = after_event(Course(**known), event, NOW).dismissed
    assert dismissed is True or dismissed is False


@pytest.mark.parametrize(
    ("event", "known", "rule"),
    [
        ("ended", {}, "no-incident"),
        ("ended", {"record": "closed"}, "no-incident"),
        ("ended", {"record": "opened", "standing": "active"}, "run-stands"),
        ("ended", {"record": "opened", "standing": "decided"}, "run-stands"),
        ("ended", {"record": "opened"}, ""),
        ("ended", {"record": "resolved"}, ""),
        ("reopened", {}, "no-incident"),
        ("reopened", {"record": "opened"}, "incident-open"),
        ("reopened", {"record": "resolved"}, "incident-open"),
        ("reopened", {"record": "closed"}, ""),
        ("declared", {}, ""),
        ("alert", {}, ""),
    ],
)
def test_what_a_person_may_not_do(event, known, rule) -> None:
    """It changes nothing."""
    assert refusal(Course(**known), event) == rule
    assert bool(rule) is (changes(event, **known) == {})


def test_an_event_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match=f"'weather' is not one of {', '.join(EVENTS)}"):
        after_event(Course(), "weather", NOW)


# -- looks -------------------------------------------------------------------------------------------------------------


def looked(sees, now=NOW, **known):
    """What a round that sees this changes."""
    course = Course(**known)
    flags = {"down": sees == "down", "suspect": sees == "suspect", "clear": sees == "clear"}
    before, after = asdict(course), asdict(after_look(course, **flags, now=now, rules=RULES))
    return {k: v for k, v in after.items() if v != before[k]}


HALF_HOUR = 1800.0
CLEAR = {"seen": "clear", "clear_since": NOW - HALF_HOUR, "quiet": True}
BEFORE = {"seen": "clear", "clear_since": NOW - HALF_HOUR + 0.1}


@pytest.mark.parametrize(
    ("seen", "known", "right"),
    [
        ("down", {}, {"seen": "down", "outage": "found", "record": "declared"}),
        ("down", {"dismissed": True}, {"seen": "down", "outage": "found"}),
        ("down", {**CLEAR, "insisted": True}, {
            "seen": "down", "outage": "found", "record": "declared", "clear_since": None, "quiet": False}),
        ("suspect", {}, {"seen": "suspect"}),
        ("suspect", {"outage": "over"}, {"seen": "suspect", "outage": "none"}),
        ("suspect", {"outage": "found"}, {"seen": "suspect"}),
        ("unknown", {"seen": "down", "outage": "over"}, {"seen": "unknown"}),
        ("clear", {}, {"seen": "clear", "clear_since": NOW}),
        ("clear", {"outage": "over"}, {"seen": "clear", "clear_since": NOW, "outage": "none"}),
        ("clear", {**BEFORE, "outage": "found"}, {}),
        ("clear", {**CLEAR, "quiet": False, "outage": "found"}, {"quiet": True, "outage": "over"}),
        ("clear", {**CLEAR, "outage": "found", "standing": "active"}, {}),
        ("clear", {**CLEAR, "dismissed": True}, {"dismissed": False}),
        ("clear", {**BEFORE, "dismissed": True}, {}),
    ],
)  # fmt: skip
def test_what_a_look_changes(seen, known, right) -> None:
    """It is over when all was clear for half an hour, and nothing of ours stands."""
    assert looked(seen, **known) == right


BELIEVED = 180.0


@pytest.mark.parametrize(
    ("seen", "known", "record"),
    [
        ("clear", {"record": "opened", "news_at": NOW - BELIEVED, **BEFORE}, "resolved"),
        ("clear", {"record": "opened", "news_at": NOW - BELIEVED + 0.1, **BEFORE}, "opened"),
        ("clear", {"record": "declared", "news_at": NOW - BELIEVED, **BEFORE}, "resolved"),
        ("clear", {"record": "opened", "alerts": True, "news_at": 0.0, **BEFORE}, "opened"),
        ("clear", {"record": "opened", "insisted": True, "news_at": 0.0, **BEFORE}, "opened"),
        ("clear", {"record": "opened", "alerts": True, "news_at": 0.0, **CLEAR}, "resolved"),
        ("clear", {"record": "opened", "insisted": True, "news_at": 0.0, **CLEAR}, "resolved"),
        ("clear", {"record": "opened", "alerts": True, "news_at": NOW - 1799.9, **CLEAR}, "opened"),
        ("clear", {"record": "resolved", "news_at": 0.0, **CLEAR}, "closed"),
        ("clear", {"record": "resolved", "news_at": 0.0, **BEFORE}, "resolved"),
        ("clear", {"record": "resolved", "news_at": NOW - 1799.9, **CLEAR}, "resolved"),
        ("clear", {"record": "resolved", "standing": "active", "news_at": 0.0, **CLEAR}, "resolved"),
        ("clear", {"record": "closed", "news_at": 0.0, **CLEAR}, "closed"),
        ("suspect", {"record": "opened", "news_at": 0.0}, "opened"),
        ("unknown", {"record": "opened", "news_at": NOW - AGE_S}, "closed"),
        ("unknown", {"record": "resolved", "news_at": NOW - AGE_S}, "closed"),
        ("unknown", {"record": "opened", "news_at": NOW - AGE_S + 0.1}, "opened"),
        ("unknown", {"record": "declared", "news_at": NOW - AGE_S}, "declared"),
        ("unknown", {"record": "opened", "outage": "found", "news_at": NOW - AGE_S}, "opened"),
        ("unknown", {"record": "opened", "standing": "active", "news_at": NOW - AGE_S}, "opened"),
        ("suspect", {"record": "opened", "news_at": NOW - AGE_S}, "opened"),
    ],
)
def test_the_record_after_a_look(seen, known, record) -> None:
    """What somebody has just said outweighs a watch that needs some rounds; what nobody can see ends by age alone."""
    course = Course(**known)
    flags = {"down": False, "suspect": seen == "suspect", "clear": seen == "clear"}
    after = after_look(course, **flags, now=NOW, rules=RULES)
    assert after.record == record
    assert after.insisted is (course.insisted and record in {"opened", "declared"})


@pytest.mark.parametrize(
    ("known", "stage"),
    [
        ({}, "healthy"),
        ({"standing": "active"}, "active"),
        ({"standing": "active", "quiet": True}, "recovering"),
        ({"standing": "decided", "quiet": True, "outage": "found"}, "decided"),
        ({"standing": "failback"}, "failback"),
        ({"standing": "draining"}, "draining"),
        ({"outage": "found", "seen": "suspect"}, "confirmed"),
        ({"seen": "suspect", "outage": "over"}, "suspect"),
        ({"outage": "over"}, "closed"),
        ({"seen": "down"}, "healthy"),
    ],
)
def test_the_stage(known, stage) -> None:
    """What our runs leave standing says it before what is seen."""
    assert Course(**known).stage == stage
