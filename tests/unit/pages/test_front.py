"""The front page's words: one sentence, what to do next, the numbers. By enumeration over what can be."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from bcp.detect.due import clock_of
from bcp.detect.wording import ACTIONS
from bcp.pages.front import Mails, Mx, Situation, if_nothing, next_step, numbers, page_tone, sentence

T = 1_769_109_000.0  # 2026-01-22 19:10:00 UTC
HOME, AWAY = Mx(False), Mx(True, T + 120, ("corp.test", "corp.example"), "run-1", "book")
WELL = Situation(
    "exchange-online",
    "healthy",
    "healthy",
    "",
    None,
    T + 600,
    looked=True,
    watching=True,
    proposal="nothing to do",
    why="all is well",
    mx=HOME,
)
DOWN = replace(
    WELL,
    state="down",
    stage="decided",
    what="inbound transport",
    since=T,
    proposal=ACTIONS["wait"],
    why="mail waits",
    decide_at=T + 900,
)
HELD = replace(
    DOWN,
    stage="active",
    mx=AWAY,
    mails=Mails(42, T + 590),
    proposal="hold",
    why="the relay takes the mail",
    decide_at=None,
)


def value(s: Situation, label: str) -> str:
    return next(str(n["big"]) for n in numbers(s) if n["label"] == label)


def test_the_sentence_says_the_state_since_when_and_where_mail_goes() -> None:
    assert sentence(WELL) == "exchange-online is healthy. MX points to it."
    assert sentence(DOWN) == "exchange-online is down since 19:10 UTC (inbound transport). MX still points to it."
    assert sentence(HELD) == (
        "exchange-online is down since 19:10 UTC (inbound transport)."
        " Mail of 2 domains goes to the backup relay since 19:12 UTC, which holds 42 mails."
    )
    assert sentence(replace(HELD, state="healthy", mails=Mails(1, T))).endswith("which holds 1 mail.")
    assert sentence(replace(HELD, now=T + 5400, mails=Mails(42, T + 400))).endswith("which held 42 mails at 19:16 UTC.")
    assert sentence(replace(HELD, mails=Mails())).endswith("goes to the backup relay since 19:12 UTC.")
    assert sentence(replace(WELL, state="unknown")) == "exchange-online is unknown. MX was not moved."
    assert sentence(replace(DOWN, state="unknown")) == (
        "exchange-online is unknown: nothing can see it now, and it was failing since 19:10 UTC. MX was not moved."
    )


def test_a_run_that_holds_and_that_nobody_works_on_is_said_before_people_miss_the_news() -> None:
    assert next_step(HELD) == "Next: hold: the relay takes the mail."
    told = next_step(replace(HELD, alone="run-1"))
    assert told.startswith("Next: hold: the relay takes the mail. Nobody works on run-1, so people hear no news")
    assert "`bcp resume run-1`" in told and "`bcp serve`" in told


def test_times_are_the_readers_own() -> None:
    assert "since 20:10 CET" in sentence(replace(DOWN, zone="Europe/Berlin"))


@pytest.mark.parametrize(("state", "mx"), list(product(("healthy", "suspect", "down", "unknown"), (HOME, AWAY))))
def test_where_mail_goes_is_said_in_every_state_and_never_wrongly(state, mx) -> None:
    said = sentence(replace(DOWN, state=state, mx=mx))
    assert ("backup relay" in said) is mx.relay and f"is {state}" in said
    assert value(replace(DOWN, state=state, mx=mx), "Mail goes to") == (
        "backup relay" if mx.relay else "exchange-online"
    )


def test_a_question_that_waits_comes_before_everything() -> None:
    asked = replace(HELD, state="healthy", asked_until=T + 900, asked_people=("alice", "bob"))
    assert next_step(asked) == "Next: an answer by alice or bob until 19:25 UTC. Without one, nothing is done."
    assert "by " not in next_step(replace(asked, asked_people=tuple("abcdefg")))[:20]
    by_hand = next_step(replace(asked, asked_deed=True, asked_people=("alice",)))
    assert by_hand.startswith("Next: alice does by hand what is asked for, until 19:25 UTC. The run goes on by itself")
    assert "an answer" not in by_hand, "the servers are believed, not what anybody says"


def test_the_next_step_has_a_time_where_there_is_one() -> None:
    assert next_step(DOWN) == "Next: prepare; decide in time (until 19:25 UTC): mail waits."
    assert "(now)" in next_step(replace(DOWN, now=T + 901))
    assert next_step(HELD) == "Next: hold: the relay takes the mail."
    assert next_step(replace(HELD, state="healthy", stage="recovering", why="")) == "Next: plan the way back."
    assert next_step(replace(HELD, state="healthy", stage="active")).startswith("Next: hold")


def test_what_fails_again_on_the_way_back_is_looked_at() -> None:
    back = replace(HELD, stage="draining", mx=HOME, why="mail is on its way back, and it fails again")
    assert next_step(back).startswith("Next: decide whether mail goes to the relay again: ")
    assert next_step(replace(back, state="healthy")).startswith("Next: nothing; the way back runs")


def test_nobody_who_looks_is_the_next_thing_to_mend() -> None:
    blind = replace(WELL, watching=False)
    assert "nothing looks" in next_step(blind) and page_tone(blind) == "warn"


@pytest.mark.parametrize(
    ("s", "colour"),
    [
        (WELL, "ok"),
        (DOWN, "bad"),
        (HELD, "bad"),
        (replace(HELD, state="healthy"), "warn"),
        (replace(WELL, state="suspect"), "warn"),
        (replace(WELL, state="unknown"), "warn"),
    ],
)
def test_the_colour(s, colour) -> None:
    """Green is only what is well and at home: mail that still lies at the relay is not."""
    assert page_tone(s) == colour


def test_if_nothing_is_done_knows_where_mx_is() -> None:
    """While MX points to what fails, senders give up; on the relay none does."""
    clock = clock_of(("B",), T, T + 900)
    home = if_nothing(DOWN, clock)
    assert [at for at, _ in home] == [at for at, _ in clock] and any("give up" in text for _, text in home)
    assert (T + 900, "the time to decide is over") in home
    away = if_nothing(replace(HELD, news_at=T + 1800), clock)
    assert away[0] == (T + 1800, "people hear from us again") and "stays at the relay" in away[1][1]
    assert not any("give up" in text or "decide" in text for _, text in away)
    assert "works again" in if_nothing(replace(HELD, state="healthy"), clock)[0][1]
    assert if_nothing(replace(HELD, news_at=T), clock)[0][0] == 0.0  # no news in the past


def test_the_numbers_that_matter() -> None:
    assert value(WELL, "State") == "healthy" and value(WELL, "Next decision") == "none due"
    assert value(DOWN, "Down for") == "10m" and value(DOWN, "Next decision in") == "5m"
    assert value(HELD, "Mails held") == "42" and value(HELD, "Next decision") == "none due"
    assert value(replace(HELD, mails=Mails(problem="mx-backup cannot say")), "Mails held") == "not known"
    assert value(replace(DOWN, now=T + 1000), "Next decision") == "now"
    assert "Mails held" not in {n["label"] for n in numbers(DOWN)} and "People told" not in {
        n["label"] for n in numbers(DOWN)
    }


def test_people_told_and_answered() -> None:
    told = replace(HELD, told=12, failed=2, answered=0)
    assert value(told, "People told") == "12" and value(told, "Answered") == "none yet"
    assert next(n for n in numbers(told) if n["label"] == "People told")["small"] == "2 not reached"
    assert value(replace(told, answered=3, failed=0), "Answered") == "3"


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    assert value(replace(DOWN, now=T - 3600), "Down for") == "0s"


def test_what_counts_on_by_itself_carries_its_time() -> None:
    assert next(n for n in numbers(DOWN) if n["label"] == "Down for")["since"] == T
    assert next(n for n in numbers(DOWN) if n["label"] == "Next decision in")["until"] == T + 900
