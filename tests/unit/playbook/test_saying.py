"""Expectations as a person reads them at night."""

from __future__ import annotations

import pytest

from bcp.playbook.saying import seen, wanted


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("outputs.state == 'healthy'", "state is healthy"),
        ("outputs.state == 'down' and outputs.class in ['B', 'E', 'F']", "state is down and class is B, E or F"),
        ("not outputs.by_relay", "not by relay"),
        ("outputs.by_relay", "by relay"),
        ("outputs.left == 0", "left is 0"),
        ("outputs.code not in [250]", "code is none of 250"),
        ("outputs.share >= 0.5 or outputs.count < 3", "share is at least 0.5 or count is less than 3"),
        ('outputs.state != "down"', "state is not down"),
        ("outputs.hosts | length > 2", "hosts | length is more than 2"),
    ],
)
def test_what_is_wanted(expression: str, words: str) -> None:
    assert wanted(expression) == words


@pytest.mark.parametrize(
    ("expression", "outputs", "words"),
    [
        ("outputs.state == 'healthy'", {"state": "down", "since": 1795807599.3662338, "why": "x"}, "state is down"),
        ("not outputs.by_relay", {"by_relay": True, "tag": "t"}, "by relay"),
        ("outputs.by_relay", {"by_relay": False}, "not by relay"),
        ("outputs.share > 0.5", {"share": 0.123456789}, "share is 0.123457"),
        ("outputs.state == 'down' and outputs.class == 'B'", {"state": "down", "class": ""}, "state is down"),
        ("outputs.none == 1", {"some": 1}, ""),
        ("outputs.table == 1", {"table": {"a": 1}}, ""),
        ("true", {"a": 1}, ""),
    ],
)
def test_what_is_there_is_only_what_was_asked_about(expression: str, outputs: dict[str, object], words: str) -> None:
    assert seen(expression, outputs) == words
