"""The state folder is what YAML says it is, in whatever way it is written; every command finds the same one."""

from __future__ import annotations

from pathlib import Path

import pytest
from deeds.house import CONFIG

from bcp.cli.common import state_folder
from bcp.kernel.errors import Invalid
from bcp.settings import load


@pytest.mark.parametrize(
    "line",
    [
        "state: /x/y", 'state: "/x/y"', "state: '/x/y'  # here", "state : /x/y", '"state": /x/y', "'state' : /x/y",
        "state:\n  /x/y", "state: &here /x/y", "state: >-\n  /x/y", '"st\\u0061te": /x/y', "? state\n: /x/y",
        "state: !!str /x/y", 'state: "/x\\u002fy"',
    ],
)  # fmt: skip
def test_every_way_of_writing_it_leads_to_the_same_folder(tmp_path: Path, monkeypatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    (tmp_path / "bcp.yaml").write_text(CONFIG + line + "\n")
    assert state_folder() == Path("/x/y") == load(tmp_path / "bcp.yaml").state


@pytest.mark.parametrize("line", ["", "# state: /x", "x-notes: |\n  state: /x\n", "organisation2: {state: /x}"])
def test_the_word_elsewhere_is_not_the_folder(tmp_path: Path, monkeypatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    (tmp_path / "bcp.yaml").write_text(f"version: 1\n{line}\n")
    assert state_folder() == tmp_path.resolve() / ".bcp"


def test_what_is_no_yaml_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    (tmp_path / "bcp.yaml").write_text("state: [\n")
    with pytest.raises(Invalid) as found:
        state_folder()
    assert [p.rule for p in found.value.problems] == ["yaml.syntax"]
