"""``bcp comms clocks``: what is due when, and which times cannot be meant."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bcp.cli import render
from bcp.cli.comms_clocks import _moment, clocks
from bcp.kernel.errors import Invalid

NOW = datetime(2026, 1, 22, tzinfo=UTC).timestamp()


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> None:
    """A folder without a configuration: the shipped clocks are shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BCP_CONFIG", raising=False)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-01-22T00:00Z", NOW),
        ("2026-01-22", NOW),
        ("2026-01-22T01:00+01:00", NOW),
        ("2025-12-31T12:00", NOW - 21.5 * 86_400),
    ],
)
def test_a_time_is_in_utc_unless_it_says_otherwise(text, wanted) -> None:
    assert _moment("aware", text, NOW) == wanted


@pytest.mark.parametrize("text", ["yesterday", "17:45", "2026-13-01", "9999-12-31T23:59Z", "0001-01-01", "1969-12-31"])
def test_a_time_that_cannot_be_meant_is_refused(text) -> None:
    with pytest.raises(Invalid, match="--aware") as caught:
        _moment("aware", text, NOW)
    assert caught.value.hint


def test_before_anybody_is_aware_nothing_has_begun(nowhere, capsys) -> None:
    clocks()
    told = capsys.readouterr().out
    assert "not begun" in told and "OVERDUE" not in told and "Not legal advice" in told


def test_what_is_overdue_and_what_is_due_is_counted_from_what_happened(nowhere, capsys, monkeypatch) -> None:
    clocks(aware="2025-01-01T00:00Z")
    assert "OVERDUE" in capsys.readouterr().out
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    clocks(aware="2025-01-01T00:00Z")
    found = json.loads(capsys.readouterr().out)["clocks"]
    begun = [c for c in found if c["due"]]
    assert begun and all(c["counted_from"] == "aware" and c["due"] > "2025-01-01" and c["source"] for c in begun)
    assert found[: len(begun)] == begun  # those that have not begun stand last


def test_an_organisations_own_clocks_are_shown_in_place_of_the_shipped(house, capsys, monkeypatch) -> None:
    (house.folder / "own.yaml").write_text(
        "version: 1\nclocks:\n  - {name: own, rule: Ours, recipient: board, counted_from: aware, within: 1h, "
        "at_most: {counted_from: classified, within: 30m}, source: a contract}\n"
    )
    config = house.folder / "bcp.yaml"
    config.write_text(config.read_text() + "regulators: own.yaml\n")
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    clocks(aware="2025-01-01T00:00Z", classified="2025-01-01T00:10Z")
    (found,) = json.loads(capsys.readouterr().out)["clocks"]
    assert (found["name"], found["due"], found["counted_from"]) == ("own", "2025-01-01T00:40:00Z", "classified")
