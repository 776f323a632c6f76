"""Every sentence of the front page and of ``bcp status`` in every situation that can be: what must hold in each.

By enumeration: states, stages, places of mail, watches that stopped, questions, runs that nobody works on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from bcp.detect.wording import ACTIONS, STAGES
from bcp.pages.front import Mails, Mx, Situation, if_nothing, next_step, numbers, page_tone, sentence

T = 1_769_109_000.0  # 2026-01-22 19:10:00 UTC
PLACES = {
    "home": Mx(False),
    "away": Mx(True, T + 120, ("corp.test",), "run-1", "book"),
    "back": Mx(False, T + 300),
    "left": Mx(False, left_by="run-1", left_at=T + 120),
    "returned": Mx(False, left_by="run-2", left_at=T + 300, back=True),
}
MAILS = (Mails(0, T + 500), Mails(42, T + 500), Mails(problem="mx-backup cannot say"))


def every() -> Iterator[Situation]:
    """All of them."""
    for state, stage, (_, mx), mails, looks, action, asked, stuck in product(
        ("healthy", "suspect", "down", "unknown"), ("", *STAGES), PLACES.items(), MAILS, ("now", "then", "never"),
        ("watch", "wait", "switch", "failback"), (0.0, T + 900), ("", "run-9"),
    ):  # fmt: skip
        yield Situation(
            "exchange-online", state, stage, "inbound transport" if state == "down" else "",
            T if state in {"down", "suspect"} else None, T + 600, looked=looks != "never", watching=looks == "now",
            proposal=ACTIONS[action], why="", mx=mx, mails=mails, decide_at=T + 700 if action == "wait" else None,
            asked_until=asked, asked_people=("alice",) if asked else (), looked_at=0.0 if looks == "never" else T + 500,
            stuck=stuck,
        )  # fmt: skip


EVERY = list(every())


def wrong(holds) -> list[Situation]:
    """Situations in which it does not hold."""
    return [s for s in EVERY if not holds(s)][:3]


def box(s: Situation, label: str) -> dict[str, object]:
    """One number; empty where it is not shown."""
    return next((dict(n) for n in numbers(s) if n["label"] == label), {})


def test_there_are_enough_of_them() -> None:
    """Each property below is judged thousands of times."""
    assert len(EVERY) > 10_000


def test_going_back_is_proposed_only_where_it_is_seen_to_work() -> None:
    """Mail on the relay, Exchange healthy, and something that looks."""

    def holds(s: Situation) -> bool:
        return "way back." not in next_step(s) or (s.mx.relay and s.state == "healthy" and s.watching)

    assert wrong(holds) == []


def test_mail_that_is_on_the_relay_is_never_proposed_to_be_moved_there() -> None:
    """Nor is a time to decide said."""

    def holds(s: Situation) -> bool:
        said = next_step(s)
        return not (s.mx.relay and (ACTIONS["switch"] in said or "decide in time" in said))

    assert wrong(holds) == []


def test_where_mail_goes_is_said_once_and_alike() -> None:
    """The sentence and the number agree; where nothing of ours knows, neither says Exchange."""

    def holds(s: Situation) -> bool:
        said, big = sentence(s), box(s, "Mail goes to")["big"]
        if s.mx.relay:
            return "backup relay since" in said and big == "backup relay"
        if s.mx.left_by and not s.mx.back:
            return "dns watch" in said and big == "not known"
        return "goes to the backup" not in said and big == "exchange-online"

    assert wrong(holds) == []


def test_a_run_that_nobody_works_on_is_the_next_thing() -> None:
    """Unless people are asked; it never says then that the way back runs."""

    def holds(s: Situation) -> bool:
        said = next_step(s)
        return s.stuck in said and "way back runs" not in said if s.stuck and not s.asked_until else True

    assert wrong(holds) == []


def test_nobody_is_told_to_do_nothing_while_mail_goes_to_what_is_down() -> None:
    """The way back runs, and the service is down again."""

    def holds(s: Situation) -> bool:
        back = s.stage in {"failback", "draining"} and s.state == "down" and s.watching
        if not back or s.asked_until or s.stuck or s.mx.doubt:
            return True
        return "bcp abort" in next_step(s) and "nothing" not in next_step(s)

    assert wrong(holds) == []


def test_only_what_was_counted_is_said_to_be_held() -> None:
    """No number of mails that the relay did not say, and none where mail does not go there."""

    def holds(s: Situation) -> bool:
        found = re.search(r"holds (\d+) mail", sentence(s))
        return (
            (int(found[1]) == s.mails.count and s.mx.relay) if found else not (s.mx.relay and s.mails.count is not None)
        )

    assert wrong(holds) == []


def test_what_was_seen_earlier_is_never_said_as_of_now() -> None:
    """Where nothing looks, no sentence says *is*, nothing is green, and the numbers say when it was seen."""

    def holds(s: Situation) -> bool:
        if s.watching:
            return True
        state = box(s, "State") or box(s, "Down for")
        told = "nothing looks now" in str(state["small"]) or "not looked at yet" in str(state["small"])
        green = page_tone(s) == "ok" or state["tone"] == "ok"
        return told and not green and f"{s.service} is {s.state}" not in sentence(s)

    assert wrong(holds) == []


def test_each_is_one_plain_line_that_ends() -> None:
    """No expression, no negative time, no empty place for a word."""
    bad = re.compile(r"  |None|nan|-\d+ ?(s|m|h)\b|\{|\(\)|: \.|\.\.")

    def holds(s: Situation) -> bool:
        return all(t.endswith((".", "?")) and not bad.search(t) for t in (sentence(s), next_step(s)))

    assert wrong(holds) == []


def test_what_happens_if_nothing_is_done_fits_where_mail_goes() -> None:
    """On the relay no sender waits; elsewhere nobody says that mail is kept."""
    clock = [(T + 700, "decide"), (T + 7200, "senders warn")]

    def holds(s: Situation) -> bool:
        said = " ".join(t for _, t in if_nothing(s, clock))
        return ("stays at the relay" in said) is s.mx.relay and ("senders warn" in said) is not s.mx.relay

    assert wrong(holds) == []


@pytest.mark.parametrize("state", ["healthy", "down", "unknown"])
def test_a_watch_that_stopped_says_since_when(state) -> None:
    """The page does not stay green for ever."""
    s = replace(EVERY[0], state=state, watching=False, looked=True, looked_at=T, now=T + 3600, since=None)
    assert "nothing has looked since (1h)" in sentence(s) and page_tone(s) == "warn"
