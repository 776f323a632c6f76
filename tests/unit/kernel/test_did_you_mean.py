"""What was probably meant."""

from __future__ import annotations

import pytest

from bcp.kernel.document import did_you_mean

BOOKS = ("exchange-inbound-outage", "exchange-outbound-failure", "exchange-tell-inbound")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("exchange-inbound", "exchange-inbound-outage"),
        ("exchange-tell-inbuond", "exchange-tell-inbound"),
        ("exchange-outbound-failur", "exchange-outbound-failure"),
    ],
)
def test_the_only_one_that_begins_so_goes_before_one_that_looks_like_it(word: str, meant: str) -> None:
    assert did_you_mean(word, BOOKS) == f"Did you mean {meant!r}?"


def test_a_beginning_that_is_not_the_only_one_decides_nothing() -> None:
    assert did_you_mean("abc", ("abcdefghijkl", "abcmnopqrstu")).startswith("Known: ")


def test_a_letter_or_two_are_no_beginning() -> None:
    assert did_you_mean("ex", ("exchange-failback",)) == "Known: exchange-failback."


def test_what_is_known_is_listed_and_cut_after_twenty() -> None:
    assert did_you_mean("zzz", ("a", "b")) == "Known: a, b."
    told = did_you_mean("zzz", (f"n{i:02}" for i in range(25)))
    assert told.startswith("Known: n00, ") and told.endswith("n19, ...")
    assert did_you_mean("zzz", ()) == ""
