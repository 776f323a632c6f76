"""Does the MX stay where a run put it? Only what all servers say together is an alarm."""

from __future__ import annotations

import pytest
from unit.mx.worlds import DOMAIN, OTHER, PRIMARY, RELAY

from bcp.contracts.dns import Answer, MxSet
from bcp.mx.stays import put_there, reverted, sentence

WANTED = {DOMAIN: RELAY}


def answer(mx: MxSet | None, problem: str = "", domain: str = DOMAIN) -> Answer:
    return Answer(domain, "192.0.2.1", mx, problem=problem)


@pytest.mark.parametrize(
    ("answers", "right"),
    [
        ([answer(RELAY)], {}),
        ([answer(PRIMARY)], {DOMAIN: str(PRIMARY)}),
        ([answer(None)], {DOMAIN: "no MX"}),
        ([answer(PRIMARY), answer(RELAY)], {}),  # one is behind, or ahead
        ([answer(OTHER), answer(PRIMARY)], {DOMAIN: str(OTHER)}),
        ([answer(None, "no answer")], {}),  # silence says nothing
        ([answer(PRIMARY), answer(None, "no answer")], {DOMAIN: str(PRIMARY)}),
        ([answer(MxSet(RELAY.hosts, 9))], {}),  # a form may have a TTL of its own
        ([answer(PRIMARY, domain="other.test")], {}),
        ([], {}),
    ],
)
def test_when_it_is_an_alarm(answers, right) -> None:
    assert reverted(answers, WANTED) == right


def test_where_a_run_put_what() -> None:
    """Items of a loop, domains that were left, and outputs of other steps."""
    outputs = [
        {"after": {DOMAIN: RELAY.to_data(), "left.test": RELAY.to_data()}, "left": {"left.test": {"why": "x"}}},
        {"after": "odd"},
        {"accepted_by": "x"},
        {"after": {"two.test": OTHER.to_data(), "odd.test": 7}},
    ]
    assert put_there(outputs) == {DOMAIN: RELAY, "two.test": OTHER}


def test_the_words_name_three_and_count_the_rest() -> None:
    text = sentence({f"d{i}.test": "0 a.test. (TTL 5)" for i in range(5)})
    assert "d0.test is 0 a.test. (TTL 5) now" in text and "and 2 more" in text and "d4" not in text
    assert "more" not in sentence({DOMAIN: "no MX"})
