"""What makes no sense in an outage file is said at its place; what is probably not meant is played, and said too."""

from __future__ import annotations

from typing import Any

import pytest

from bcp.detect.scenario import OutageFile
from bcp.detect.sense import nonsense

FAILS = {"at": "30m", "until": "1h", "probe": "smtp", "result": "fail", "kind": "4xx"}


def found(**changes: Any) -> list[tuple[tuple[str | int, ...], bool, str]]:
    data: dict[str, Any] = {
        "version": 1,
        "name": "x",
        "title": "X",
        "start": "2026-01-01T00:00:00Z",
        "length": "2h",
        "vantages": ["a", "b"],
        "truth": "B",
        "probes": {
            "smtp": {"kind": "smtp", "domains": ["One.example"]},
            "mx": {"kind": "dns", "parts": {"domain": ["two.example"]}},
        },
        "timeline": [FAILS],
        "expect": [{"never": True, "action": "switch"}],
    }
    return [(x.place, x.error, x.says) for x in nonsense(OutageFile.model_validate({**data, **changes}))]


def test_a_file_that_makes_sense() -> None:
    """To its last minute, and with every word that has a meaning."""
    assert found() == []
    assert found(timeline=[FAILS | {"at": "2h", "until": "3h"}], truth=[{"from": "2h", "class": "B"}]) == []
    assert found(timeline=[FAILS | {"kind": "own-thing"}, FAILS | {"kind": 429}, FAILS | {"kind": ""}]) == []
    assert found(truth=[{"class": "A", "domain": "one.example"}, {"class": "B", "domain": "Two.example"}]) == []


@pytest.mark.parametrize(
    ("changes", "place", "says"),
    [
        ({"length": "0s"}, ("length",), "nothing can be played in no time"),
        ({"vantages": ["a", "b", "a"]}, ("vantages", 2), "the vantage point 'a' stands here twice"),
        (
            {"timeline": [FAILS, FAILS | {"at": "121m", "until": "3h"}]},
            ("timeline", 1, "at"),
            "it begins when all is over",
        ),
        ({"timeline": [FAILS | {"until": "30m"}]}, ("timeline", 0, "until"), "it ends before it begins"),
        (
            {"timeline": [FAILS | {"until": "2025-01-01T00:00:00Z"}]},
            ("timeline", 0, "until"),
            "it ends before it begins",
        ),
        ({"truth": [{"from": "1h", "until": "30m", "class": "B"}]}, ("truth", 0, "until"), "it ends before it begins"),
        ({"truth": [{"until": "0s", "class": "B"}]}, ("truth", 0, "until"), "it ends before it begins"),
        ({"truth": [{"from": "3h", "class": "B"}]}, ("truth", 0, "from"), "it begins when all is over"),
    ],
)
def test_what_cannot_be_played(changes, place, says) -> None:
    """An error at that place."""
    assert (place, True, says) in found(**changes)


@pytest.mark.parametrize(
    ("changes", "place", "says"),
    [
        ({"truth": []}, (), "it names no truth, so nothing tells harm from help"),
        (
            {"truth": [{"class": "B", "domain": "three.example"}]},
            ("truth", 0, "domain"),
            "no probe looks at three.example apart",
        ),
        (
            {"timeline": [FAILS | {"kind": "bogous"}]},
            ("timeline", 0, "kind"),
            "'bogous' is no word for what was seen; it counts as broken",
        ),
    ],
)
def test_what_is_probably_not_meant(changes, place, says) -> None:
    """A warning at that place."""
    assert found(**changes) == [(place, False, says)]


@pytest.mark.parametrize("kind", [True, 1.5, ["x"]])
def test_what_was_seen_is_a_word_or_a_number_of_http(kind) -> None:
    """YAML reads 429 as a number; nothing else is one."""
    with pytest.raises(ValueError, match="kind"):
        found(timeline=[FAILS | {"kind": kind}])


def test_an_action_that_there_is_none_of_is_refused() -> None:
    """Else *never: swich* would hold for ever."""
    with pytest.raises(ValueError, match="'swich' is not one of none, watch, wait, switch"):
        found(expect=[{"never": True, "action": "swich"}])
