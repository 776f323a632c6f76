"""A serial that goes backwards at one server is an older zone: compared as RFC 1982 says, and said once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.dns import Serial
from bcp.mx.serials import CIRCLE, Backwards, Known, behind, look, sentence

ANY = st.integers(0, CIRCLE - 1)


@pytest.mark.parametrize(
    ("now", "before", "is_behind"),
    [
        (7, 7, False),
        (6, 7, True),
        (8, 7, False),
        (0, CIRCLE - 1, False),
        (CIRCLE - 1, 0, True),
        (2**31, 0, False),
        (0, 2**31, False),
        (1, 2**31, True),
        (2026112701, 2026112799, True),
    ],
)
def test_less_is_less_in_a_circle(now, before, is_behind) -> None:
    assert behind(now, before) is is_behind


@given(ANY, st.integers(1, 2**31 - 1))
def test_what_was_counted_up_is_not_behind_and_the_other_way_round_it_is(before, step) -> None:
    after = (before + step) % CIRCLE
    assert not behind(after, before) and behind(before, after)


def over(*numbers, address="192.0.2.1"):
    """What is said at each look."""
    known, out = Known(), []
    for n in numbers:
        known, said = look(known, [Serial("one.test", address, n)])
        out.append(said)
    return out


def test_it_is_said_the_second_time_in_a_row_and_once() -> None:
    one = Backwards("one.test", "192.0.2.1", 9, 4)
    assert over(9, 4, 4, 4) == [[], [], [one], []]
    assert over(9, 4, 9, 4) == [[], [], [], []], "one machine behind an address was late"
    assert over(9, 4, 5, 9, 8, 8)[2] and over(9, 4, 5, 9, 8, 8)[5], "after it caught up it is new"
    assert over(9, 10, 11, 11) == [[], [], [], []]
    assert over(9, 8, 8)[2] == [Backwards("one.test", "192.0.2.1", 9, 8)]


def test_each_server_is_compared_with_itself_alone() -> None:
    """A secondary is behind its primary; two hosts of one zone count by themselves."""
    known, said = look(Known(), [Serial("one.test", "192.0.2.1", 9), Serial("one.test", "192.0.2.2", 3)])
    for _ in range(3):
        known, said = look(known, [Serial("one.test", "192.0.2.2", 3), Serial("two.test", "192.0.2.1", 1)])
        assert said == []


def test_the_words_name_three_and_count_the_rest() -> None:
    text = sentence([Backwards(f"{n}.test", "192.0.2.1", 9, 4) for n in "abcde"])
    assert "c.test at 192.0.2.1: 9 before, 4 now; and 2 more." in text and "d.test" not in text
