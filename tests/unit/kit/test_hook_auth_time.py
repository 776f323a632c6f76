"""Signed times as strangers write them: before a signature is judged, and never an exception."""

from __future__ import annotations

import pytest

from bcp.kit.hook_auth import fresh


@pytest.mark.parametrize(
    "moment", ["", "x", "9" * 400, "9" * 5000, "-" + "9" * 400, "1e3", "²", "nan", "\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_a_time_that_is_none_is_not_fresh(moment) -> None:
    assert not fresh(moment, 1000.0, 300.0)


def test_a_time_is_fresh_within_its_window() -> None:
    assert fresh("700", 1000.0, 300.0) and fresh(" 1300 ", 1000.0, 300.0)
    assert not fresh("699", 1000.0, 300.0) and not fresh("1301", 1000.0, 300.0)
