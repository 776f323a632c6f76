"""What commands print: words for people, one JSON object for programs, and what happens when it cannot be printed."""

from __future__ import annotations

import errno
import io
import json
import sys

import pytest
from unit.cli.conftest import Terminal

from bcp.cli import render
from bcp.kernel.errors import Invalid, Missing, Problem, Refused


@pytest.fixture(autouse=True)
def out(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    """Each test begins with the usual way of talking, 80 columns wide."""
    fresh = render.Output()
    monkeypatch.setattr(render, "OUT", fresh)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return fresh


class Broken(io.StringIO):
    """A stream that fails like this when it is written to."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str, /) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("given", "painted"),
    [
        ({}, True),
        ({"colour": False}, False),
        ({"json": True}, False),
    ],
)
def test_colour_is_for_people_at_a_terminal(out, given, painted) -> None:
    for name, value in given.items():
        setattr(out, name, value)
    assert (render.paint("down", "bad", Terminal()) == "\x1b[31mdown\x1b[0m") is painted


def test_no_colour_without_a_terminal_or_where_the_surroundings_ask_for_none(monkeypatch) -> None:
    assert render.paint("down", "bad", io.StringIO()) == "down"
    assert render.paint("down", "no-such-style", Terminal()) == "down"
    monkeypatch.setenv("NO_COLOR", "1")
    assert render.paint("down", "bad", Terminal()) == "down"


def test_a_state_has_the_colour_of_its_tone() -> None:
    assert render.status_word("failed", Terminal()) == "\x1b[31mfailed\x1b[0m"
    assert render.status_word("a state that is none", Terminal()) == "a state that is none"


def test_the_width_is_bounded_on_both_sides(monkeypatch) -> None:
    for columns, wanted in (("10", 40), ("72", 72), ("500", 100)):
        monkeypatch.setenv("COLUMNS", columns)
        assert render.width() == wanted


def test_text_is_folded_and_empty_lines_stay(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    found = render.wrap("word " * 20 + "\n\nend", "  ", "> ")
    lines = found.splitlines()
    assert lines[0].startswith("> word") and lines[1].startswith("  word")
    assert max(map(len, lines)) <= 40 and lines[-2:] == ["  ", "  end"]


def test_a_result_is_one_json_object_or_its_text(out, capsys) -> None:
    render.emit("bcp.x/1", {"n": 1}, "one")
    assert capsys.readouterr().out == "one\n"
    render.emit("bcp.x/1", {"n": 1}, "")
    assert capsys.readouterr().out == ""
    out.json = True
    render.emit("bcp.x/1", {"n": 1, "s": {3}}, "one")
    assert json.loads(capsys.readouterr().out) == {"schema": "bcp.x/1", "n": 1, "s": "{3}"}


def test_progress_can_be_silenced_and_a_warning_cannot(out, capsys) -> None:
    render.say("step 1")
    render.warn("look here")
    assert capsys.readouterr().err == "step 1\nwarning: look here\n"
    out.quiet = True
    render.say("step 1")
    render.warn("look here")
    assert capsys.readouterr().err == "warning: look here\n"


def test_a_row_that_is_indented_stays_together_when_it_is_folded(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    row = "  Type: MX | Host: @ | Value: corp-test.mail.protection.outlook.test | Priority: 0 | TTL: 5 seconds"
    head, first, *others = render.wrap(f"Log in.\n{row}", "    ", "  - ").splitlines()
    assert (head, first[:14]) == ("  - Log in.", "      Type: MX")
    assert others and all(line.startswith(" " * 8) and len(line) <= 60 for line in others)


LONG = "+   1.1s  ✓ mx: 1 of 1 domain(s) switched to 10 mx.backup.test. (TTL 300), served by every address"


def test_at_a_terminal_progress_is_folded_between_words_under_its_beginning(monkeypatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "60")
    render.say(LONG)
    first, *others = screen.getvalue().splitlines()
    assert first.startswith("+   1.1s  ✓ mx: 1 of 1") and others
    assert all(len(line) <= 60 for line in (first, *others))
    assert all(line.startswith(" " * 12) and line[12] != " " for line in others)
    assert " ".join(f"{first} {' '.join(others)}".split()) == " ".join(LONG.split())


def test_colours_do_not_count_and_a_word_is_never_broken(monkeypatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "60")
    path = "/var/lib/bcp/reports/run-20261127-233929-2tpr/report.html-and-more-of-it"
    short = f"\x1b[2m+   1.1s\x1b[0m  {'x' * 48}"
    render.say(f"{short}\nsee {path}")
    assert screen.getvalue().splitlines() == [short, "see", f"  {path}"]


def test_a_file_gets_each_line_whole(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    render.say(LONG)
    assert capsys.readouterr().err == LONG + "\n"


def test_control_characters_of_a_stranger_do_not_reach_the_terminal(capsys) -> None:
    render.raw("a\x1b]0;title\x07b")
    assert "\x1b" not in capsys.readouterr().out


def test_a_stream_that_cannot_show_a_letter_gets_its_number(monkeypatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    render.raw("für")
    stream.flush()
    assert stream.buffer.getvalue() == b"f\\xfcr\n"


def test_nobody_reads_any_more(monkeypatch) -> None:
    """``bcp audit show | head``: it ends at once with 128 + SIGPIPE, without a word."""
    codes: list[int] = []
    monkeypatch.setattr(render.os, "_exit", codes.append)
    monkeypatch.setattr(sys, "stdout", Broken(BrokenPipeError()))
    render.raw("line")
    assert codes == [141]


def test_an_error_says_what_and_what_to_do_next(capsys) -> None:
    assert render.fail(Missing("there is no run run-9", hint="bcp status --all")) == Missing("x").exit_code
    told = capsys.readouterr().err
    assert told == "error: there is no run run-9\n  bcp status --all\n"


def test_a_refusal_names_its_rule(capsys) -> None:
    code = render.fail(Refused("not now", rule="cooldown", hint="Wait."))
    assert capsys.readouterr().err == "refused: not now [cooldown]\n  Wait.\n"
    assert code == Refused.exit_code


def test_problems_of_a_file_are_listed_and_counted(capsys, out) -> None:
    one = Problem("an unknown key", "a.yaml", 3, 5, "Did you mean x?", "unknown-key")
    two = Problem("a second", "a.yaml", 9, 1)
    wrong = Invalid("wrong", hint="Mend it.", problems=[one])
    render.fail(wrong)
    told = capsys.readouterr().err
    assert "a.yaml:3:5" in told and "problems" not in told and "Mend it." in told
    render.fail(Invalid("wrong", problems=[one, two]))
    assert capsys.readouterr().err.splitlines()[-1] == "2 problems"
    out.json = True
    assert render.fail(Invalid("wrong", problems=[one])) == Invalid.exit_code
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == Invalid.exit_code and found["error"] == "Invalid"
    assert found["problems"] == [
        {
            "file": "a.yaml",
            "line": 3,
            "column": 5,
            "message": "an unknown key",
            "hint": "Did you mean x?",
            "rule": "unknown-key",
            "severity": one.severity,
        }
    ]


def test_the_traceback_is_shown_only_to_who_asks_for_it(out, capsys) -> None:
    try:
        raise Refused("not now", rule="cooldown")
    except Refused as error:
        render.fail(error)
        assert "Traceback" not in capsys.readouterr().err
        out.debug = True
        render.fail(error)
        assert "Traceback" in capsys.readouterr().err


def test_a_fault_of_ours_is_one_line_and_asks_for_a_report(out, capsys) -> None:
    assert render.unexpected(KeyError("x")) == 1
    told = capsys.readouterr().err
    assert told.startswith("fault in bcp: KeyError: 'x'") and "--debug" in told and "Traceback" not in told
    out.debug = True
    assert render.unexpected(KeyError("x")) == 1
    assert "Traceback" not in told and "KeyError" in capsys.readouterr().err


def test_a_package_that_is_not_installed_is_named_and_no_fault_of_ours(out, capsys) -> None:
    """As on a relay that has the light file and nothing beside it."""
    lacking = ModuleNotFoundError("No module named 'yaml'", name="yaml.nodes")
    assert render.unexpected(lacking) == 1
    told = capsys.readouterr().err
    assert "needs the Python package 'yaml'" in told and "fault" not in told
    out.json = True
    assert render.unexpected(lacking) == 1 and '"rule": "not-installed"' in capsys.readouterr().out
    out.json = False
    assert render.unexpected(ModuleNotFoundError("No module named 'bcp.x'", name="bcp.x")) == 1
    assert "fault in bcp" in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_no_room_for_what_we_print_is_no_fault_of_ours(capsys, number) -> None:
    assert render.unexpected(OSError(number, "no room")) == 1
    told = capsys.readouterr().err
    assert "it could not be written: no room" in told and "fault" not in told


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_we_may_not_use_is_no_fault_of_ours(capsys, number) -> None:
    assert render.unexpected(OSError(number, "not for you", "/var/lib/bcp/history.db")) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert told.startswith("error: cannot use /var/lib/bcp/history.db: not for you")
    assert "permissions" in told and "fault" not in told


def test_a_refusal_of_the_system_without_a_file_is_a_fault(capsys) -> None:
    render.unexpected(PermissionError(errno.EACCES, "not for you"))
    assert capsys.readouterr().err.startswith("fault in bcp: PermissionError")


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (KeyError("x"), "fault"),
        (OSError(errno.ENOSPC, "no room"), "no-room"),
        (OSError(errno.EACCES, "no", "/x"), "no-permission"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_machines_get_json_of_what_nobody_expected(out, capsys, error, rule, debug) -> None:
    out.json, out.debug = True, debug
    assert render.unexpected(error) == 1
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["schema"], told["rule"], told["exit_code"]) == ("bcp.error/1", rule, 1)
    assert ("KeyError" in said.err or "OSError" in said.err or "PermissionError" in said.err) is debug


def test_where_not_even_that_can_be_said_it_ends_all_the_same(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", Broken(OSError(errno.ENOSPC, "no room")))
    assert render.unexpected(OSError(errno.ENOSPC, "no room")) == 1


def test_a_table_aligns_its_columns_and_folds_the_last(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert render.table([]) == ""
    found = render.table([["a", "short"], ["long name", "many words " * 5]], ["ID", "WHAT"]).splitlines()
    assert found[0] == "ID         WHAT" and found[1] == "a          short"
    assert found[2].startswith("long name  many words") and found[3].startswith("           ")
    assert max(map(len, found)) <= 40


def test_colour_does_not_count_as_width() -> None:
    painted = render.table([["\x1b[31mbad\x1b[0m", "x"], ["good", "y"]]).splitlines()
    assert painted[0].index("x") - len("\x1b[31m\x1b[0m") == painted[1].index("y")


@pytest.mark.parametrize(
    ("typed", "yes"), [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_a_yes_is_a_yes(monkeypatch, capsys, typed, yes) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert render.ask("Go?") is yes
    assert "Go? [y/N]" in capsys.readouterr().err


def test_an_interrupted_question_is_a_no(monkeypatch) -> None:
    class Interrupted(Terminal):
        def readline(self, *_: int) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    assert render.ask("Go?") is False


def test_without_a_terminal_nobody_is_asked(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert render.ask("Go?") is False
    assert render.ask_text("Why?", "because") == "because"
    assert render.ask_secret("Password") == ""
    assert capsys.readouterr() == ("", "")


def test_a_line_that_is_asked_for(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(" Contoso \n\n"))
    assert render.ask_text("Name?", "Corp") == "Contoso"
    assert render.ask_text("Name?", "Corp") == "Corp"
    assert "Name? [Corp]:" in capsys.readouterr().err


def test_a_secret_is_not_echoed(monkeypatch) -> None:
    import getpass

    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda prompt, stream: asked.append(prompt) or "s3cret")
    assert render.ask_secret("Password") == "s3cret" and asked == ["Password: "]


def test_a_command_is_not_folded(monkeypatch) -> None:
    """It is copied from where it stands."""
    monkeypatch.setattr(render, "width", lambda: 40)
    text = "Make one, or name it. To look around at all: bcp drill run"
    assert render.wrap(text).splitlines()[-1].endswith("bcp drill run")
    assert "`bcp incident close inc-1`" in render.wrap("Then, when it is over for good: `bcp incident close inc-1`")
    assert "bcp resume" in render.wrap("x" * 35 + " bcp resume and so on").splitlines()[1]
    assert "\ue000" not in render.wrap(text)


def test_a_cell_that_is_wider_than_its_column_pushes_nothing_over_the_edge(monkeypatch) -> None:
    """A terminal would break the line in the middle of a word."""
    monkeypatch.setenv("COLUMNS", "80")
    said = "it does not fall together with anything that is down here"
    rows = [["ok", "shared-fate exchange-access-restored-x", said], ["ok", "short", f"{said}, nor with others"]]
    lines = render.table(rows).splitlines()
    assert max(map(len, lines)) <= 80 and lines[0].startswith("ok  shared-fate exchange-access-restored-x  it does")
    assert " ".join(" ".join(lines).split()).count("together with anything that is down here") == 2
