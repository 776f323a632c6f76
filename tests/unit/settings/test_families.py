"""Sections of ``bcp.yaml`` that belong to plug-ins, where a package from outside cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bcp import registry
from bcp.kernel.document import parse
from bcp.kernel.errors import Problem
from bcp.settings.families import read_sections

CONFIG = """\
channels:
  page: {kind: pager}
  phone: {kind: ntfy, url: "https://ntfy.example.org", topic: mail-news}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package that brings ``channels/pager``, as pip would leave it; its module holds this text."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(source: str) -> None:
        (tmp_path / "acme_pager.py").write_text(source)
        info = tmp_path / "acme_pager-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-pager\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[bcp.plugins.channels]\npager = acme_pager\n")
        registry.forget()

    yield install
    registry.forget()
    sys.modules.pop("acme_pager", None)


def read(text: str = CONFIG) -> tuple[dict, list[Problem]]:
    """Settings of channels, and what is wrong."""
    problems: list[Problem] = []
    return read_sections(parse(text, "bcp.yaml"), problems)["channels"], problems


@pytest.mark.parametrize("source", ["raise RuntimeError('boom')", "def broken(:", "PLUGIN = 1", "raise SystemExit(1)"])
def test_a_package_that_cannot_be_used_is_a_problem_at_its_kind(package, source) -> None:
    """By its name and the line that asks for it; the other channels are read all the same."""
    package(source)
    channels, problems = read()
    (problem,) = problems
    assert (problem.rule, problem.file, problem.line) == ("plugin-broken", "bcp.yaml", 2)
    assert problem.column == CONFIG.splitlines()[1].index("pager") + 1
    assert "acme-pager 1.0" in problem.message and problem.hint and "Traceback" not in str(problem)
    assert set(channels) == {"phone"}


def test_a_kind_that_nobody_brings_is_another_problem() -> None:
    """It may be a slip of the pen."""
    _, problems = read()
    assert [p.rule for p in problems] == ["unknown-kind"]
