"""What is said of many domains is one line."""

from __future__ import annotations

from bcp.plan.alike import together


def test_a_reason_is_said_once_with_the_first_domains() -> None:
    """In the order in which the reasons came; a domain that is named twice counts once."""
    ended = [f"d{n}.example: the credential has ended" for n in (1, 1, 2, 3, 4, 5)]
    assert together([*ended[:3], "the clock is off", *ended[3:], "x.example: no zone"]) == [
        "d1.example, d2.example, d3.example and 2 more: the credential has ended",
        "the clock is off",
        "x.example: no zone",
    ]


def test_what_another_one_says_alone_is_not_said_twice() -> None:
    """A check before a step gives the step's own reason; one that only sounds like it is another."""
    assert together(["mx: no zone: ask", "no zone: ask", "mx: and no zone: ask", "no zone"]) == [
        "no zone: ask",
        "mx: and no zone: ask",
        "no zone",
    ]
