"""The number is a share and the answer is the worst promise; a trend is told only where something is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.readiness import NO_PLAYBOOK, Check, Point, State
from bcp.ready.course import trend
from bcp.ready.standing import each_once, level_of, number_of, standings, whole
from bcp.ready.words import going, grouped, prometheus, reasons, sentence

DAY = 86_400.0


def check(state: State, code: str = "c", subject: str = "s", *books: str, hint: str = "") -> Check:
    return Check(code, subject, state, f"{subject} is {state}.", hint, None, books)


@pytest.mark.parametrize(
    ("states", "level", "number"),
    [
        ([], "not-ready", 0),
        (["ok"], "ready", 100),
        (["ok", "risk"], "at-risk", 75),
        (["ok", "unknown"], "at-risk", 50),
        (["ok", "ok", "fail"], "not-ready", 66),
        (["ok"] * 199 + ["risk"], "at-risk", 99),
        (["fail"], "not-ready", 0),
    ],
)
def test_level_and_number(states: list[State], level: str, number: int) -> None:
    checks = [check(s) for s in states]
    assert (level_of(checks), number_of(checks)) == (level, number)


@given(st.lists(st.sampled_from(["ok", "risk", "fail", "unknown"]), max_size=40))
def test_a_hundred_means_everything(states: list[State]) -> None:
    checks = [check(s) for s in states]
    assert (number_of(checks) == 100) == (level_of(checks) == "ready") == (bool(states) and set(states) == {"ok"})


def test_of_several_words_about_one_thing_the_worst_counts_wherever_it_stands() -> None:
    """A vendor says three things of one account; that it is suspended does not stand behind that its number is fine."""
    said = [
        Check("channel", "sms", state, says)
        for state, says in (("fail", "suspended"), ("risk", "trial"), ("ok", "it can"))
    ]
    assert [[c.says for c in each_once(order)] for order in (said, said[::-1], said[1:], said[2:])] == [
        ["suspended"], ["suspended"], ["trial"], ["it can"],
    ]  # fmt: skip
    equal = [
        Check("channel", "sms", "ok", "first"),
        Check("disk", "", "ok", "d"),
        Check("channel", "sms", "ok", "last"),
    ]
    assert [c.says for c in each_once(equal)] == ["last", "d"]


def test_each_playbook_has_its_own_promises_and_those_of_all() -> None:
    checks = [
        check("ok", "disk", ""), check("fail", "dns", "d", "mover"), check("risk", "channel", "sms", "mover", "talker"),
        check("fail", "channel", "unused", *NO_PLAYBOOK),
    ]  # fmt: skip
    worst, best = standings({"talker": "Talk", "mover": "Move"}, checks)
    assert (worst.playbook, worst.level, worst.number, worst.promises) == ("mover", "not-ready", 50, 3)
    assert [c.code for c in worst.reasons] == ["dns", "channel"]
    assert (best.playbook, best.level, best.number, best.title) == ("talker", "at-risk", 75, "Talk")
    assert whole([worst, best]) == "not-ready" and whole([best]) == "at-risk" and whole([]) == "not-ready"


def test_the_sentence_names_what_is_worst() -> None:
    good = standings({"a": "A"}, [check("ok")])
    assert sentence(good) == "a is ready."
    both = standings({"a": "A", "b": "B"}, [check("ok")])
    assert sentence(both) == "All 2 playbooks are ready: every promise they rest on holds."
    bad = standings({"a": "A", "b": "B"}, [check("fail", "dns", "d", "a"), check("risk", "c", "x", "a", "b")])
    assert sentence(bad) == "1 of 2 playbooks is not ready: d is fail (and 1 more)."
    assert sentence(standings({"a": "A"}, [check("risk")])) == "a is at risk: s is risk."
    assert "Nothing is ready" in sentence([])


def test_reasons_are_told_once_the_worst_first_and_those_alike_together() -> None:
    many = [check("risk", "drill-age", f"book{i}", f"book{i}", hint="Rehearse.") for i in range(6)]
    found = reasons([check("ok"), *many, check("unknown", "u"), check("fail", "f"), check("fail", "f")])
    assert [c.code for c in found][:2] == ["f", "u"] and len(found) == 8
    told = grouped(found)
    assert [c.code for c in told] == ["f", "u", "drill-age"]
    assert told[2].says == "book0 is risk; the same of book1, book2, book3 and 2 more"
    assert told[2].playbooks == tuple(f"book{i}" for i in range(6))
    assert grouped(many[:3]) == many[:3]


@pytest.mark.parametrize(
    ("course", "way", "words"),
    [
        ([], "new", ""),
        ([Point(99 * DAY, "ready", 100)], "new", ""),
        ([Point(90 * DAY, "at-risk", 80), Point(99 * DAY, "ready", 100)], "better", "better than 7 days ago (80 %)"),
        ([Point(93 * DAY, "ready", 100), Point(94 * DAY, "at-risk", 80)], "worse", "worse than 7 days ago (100 %)"),
        ([Point(90 * DAY, "ready", 100)], "same", "the same as 7 days ago"),
    ],
)
def test_which_way_it_goes(course: list[Point], way: str, words: str) -> None:
    found = trend(course, 100 * DAY, 7 * DAY)
    assert found.way == way and going(found, 7) == words


def test_metrics_escape_what_they_name() -> None:
    bad = check("fail", "secret", 'a "quoted" \\ thing\nx', "p")
    text = prometheus(5.0, [bad, check("ok")], standings({"p": "P"}, [bad]))
    assert 'bcp_readiness_check{code="secret",subject="a \\"quoted\\" \\\\ thing x",state="fail"} 1' in text
    assert 'bcp_readiness_level{playbook="p"} 0' in text and 'bcp_readiness_percent{playbook="p"} 0' in text
    assert 'bcp_readiness_checks{state="ok"} 1' in text and text.endswith("bcp_readiness_looked_seconds 5\n")
