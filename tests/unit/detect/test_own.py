"""Clocks and places of ours."""

from __future__ import annotations

from bcp.detect.own import clock_words, cut_off, removed_words, skewed


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
