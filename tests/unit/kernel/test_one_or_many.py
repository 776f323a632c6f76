"""How many, in words."""

from __future__ import annotations

import pytest

from bcp.kernel.text import one_or_many, plural


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1 of 1 domain(s) switched to r", "1 of 1 domain switched to r"),
        ("1 of 2 domain(s) switched to r", "1 of 2 domains switched to r"),
        ("1 domain(s) point to r already", "1 domain points to r already"),
        ("3 domain(s) point to r already", "3 domains point to r already"),
        (
            "1 approval(s) are needed and 0 person(s) could give one",
            "1 approval is needed and 0 persons could give one",
        ),
        ("4 recipient(s) of 1 message(s): 3 delivered", "4 recipients of 1 message: 3 delivered"),
        ("1 automatic run(s) in the last 24h", "1 automatic run in the last 24h"),
        ("1 von 1 Domain(s) auf r umgestellt", "1 von 1 Domain auf r umgestellt"),
        ("1 Domain(s) zeigen schon auf r", "1 Domain zeigt schon auf r"),
        ("11 mail(s) lost", "11 mails lost"),
        ("an http(s) URL; the scope(s) are locked", "an http(s) URL; the scope(s) are locked"),
    ],
)
def test_one_and_many_are_words(written, said) -> None:
    assert one_or_many(written) == said


def test_plural() -> None:
    assert plural(1, "is", "are") == "1 is" and plural(2, "mail") == "2 mails"
