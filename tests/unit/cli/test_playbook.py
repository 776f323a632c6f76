"""``bcp playbook``: with a configuration and without one, and files that cannot be read."""

from __future__ import annotations

import json

import pytest
import typer
from support import ROOT

from bcp.cli import playbook, render
from bcp.kernel.errors import Invalid

SHIPPED = {p.stem for p in (ROOT / "playbooks").glob("*.yaml")}


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return render.OUT


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BCP_CONFIG", raising=False)


@pytest.fixture
def said(capsys):
    """What the command answered."""
    return lambda: json.loads(capsys.readouterr().out)


def test_without_a_configuration_the_shipped_ones_are_there(nowhere, said) -> None:
    playbook.list_()
    assert {p["name"] for p in said()["playbooks"]} == SHIPPED


def test_ones_own_stand_beside_them_and_a_broken_one_is_said(house, said, as_json, capsys) -> None:
    (house.folder / "playbooks" / "bad.yaml").write_text("version: 1\nname: [\n")
    playbook.list_()
    found = {p["name"]: p for p in said()["playbooks"]}
    assert set(found) == SHIPPED | {"bad"} and found["bad"]["error"]
    as_json.json = False
    playbook.list_()
    assert "cannot be read" in capsys.readouterr().out


def test_one_is_shown_as_it_is_written(house, said) -> None:
    name = min(SHIPPED)
    playbook.show(name)
    assert said()["text"] == (ROOT / "playbooks" / f"{name}.yaml").read_text().rstrip()


def test_one_that_there_is_not_or_that_is_no_text_is_refused(house) -> None:
    with pytest.raises(Invalid, match="no playbook 'exchange-failbakc'") as caught:
        playbook.show("exchange-failbakc")
    assert "exchange-failback" in caught.value.hint
    (house.folder / "playbooks" / "raw.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid, match="cannot read"):
        playbook.show("raw")


def test_what_is_shipped_has_no_error(nowhere, said) -> None:
    """By itself, without any configuration: names that only a configuration has are not looked for."""
    playbook.lint([str(ROOT / "playbooks" / f"{min(SHIPPED)}.yaml")])
    assert said()["errors"] == 0


def test_every_problem_of_every_file_is_listed(house, said, as_json, capsys) -> None:
    (house.folder / "playbooks" / "odd.yaml").write_text(
        "version: 1\nname: odd\ntitle: Odd\nactivation: [{id: a, uses: no.such}]\n"
    )
    with pytest.raises(typer.Exit) as ended:
        playbook.lint(["odd", "no/such/file.yaml"])
    found = said()
    assert ended.value.exit_code == 2 and found["errors"] >= 2
    as_json.json = False
    (house.folder / "playbooks" / "fine.yaml").write_text(
        "version: 1\nname: fine\ntitle: Fine\nconcurrency: {group: x}\n"
        "activation: [{id: t, uses: wait, with: {for: 1s}}]\n"
    )
    playbook.lint(["fine"])
    assert "1 playbook(s), nothing wrong." in capsys.readouterr().out


def test_the_schema_is_one_of_json(said) -> None:
    playbook.schema()
    assert said()["properties"]["version"]


@pytest.mark.parametrize("name", ["", "Big", "1st", "a b", "../x", "a\n", "x" * 65])
def test_a_name_that_is_none_makes_no_file(nowhere, tmp_path, name) -> None:
    with pytest.raises(Invalid, match="is not a name"):
        playbook.new(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_one_is_written_once_and_can_be_read(nowhere, tmp_path, said) -> None:
    playbook.new("mine", tmp_path)
    path = tmp_path / "mine.yaml"
    assert said()["file"] == str(path)
    playbook.lint([str(path)])
    assert said()["errors"] == 0
    before = path.read_bytes()
    with pytest.raises(Invalid, match="exists already"):
        playbook.new("mine", tmp_path)
    assert path.read_bytes() == before
