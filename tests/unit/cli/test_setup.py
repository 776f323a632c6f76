"""``bcp init`` and ``bcp config``: a first configuration that can be read, and nothing overwritten."""

from __future__ import annotations

import json
import re

import pytest

from bcp.cli import render, setup


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch) -> None:
    """An empty folder, with nobody at a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    monkeypatch.setattr(render, "OUT", render.Output(json=True))


def test_a_configuration_is_checked_with_all_that_it_names(house, capsys) -> None:
    setup.check()
    found = json.loads(capsys.readouterr().out)
    assert (found["domains"], found["contacts"], found["empty_audiences"]) == (["corp.test"], 3, [])
    config = house.folder / "bcp.yaml"
    config.write_text(config.read_text().replace("{groups: [staff]}", "{groups: [nobody]}"))
    render.OUT.json = False
    setup.check()
    assert "nobody is in the audience 'staff'" in capsys.readouterr().out


def test_a_secret_that_is_not_here_is_said_and_its_value_never(house, capsys, monkeypatch) -> None:
    """*Nothing wrong* is said of what was looked at whole. It may be set where the daemon runs: no error."""
    config = house.folder / "bcp.yaml"
    config.write_text(config.read_text().replace("file:alice.code", "env:CODE_OF_ALICE"))
    render.OUT.json = False
    setup.check()
    said = capsys.readouterr().out
    assert "nothing wrong" not in said and "warning: approvals: codes: alice" in said, said
    assert "the environment variable CODE_OF_ALICE is not set" in said and "bcp doctor" in said
    monkeypatch.setenv("CODE_OF_ALICE", "kiwi-tulip-43")
    setup.check()
    said = capsys.readouterr().out
    assert "CODE_OF_ALICE" not in said and "kiwi-tulip-43" not in said


def test_a_domain_of_which_nothing_is_known_is_no_nothing_wrong(house, capsys) -> None:
    """No primary and no snapshot: nothing looks, and there is no way back. A snapshot of peace mends it."""
    config = house.folder / "bcp.yaml"
    before = config.read_text()
    config.write_text(re.sub(r"primary: \[\{[^]]*\]", "primary: []", before))
    assert config.read_text() != before
    setup.check()
    assert json.loads(capsys.readouterr().out)["without_primary"] == ["corp.test"]
    render.OUT.json = False
    setup.check()
    said = capsys.readouterr().out
    assert (
        "nothing wrong" not in said and "domains: corp.test: primary: is not given" in said and "bcp snapshot" in said
    )
    config.write_text(before)
    setup.check()
    assert "primary:" not in capsys.readouterr().out


def test_the_schema_knows_every_family(capsys) -> None:
    setup.schema()
    found = json.loads(capsys.readouterr().out)
    assert {"dns", "relays", "channels", "domains"} <= set(found["properties"])
