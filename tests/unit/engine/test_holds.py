"""What a write and an undo rest on, judged again: every way in which it can have ceased to hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.engine.holds import CONSENT_S, SAID, Against, Ground, against_undo, consented, still_holds

GOOD = Ground(now=1000.0, made=900.0, expires=4500.0, leased=True, began="down", seen="down")


def rules(ground: Ground) -> list[str]:
    return [b.rule for b in still_holds(ground)]


def test_what_still_holds_is_done() -> None:
    """Nothing changed: nothing is said."""
    assert rules(GOOD) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"leased": False}, "lease-lost"),
        ({"now": 800.0}, "clock-set-back"),
        ({"now": 4500.1}, "plan-expired"),
        ({"unapproved": ("approve",)}, "approval-void"),
        ({"seen": "healthy"}, "service-well"),
        ({"back": True, "began": "healthy", "seen": "down"}, "service-down"),
        ({"against": (Against("outage-is-real", "steady-state", "it is healthy"),)}, "steady-state"),
        ({"moved": ("mx finds another MX than the plan",)}, "facts-moved"),
    ],
)
def test_each_thing_that_no_longer_holds_is_named(change: dict, rule: str) -> None:
    """One by one."""
    assert rules(replace(GOOD, **change)) == [rule]


@pytest.mark.parametrize(
    "change",
    [
        {"now": 840.0},  # within what clocks differ by
        {"now": 4500.0},
        {"seen": "unknown"},  # the playbook's own check decides, not the veto
        {"began": "", "seen": ""},
        {"began": "healthy", "seen": "healthy", "back": True},
        {"began": "healthy", "seen": "unknown", "back": True},  # what nobody can see decides nothing
        {"began": "healthy", "seen": "down"},  # a planned switch is no way back
    ],
)
def test_what_is_no_reason(change: dict) -> None:
    """At the edges."""
    assert rules(replace(GOOD, **change)) == []


def test_the_gravest_comes_first() -> None:
    """Who lost the target says that before anything else."""
    bad = replace(GOOD, leased=False, now=9000.0, seen="healthy", moved=("x",))
    assert rules(bad) == ["lease-lost", "plan-expired", "service-well", "facts-moved"]


STATES = ("healthy", "suspect", "down", "unknown", "")


@pytest.mark.parametrize("seen", STATES)
@pytest.mark.parametrize("began", STATES)
def test_an_undo_never_moves_mail_to_where_a_look_says_dead(began: str, seen: str) -> None:
    """Enumerated: towards the primary and towards the relay."""
    towards_primary, towards_relay = against_undo("primary", began, seen), against_undo("relay", began, seen)
    if seen == "down":
        assert towards_primary == "primary-down" and towards_relay == ""
    elif seen == "healthy":
        assert towards_primary == "" and towards_relay == "primary-well"
    else:
        assert towards_primary == ("primary-unseen" if began == "down" else "")
        assert towards_relay == ("primary-unseen" if began == "healthy" else "")


@given(st.sampled_from(["primary", "relay"]), st.sampled_from(STATES), st.sampled_from(STATES))
def test_every_code_has_words(towards: str, began: str, seen: str) -> None:
    """Else a person reads a code."""
    code = against_undo(towards, began, seen)
    assert not code or SAID[code]


@pytest.mark.parametrize(
    ("codes", "code", "age", "counts"),
    [
        ((), "", 0.0, False),
        (("plain",), "", 0.0, True),
        (("plain",), "primary-down", 0.0, False),
        (("plain", "primary-down"), "primary-down", 0.0, True),
        (("plain", "primary-unseen"), "primary-down", 0.0, False),
        (("plain", "primary-down"), "", CONSENT_S, True),
        (("plain", "primary-down"), "primary-down", CONSENT_S + 0.1, False),
    ],
)
def test_a_yes_counts_for_what_was_shown_and_not_for_ever(codes, code, age, counts) -> None:
    """Another consequence, or too long ago: people are asked again."""
    assert consented(codes, code, 1000.0, 1000.0 + age) is counts


def test_a_domain_that_works_again_is_not_moved() -> None:
    """Though the others still fail."""
    assert [b.rule for b in still_holds(replace(GOOD, well=("b.example",)))] == ["domain-well"]


def test_a_domain_that_nobody_sees_any_more_is_not_moved_and_not_said_to_work() -> None:
    (broken,) = still_holds(replace(GOOD, unseen=("b.example",)))
    assert broken.rule == "domain-unseen" and "nobody sees" in broken.said and "works" not in broken.said


def test_what_was_moved_is_told_as_it_was_found() -> None:
    """And a rule by its step."""
    bad = replace(GOOD, moved=("mx finds another MX than the plan",), against=(Against("relay", "r", "it is full"),))
    assert [b.said for b in still_holds(bad)] == ["relay: it is full", "mx finds another MX than the plan"]
