"""A line that cannot be understood says what was meant, in the form that was asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from bcp.cli import main as entry
from bcp.cli.render import OUT
from bcp.cli.usage import MEANT, help_asked


@pytest.fixture
def bcp(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bcp", *words])
        monkeypatch.setattr(OUT, "json", False)
        with pytest.raises(SystemExit) as ended:
            entry.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("stauts", "status"),
        ("verdct", "verdict"),
        ("failover", "bcp plan exchange-inbound-outage"),
        ("rollback", "failback"),
    ],
)
def test_an_unknown_command_says_what_was_meant(bcp, word: str, meant: str) -> None:
    code, out, err = bcp(word)
    assert (code, out) == (2, "")
    assert f"no such command '{word}'" in err
    assert meant in err


def test_an_unknown_command_of_a_group_is_answered_from_that_group(bcp) -> None:
    """``bcp dns mx`` has nothing to do with what ``bcp mx`` may have meant."""
    _, _, err = bcp("dns", "nothing-like-it")
    assert "All commands: bcp dns --help" in err
    assert "bcp snapshot" not in bcp("dns", "mx")[2]
    assert "All commands: bcp --help" in bcp("nothing-like-it")[2]


@pytest.mark.parametrize(
    "words", [("stauts",), ("plan",), ("plan", "x", "--nonsense"), ("comms", "sned"), ("history", "--since")]
)
@pytest.mark.parametrize("form", [("--output", "json"), ("--output=json",), ("-o", "json")])
def test_a_wrong_line_is_json_where_json_is_wanted(bcp, words: tuple[str, ...], form: tuple[str, ...]) -> None:
    code, out, _ = bcp(*words, *form)
    found = json.loads(out)
    assert code == found["exit_code"] == 2
    assert found["schema"] == "bcp.error/1"
    assert found["message"]
    assert found["hint"]
    assert found["rule"] == ("no-such-command" if words[-1] in {"stauts", "sned"} else "usage")


@pytest.mark.parametrize("words", [("help",), ("help", "plan"), ("help", "comms", "send")])
def test_help_is_a_command(bcp, words: tuple[str, ...]) -> None:
    code, out, _ = bcp(*words)
    assert code == 0
    assert "Usage: bcp" in out


def test_help_of_a_command_is_its_own(bcp) -> None:
    assert bcp("help", "plan")[1] == bcp("plan", "--help")[1]


def test_only_the_first_word_is_help() -> None:
    assert help_asked(["-q", "help", "plan"]) == ["-q", "plan", "--help"]
    assert help_asked(["comms", "help"]) == ["comms", "help"]
    assert help_asked(["--quiet"]) == ["--quiet"]


def test_what_is_suggested_exists() -> None:
    import re

    from bcp.cli.app import app

    names = {c.name for c in app.registered_commands} | {g.name for g in app.registered_groups}
    for text in MEANT.values():
        assert set(re.findall(r"bcp ([a-z-]+)", text)) <= names, text
    assert not set(MEANT) & names


def test_every_command_stands_where_people_look_for_it(bcp) -> None:
    from bcp.cli.app import app
    from bcp.cli.surface import SECTIONS

    shown = {c.name for c in app.registered_commands if not c.hidden} | {g.name for g in app.registered_groups}
    listed = [n for _, names in SECTIONS for n in names]
    assert sorted(listed) == sorted(shown)
    out = bcp("--help")[1]
    assert "More" not in out
    assert out.index("At night") < out.index("  status ") < out.index("By day") < out.index("To set up")
    assert all(len(line) <= 80 for line in out.splitlines())


def test_what_is_no_option_is_said_to_stand_by_itself(bcp) -> None:
    """``comms send --audience`` was answered with ``--since``, which has nothing to do with it."""
    said = " ".join(bcp("comms", "send", "--audience", "employees", "--message", "x")[2].split())
    assert "has no option --audience" in said and "bcp comms send AUDIENCE NAME" in said and "--since" not in said


@pytest.mark.parametrize(("typed", "meant"), [("--chanel", "--channel"), ("--sinse", "--since")])
def test_an_option_is_guessed_by_its_letters_and_not_by_its_dashes(bcp, typed: str, meant: str) -> None:
    assert f"Did you mean {meant}?" in bcp("comms", "send", "a", "b", typed, "x")[2]
    assert "Did you mean" not in bcp("comms", "send", "a", "b", "--dry", "x")[2]
