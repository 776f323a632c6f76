"""Clocks and places of ours."""

from __future__ import annotations

import pytest

from bcp.contracts.probe import Result, Signal
from bcp.detect.own import came_through, clock_words, cut_off, removed_words, skewed


def test_the_time_that_most_agree_on_is_right() -> None:
    """Ours may be the wrong one; with two clocks ours is believed."""
    assert skewed({"b": 25_200.0}, "a", 300) == {"b": 25_200.0}
    assert skewed({"b": -10_800.0, "c": -10_799.0}, "a", 300) == {"a": 10_799.0} or skewed(
        {"b": -10_800.0, "c": -10_799.0}, "a", 300
    ) == {"a": 10_800.0}
    assert skewed({"b": 300.0, "c": -300.0}, "a", 300) == {}
    assert skewed({"b": 301.0, "c": 0.0}, "a", 300) == {"b": 301.0}
    assert skewed({}, "a", 300) == {}


def test_words_for_what_is_ours() -> None:
    """Each names the place."""
    assert cut_off("x", {"*", "smtp"}) == [
        ("x", "every control probe fails: its own network is down, what it says is unknown")
    ]
    assert [t for _, t in cut_off("x", {"smtp", "dns"})] == [
        f"control probes over {m} fail: what it says over {m} is unknown" for m in ("dns", "smtp")
    ]
    assert cut_off("x", ()) == []
    assert "+25200 s" in clock_words("x", 25_200)[1]
    assert removed_words(["smtp-1"])[0][0] == "smtp-1"


@pytest.mark.parametrize(
    ("kind", "controls", "through"),
    [
        ("4xx-rcpt", ["timeout"], True),
        ("rejects", ["refused"], True),
        ("throttled", [""], True),
        ("4xx-greeting", [], True),
        ("4xx-rcpt", ["4xx-greeting"], False),
        ("4xx-rcpt", ["timeout", "5xx"], False),
        ("timeout", ["timeout"], False),
        ("closed", ["refused"], False),
        ("", ["timeout"], False),
    ],
)
def test_an_answer_of_the_service_came_through_whoever_else_is_dead(kind, controls, through) -> None:
    """A filter that answers for everybody answers the control too, and then nothing came through."""

    def look(kind):
        return Signal("p", "inbound", Result.FAIL, 0.0, kind)

    assert came_through(look(kind), [look(c) for c in controls]) is through
