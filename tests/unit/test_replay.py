"""Outage files that are none."""

from __future__ import annotations

import pytest

from bcp.kernel.errors import Invalid
from bcp.replay import load, shipped


@pytest.mark.parametrize("text", ["", "down", "[]", "- probe: smtp", "7", "~"])
def test_a_file_that_is_no_mapping_is_no_outage(tmp_path, text) -> None:
    """It is said what belongs in it, and where."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert (problem.rule, problem.file) == ("outage.shape", str(path)) and "version, name, start" in problem.message


def test_a_mapping_that_lacks_everything_is_judged_by_its_keys(tmp_path) -> None:
    """Another mistake."""
    path = tmp_path / "x.yaml"
    path.write_text("version: 1\n")
    with pytest.raises(Invalid) as caught:
        load(path)
    assert {p.rule for p in caught.value.problems} == {"missing-key"}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_outages_are_outages(name) -> None:
    file, document = load(shipped()[name])
    assert file.name == name and isinstance(document.data, dict)
