"""The whole surface: every command, without a configuration, with wrong words, as JSON, on a state folder that is none
and on a full disk, at a narrow terminal. One sentence, an exit code that is documented, never a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import re
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from bcp.cli import main as entry
from bcp.cli.app import app
from bcp.cli.common import Place
from bcp.cli.render import OUT

CODES = frozenset({0, 1, 2, 3, 4, 5})
"""docs/reference/exit-codes: done, failed, invalid, refused, in doubt, gate closed."""
LASTING = frozenset({"serve", "watch", "lab up", "drill run", "relay agent"})
"""They go on until they are ended, or need a network of their own."""
ASKING = frozenset({
    "plan", "run", "failback", "verdict", "explain", "probe", "snapshot", "doctor", "ready", "dns check", "dns watch",
    "comms send", "contacts sync", "replay", "relay pull",
})  # fmt: skip
"""They ask the world; here they are played where there is nothing to ask."""
RAW = frozenset({"playbook schema", "config schema"})
"""Their output is a JSON Schema."""
PASTED = frozenset({"contacts keygen", "dns policy"})
"""Their output is to be pasted as it is: no line of it is broken."""
KNOWN = {"playbook": "exchange-inbound-outage"}
"""What an argument of this name is given."""
CONFIG = """\
version: 1
organisation: {name: Lab}
state: STATE
domains: [{name: corp.test, dns: main, primary: [{host: mail.test., preference: 0}]}]
dns:
  main: {kind: rfc2136, server: "127.0.0.1:9", authoritative: ["127.0.0.1:9"], key: {name: bcp., secret: "env:K"}}
relays: {mx-backup: {kind: smtp, hosts: [{host: mx.backup.test., preference: 10, addresses: [127.0.0.1]}]}}
contacts: {file: contacts.csv}
audiences: {oncall: {groups: [oncall]}}
"""


def _leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    for name, found in (getattr(command, "commands", None) or {}).items():
        if getattr(found, "commands", None):
            yield from _leaves(found, (*path, name))
        else:
            needed = [p for p in found.params if p.param_type_name == "argument" and p.required]
            yield " ".join((*path, name)), [KNOWN.get(p.name, "x") for p in needed]


WHOLE: Any = typer.main.get_command(app)
COMMANDS = {n: words for n, words in _leaves(WHOLE) if n not in LASTING}
LOCAL = sorted(set(COMMANDS) - ASKING - RAW)


class Terminal(io.StringIO):
    """A person looks at it."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: Any
    out: str
    err: str


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, nobody at the keyboard."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    monkeypatch.setenv("K", "aaaa")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(Place, "config", "")
    for name in ("json", "quiet", "colour", "debug", "verbosity", "zone"):
        monkeypatch.setattr(OUT, name, getattr(OUT, name))
    return tmp_path


def run(name: str, *more: str, terminal: bool = False) -> Said:
    """One command, in this process."""
    OUT.json = OUT.debug = False
    out, err = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    code: Any = 0
    before, sys.argv = sys.argv, ["bcp", *name.split(), *more]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            entry.main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = before
    return Said(code, out.getvalue(), err.getvalue())


def configured(here: Path, state: str = "state") -> None:
    """A small ``bcp.yaml`` here."""
    (here / "bcp.yaml").write_text(CONFIG.replace("STATE", state))
    (here / "contacts.csv").write_text("id,name,phone,groups\nalice,Alice,+12025550101,oncall\n")


def sound(said: Said, name: str) -> None:
    """What holds of every command, whatever became of it."""
    both = said.out + said.err
    assert said.code in CODES, (name, said)
    assert "Traceback" not in both and "fault in bcp" not in both and '"rule": "fault"' not in both, (name, said)
    assert both.strip() or said.code == 0, (name, said)


def one_document(said: Said, name: str) -> None:
    """JSON where JSON was asked for, and it says how it ended."""
    found = json.loads(said.out)
    assert name in RAW or found["schema"].startswith("bcp."), (name, said)
    if found.get("schema") == "bcp.error/1":
        assert found["exit_code"] == said.code and found["message"] and said.code, (name, said)


def test_the_surface_is_whole() -> None:
    """As many as there are; a group without commands, say, would be played by none of these tests."""
    assert len(COMMANDS) > 75 and set(LOCAL) | ASKING | RAW >= set(COMMANDS)
    assert set(COMMANDS) >= ASKING | RAW, "a command was renamed"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_without_a_configuration(here, name) -> None:
    """It is said that there is none and how to make one; or it does not need one."""
    said = run(name, *COMMANDS[name])
    sound(said, name)
    assert said.code == 0 or re.search(r"^(error|refused|warning): ", said.err, re.MULTILINE) or said.out, (name, said)
    one_document(run(name, *COMMANDS[name], "--output", "json"), name)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_wrong_words(here, name) -> None:
    """What was wrong, in our words, and how it is used; as JSON where that was asked for."""
    for wrong in (["--nonsense"], [*COMMANDS[name], *["more"] * 12]):
        said = run(name, *wrong)
        if wrong[-1] == "more" and said.code != 2:
            continue  # it takes any number of words
        sound(said, name)
        assert said.code == 2 and (said.out == "" or wrong[-1] == "more"), (name, said)
        library = r"No such option|Possible options|Invalid value|Missing argument|Got unexpected|\[OPTIONS\]"
        assert not re.search(library, said.err, re.IGNORECASE), (name, said)
    asked = run(name, "--nonsense", "--output", "json")
    one_document(asked, name)
    assert json.loads(asked.out)["message"] == f"bcp {name} has no option --nonsense"


@pytest.mark.parametrize("name", sorted(set(LOCAL) - PASTED))
@pytest.mark.parametrize("columns", ["40"])
def test_it_fits_the_terminal(here, monkeypatch, name, columns) -> None:
    """No line is longer than the terminal, but for what cannot be broken: a path, a key, a checksum."""
    configured(here)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    said = run(name, *COMMANDS[name], terminal=True)
    sound(said, name)
    for line in (said.out + said.err).splitlines():
        longest = max(map(len, line.split()), default=0)
        assert len(line) <= int(columns) or longest + 24 > int(columns) or line[:1] in "#{}", (name, line)


@pytest.mark.parametrize("name", LOCAL)
def test_a_state_folder_that_is_none(here, name) -> None:
    """A file stands where it should be: said by name, in text and as JSON."""
    configured(here, "notes/state")
    (here / "notes").write_text("x")
    sound(run(name, *COMMANDS[name]), name)
    one_document(run(name, *COMMANDS[name], "--output", "json"), name)


@pytest.mark.parametrize("name", LOCAL)
def test_a_full_disk(here, name) -> None:
    """Nothing can be written (RLIMIT_FSIZE: every write ends in EFBIG): what can be read is still shown."""
    configured(here)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        said = [run(name, *COMMANDS[name]), run(name, *COMMANDS[name], "--output", "json")]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for one in said:
        sound(one, name)
    one_document(said[1], name)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("--output xml status", "--output: 'xml' is neither text nor json", "bcp --help"),
        ("status --al", "bcp status has no option --al", "Did you mean --all?"),
        ("status --timelin --all x", "bcp status has no option --timelin", "Did you mean --timeline?"),
        ("status a b c", "bcp status takes no further words: b c", "bcp status --help"),
        ("settle", "bcp settle needs RUN_ID", "Run id"),
        ("run --input", "--input needs a value", "bcp run --help"),
        ("plan x --ttl", "bcp plan has no option --ttl", "bcp plan --help"),
        ("dns check --rdap=5", "option '--rdap' does not take a value", "bcp dns check --help"),
        ("lab up --ttl x", "bcp lab up has no option --ttl", "bcp lab up --help"),
    ],
)
def test_what_is_said_of_wrong_words(here, words, message, hint) -> None:
    """By name, with the nearest that there is, or where it is explained."""
    said = run(words)
    assert said.code == 2
    text = " ".join(said.err.split())
    assert message in text and hint in text


GROUPS = sorted({n.rpartition(" ")[0] for n in COMMANDS if " " in n})


@pytest.mark.parametrize("name", ["", *GROUPS])
def test_no_summary_is_cut_in_a_help(here, monkeypatch, name) -> None:
    """At the usual width: a sentence that ends in the middle helps nobody."""
    monkeypatch.setenv("COLUMNS", "80")
    out = run(f"{name} --help").out if name else WHOLE.get_help(WHOLE.make_context("bcp", ["x"]))
    assert "  " in out and "..." not in out.replace("[ARGS]...", "").replace("ARG...", "")
    assert all(len(line) <= 80 for line in out.splitlines())
