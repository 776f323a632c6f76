"""Forecasts in sentences: every term has words, and the words carry the numbers."""

from __future__ import annotations

import pytest

from bcp.mx.forecast import Advice, Compared, Forecast, Parts, Term, forecast
from bcp.mx.forecast_words import DEEDS, WORDS, advice, comparison, rows, sentence

FOUND = forecast(Parts(360, 6900, 300, 2, 3600))


def test_the_sentence_has_first_late_and_what_dominates() -> None:
    assert sentence(FOUND) == (
        "the first mail would be at the relay 2h 6m after an outage begins, 95 % of it after 3h 11m; "
        "most of that is the decision time (1h 55m)"
    )


def test_the_advice_says_what_it_gives() -> None:
    deed = "a shorter detect: decide: (so that it adds 10m at most)"
    assert advice(FOUND.advice) == f"with {deed}, 95 % would be there 1h 45m sooner"
    assert advice(None) == ""


@pytest.mark.parametrize("term", list(Term))
def test_every_term_has_words_and_every_one_of_ours_a_deed(term) -> None:
    assert WORDS[term]
    if term is not Term.RETRY:
        assert "{" not in advice(Advice(term, 10, 5, 5)) and DEEDS[term]


def test_the_parts_say_what_the_approval_rests_on() -> None:
    assert ("the approval", "5m, assumed (plan: approval:)") in rows(FOUND)
    known = Forecast(FOUND.parts, 1, 2, Term.TTL, None, approvals=4)
    assert ("the approval", "5m, median of 4 approval(s)") in rows(known)
    assert [t for t, _ in rows(FOUND)] == list(WORDS.values())


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (Compared("switched", 600, 300), "MX moved after 5m, 5m sooner than forecast (10m)"),
        (Compared("first", 600, 900), "first mail at the relay after 15m, 5m later than forecast (10m)"),
        (Compared("first", 600, 600), "first mail at the relay after 10m, as forecast (10m)"),
    ],
)
def test_forecast_against_achieved(found, right) -> None:
    assert comparison(found) == right
