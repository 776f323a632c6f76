"""``report.json`` as it is written."""

from __future__ import annotations

import json

import pytest

from bcp.kernel.text import sound
from bcp.reports.write import _json


@pytest.mark.parametrize(
    "value",
    [{}, [], None, True, 0, -1.5, 1795867314.0449784, 1e-7, "", 'a "quoted" \\ line\n', "Überprüft \u2028 \x7f 😀",
     [[1], {"a": []}]],
    ids=repr,
)  # fmt: skip
def test_what_is_read_is_what_was_given(value: object) -> None:
    assert json.loads(_json({"x": value})) == {"x": value}


def test_people_can_read_it() -> None:
    """A line for each value, letters as they are, a line break at the end."""
    assert _json({"who": "Jürgen", "list": [1, {"a": None}]}) == (
        '{\n "who": "Jürgen",\n "list": [\n  1,\n  {\n   "a": null\n  }\n ]\n}\n'
    )


def test_half_a_character_of_a_vendor_ends_no_report() -> None:
    """It is mended where the file is written."""
    assert json.loads(sound(_json({"x": "a\udc80b", "y": 1}))).keys() == {"x", "y"}
