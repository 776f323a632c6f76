"""``readiness:`` and ``evidence:``: what is taken, and what is refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from unit.deeds.house import CONFIG

from bcp.kernel.errors import Invalid
from bcp.settings import load
from bcp.settings.readiness import EvidenceSettings, ReadinessSettings, WitnessSettings


def test_defaults_ask_nobody_and_tell_nobody() -> None:
    found = ReadinessSettings()
    assert (found.owner, found.time, found.copies, found.every) == ([], [], None, 900.0)
    assert not EvidenceSettings().timestamps and not EvidenceSettings().witnesses


@pytest.mark.parametrize(
    "given",
    [
        {"hour": "24:00"},
        {"hour": "8:00"},
        {"day": "monday"},
        {"expires": {"SLACK": "2027-01-31"}},
        {"expires": {"env:SLACK": "soon"}},
        {"expires": ["env:SLACK"]},
        {"time": ["http://ntp"]},
        {"time": ["ntp host"]},
        {"owners": []},
    ],
)
def test_what_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReadinessSettings.model_validate(given)


@pytest.mark.parametrize("server", ["ntp1.example.org", "192.0.2.1", "192.0.2.1:123", "[2001:db8::1]:123"])
def test_time_servers(server: str) -> None:
    assert ReadinessSettings(time=[server]).time == [server]


def test_a_day_that_yaml_takes_for_a_date_is_one() -> None:
    data = yaml.safe_load("expires: {'env:A': 2027-03-31, 'file:b': '2027-04-01'}")
    assert ReadinessSettings.model_validate(data).expires == {"env:A": "2027-03-31", "file:b": "2027-04-01"}


@pytest.mark.parametrize("given", [{}, {"folder": "/w", "channel": "mail"}, {"url": "ftp://x"}, {"url": "https://x y"}])
def test_a_witness_is_one_thing(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WitnessSettings.model_validate(given)


@pytest.mark.parametrize(
    ("policy", "good"), [("", True), ("1.2.3", True), ("9.1", False), ("1", False), ("a.b", False)]
)
def test_a_policy_is_an_object_identifier(policy: str, good: bool) -> None:
    given = {"timestamps": {"a": {"url": "https://tsa.test/tsr", "ca": "ca.pem", "policy": policy}}}
    if good:
        assert EvidenceSettings.model_validate(given).timestamps["a"].policy == policy
    else:
        with pytest.raises(ValidationError):
            EvidenceSettings.model_validate(given)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("readiness: {channels: [smss]}\n", "no such channel or role"),
        ("evidence: {witnesses: {a: {channel: smss}}}\n", "there is no such channel"),
    ],
)
def test_channels_that_are_not_there_are_named_with_their_line(tmp_path: Path, more: str, words: str) -> None:
    (tmp_path / "bcp.yaml").write_text(CONFIG + more)
    with pytest.raises(Invalid) as caught:
        load(tmp_path / "bcp.yaml")
    (problem,) = caught.value.problems
    assert words in problem.message and problem.rule == "unknown-reference" and problem.line


def test_paths_and_secrets_count_from_the_configuration(tmp_path: Path) -> None:
    more = "readiness: {copies: {folder: copies}}\nevidence: {key: 'file:k', witnesses: {a: {folder: w}}}\n"
    (tmp_path / "bcp.yaml").write_text(CONFIG + more)
    found = load(tmp_path / "bcp.yaml").settings
    assert found.readiness.copies.folder == tmp_path / "copies"
    assert found.evidence.witnesses["a"].folder == tmp_path / "w" and found.evidence.key.base == tmp_path
