"""The entry point: options may stand anywhere, ``status`` is answered at once, and no traceback reaches a person."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bcp.cli import app as typer_app
from bcp.cli import common, main, render, status_view
from bcp.kernel.errors import Interrupted, Missing, Refused


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    """The way of talking is a global of the process: each test has its own."""
    out = render.Output()
    for module in (main, render):
        monkeypatch.setattr(module, "OUT", out)
    monkeypatch.setattr(main, "Place", SimpleNamespace(config=""))
    return out


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing_of_what_is_done(tmp_path, closed) -> None:
    """``>&-`` in a crontab: the deed is done, its exit code is its own, and no file of ours gets a stream's number."""
    command = f"exec {sys.executable} -m bcp playbook new one {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ))
    assert (done.returncode, "fault in bcp" in done.stderr) == (0, False), done.stderr
    assert (tmp_path / "playbooks" / "one.yaml").exists()
    refused = f"exec {sys.executable} -m bcp playbook lint nothing.yaml {closed}"
    assert subprocess.run(["sh", "-c", refused], cwd=tmp_path, capture_output=True).returncode == 2


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--config", "run", "-q", "status", "x"], "status"),
        (["--output=json", "-v", "token", "add"], "token"),
        (["-o", "json"], ""),
        (["--config"], ""),
        ([], ""),
    ],
)
def test_the_command_of_a_line_is_known_before_typer_reads_it(words, command) -> None:
    assert main._command_of(words) == command


@pytest.mark.parametrize(("name", "commands"), [("plan", ["plan"]), ("token", ["token"]), ("paln", None), ("", None)])
def test_only_the_command_that_is_wanted_is_made(name, commands) -> None:
    """An unknown one is told with what was probably meant: for that, all are there."""
    made = typer_app.alone(name)
    found = [c.name for c in (*made.registered_commands, *made.registered_groups)]
    assert found == commands if commands else made is typer_app.app


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["run", "x", "--quiet"], ["--quiet", "run", "x"]),
        (["run", "--config", "a.yaml", "x"], ["--config", "a.yaml", "run", "x"]),
        (["run", "--output=json", "x"], ["--output=json", "run", "x"]),
        (["run", "x", "-o"], ["run", "x", "-o"]),
        (["run", "--", "--quiet", "-c"], ["run", "--", "--quiet", "-c"]),
        ([], []),
    ],
)
def test_common_options_may_stand_anywhere(given, wanted) -> None:
    before = list(given)
    assert main.arrange(given) == wanted and given == before


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list:
    calls: list = []
    monkeypatch.setattr(status_view, "show", lambda run, **given: calls.append((run, given)))
    return calls


@pytest.mark.parametrize(
    ("given", "run", "everything", "timeline"),
    [
        (["status"], "last", False, False),
        (["status", "run-7", "-t"], "run-7", False, True),
        (["--all", "status"], "last", True, False),
    ],
)
def test_status_is_answered_at_once(shown, given, run, everything, timeline) -> None:
    assert main.quick_status(given) is True
    assert shown == [(run, {"everything": everything, "timeline": timeline})]


def test_status_hears_the_common_options(shown, fresh) -> None:
    assert main.quick_status(["status", "-c", "x.yaml", "--output", "json", "-q", "--no-color"])
    assert (main.Place.config, fresh.json, fresh.quiet, fresh.colour) == ("x.yaml", True, True, False)


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["run"],
        ["status", "a", "b"],
        ["status", "--help"],
        ["status", "--output", "yaml"],
        ["status", "--output=json"],
        ["--debug", "status"],
    ],
)
def test_what_is_not_the_plain_form_is_left_to_the_parser(shown, given) -> None:
    assert main.quick_status(given) is False and shown == []


def ending(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """The exit code when the command ends like this."""

    def command(**given: object) -> None:
        raise error

    monkeypatch.setattr(typer_app, "app", command)
    monkeypatch.setattr(sys, "argv", ["bcp", "run", "x"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("no", rule="cooldown"), 3),
        (Missing("no such run"), 2),
        (KeyboardInterrupt(), 130),
        (Interrupted(15), 130),
        (BrokenPipeError(), 141),
        (SystemExit(7), 7),
        (KeyError("x"), 1),
        (BaseExceptionGroup("g", [BaseExceptionGroup("h", [Refused("no", rule="x")])]), 3),
        (ExceptionGroup("g", [KeyError("x")]), 1),
    ],
    ids=lambda e: repr(e) if isinstance(e, BaseException) else "",
)
def test_every_end_is_a_code_and_at_most_a_line(monkeypatch, capsys, error, code) -> None:
    assert ending(monkeypatch, error) == code
    told = capsys.readouterr()
    assert "Traceback" not in told.err and told.out == ""


def test_help_is_an_overview(monkeypatch) -> None:
    called: list = []
    monkeypatch.setattr(typer_app, "_made", typer_app._made.__wrapped__)  # nothing of this test is kept
    monkeypatch.setattr(typer_app, "overview", lambda: lambda **given: called.append(given["args"]))
    for word in ("--help", "-h"):
        monkeypatch.setattr(sys, "argv", ["bcp", word])
        with pytest.raises(SystemExit) as ended:
            main.main()
        assert ended.value.code == 0
    assert called == [["--help"], ["-h"]]


# -- where the configuration is --------------------------------------------------------------------------------------


def test_the_configuration_is_found_here_or_above_or_where_it_is_named(tmp_path, monkeypatch) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    monkeypatch.setattr(common, "Place", SimpleNamespace(config=""))
    (tmp_path / "bcp.yml").write_text("")
    assert common.config_path() == tmp_path / "bcp.yml"
    (tmp_path / "bcp.yaml").write_text("")
    assert common.config_path() == tmp_path / "bcp.yaml"
    monkeypatch.setenv("BCP_CONFIG", str(below))
    assert common.config_path() == below / "bcp.yaml"
    common.Place.config = "named.yaml"
    assert str(common.config_path()) == "named.yaml"


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ("state: there", "there"),
        ("state: 'there'  # why", "there"),
        ('state: "a b"', "a b"),
        ("state: /abs/there", "/abs/there"),
    ],
)
def test_the_state_folder_is_read_without_the_rest(tmp_path, monkeypatch, line, folder) -> None:
    path = tmp_path / "bcp.yaml"
    path.write_text(f"version: 1\n{line}\nno: [such\n")
    monkeypatch.setattr(common, "Place", SimpleNamespace(config=str(path)))
    assert common.state_folder() == tmp_path / folder


@pytest.mark.parametrize("line", ["", "  state: nested"])
def test_where_it_does_not_stand_what_follows_may_not_be_broken(tmp_path, monkeypatch, line) -> None:
    """It could stand there: to look at another folder would say that there are no runs."""
    path = tmp_path / "bcp.yaml"
    monkeypatch.setattr(common, "Place", SimpleNamespace(config=str(path)))
    path.write_text(f"version:\n{line}\nno: [such\n")
    with pytest.raises(common.Invalid):
        common.state_folder()
    path.write_text(f"version:\n{line}\nno: such\n")
    assert common.state_folder() == tmp_path / ".bcp"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_configuration_that_cannot_be_read_is_said(tmp_path, monkeypatch, content) -> None:
    path = tmp_path / "bcp.yaml"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(common, "Place", SimpleNamespace(config=str(path)))
    with pytest.raises(common.Invalid) as found:
        common.state_folder()
    assert "cannot read" in found.value.message or [p.rule for p in found.value.problems] == ["yaml.encoding"]


def test_an_error_inside_groups_comes_out_alone() -> None:
    async def fails(error: BaseException) -> None:
        raise BaseExceptionGroup("g", [BaseExceptionGroup("h", [error])])

    with pytest.raises(Refused):
        common.wait_for(fails(Refused("no", rule="x")))
    with pytest.raises(BaseExceptionGroup):
        common.wait_for(fails(KeyError("x")))


@pytest.mark.parametrize("given", [["a"], ["=1"], [" =1"]])
def test_pairs_need_a_name_and_a_sign(given) -> None:
    with pytest.raises(common.Invalid, match="--with"):
        common.pairs(given, "with")


def test_pairs() -> None:
    assert common.pairs(["a=1", "b=x=y", "c="], "with") == {"a": "1", "b": "x=y", "c": ""}
    assert common.pairs(None, "with") == {}


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"l\xe4uft", "läuft"), ("läuft".encode(), "läuft"), (b"--title=l\xe4uft", "--title=läuft"), (b"plain", "plain")],
)
def test_words_of_an_old_terminal_can_be_written_down(raw: bytes, text: str) -> None:
    word = os.fsdecode(raw)
    assert main.readable(word) == text
    main.readable(word).encode()


def test_a_file_with_an_old_name_is_still_found(tmp_path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/l\xe4uft.yaml")
    Path(path).write_text("x")
    assert main.readable(path) == path and main.readable(f"--config={path}") == f"--config={path}"
