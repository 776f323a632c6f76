"""One broken file per rule: each gets exactly one error, at its line, with something to do about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bcp.kernel.errors import Invalid, Problem
from bcp.playbook.catalogue import Catalogue, ChannelSpec
from bcp.playbook.lint import lint
from bcp.playbook.load import load
from bcp.settings import load as load_settings
from bcp.wiring import SHIPPED, action_specs, bare_catalogue

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.yaml"))
PEOPLE = {"group:oncall": 3, "alice": 1}


def catalogue() -> Catalogue:
    """A small organisation."""
    channels = {
        "sms": ChannelSpec("sms"),
        "slack": ChannelSpec("chat"),
        "status-page": ChannelSpec("page"),
        "teams": ChannelSpec("sms", ("microsoft",)),
    }
    return Catalogue(
        action_specs(),
        bare_catalogue().messages,
        {"employees": 3, "oncall": 3},
        channels,
        lambda r: PEOPLE.get(r, 0),
        {"mx-backup": ()},
        (),
        (),
        frozenset(p.stem for p in SHIPPED.glob("*.yaml")),
    )


def problems(path: Path) -> list[Problem]:
    """What is found in a file."""
    try:
        if path.name.startswith("cf-"):
            load_settings(path)
            return []
        return [p for p in lint(load(path), catalogue()) if p.severity == "error"]
    except Invalid as error:
        return error.problems


def test_there_are_enough() -> None:
    """At least sixty, as promised."""
    assert len(FILES) >= 60


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_one_exact_helpful_error(path: Path) -> None:
    """Whoever edits this at night must see what is wrong, and where."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    found = re.match(r"# expect: (\S+) (\d+)", first)
    assert found
    got = problems(path)
    assert [p.rule for p in got] == [found[1]], [str(p) for p in got]
    if int(found[2]):
        assert got[0].line == int(found[2]), str(got[0])
    assert got[0].column >= 1
    assert len(got[0].message) > 8
    assert "c2VjcmV0" not in str(got[0]) and "0123456789abcdef" not in str(got[0])


def test_the_command_says_it_too(cli) -> None:
    """Exit code 2, file:line:column, no traceback."""
    done = cli("playbook", "lint", str(HERE / "pb-unknown-need.yaml"))
    assert done.returncode == 2
    assert re.search(r"pb-unknown-need\.yaml:\d+:\d+: .*mxx", done.stdout)
    assert "Did you mean 'mx'?" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
