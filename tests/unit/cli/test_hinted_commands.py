"""Every command that a sentence of ours names is there, with the options that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from support import ROOT

from bcp.cli.app import app

WHOLE: Any = typer.main.get_command(app)
EVERYWHERE = {*(o for p in WHOLE.params for o in p.opts), "--help"}
NAMED = re.compile(r"\bbcp ([a-z][a-z-]*(?: [^\n`\"]*)?)")
END = re.compile(r"[.,:;)'*]+$")


def wrong(text: str) -> list[str]:
    """What a text names and is not there."""
    return [bad for found in NAMED.finditer(text) if (bad := _wrong(found[1].split()))]


def _wrong(words: list[str]) -> str:
    command, path = WHOLE, ["bcp"]
    while words and END.sub("", words[0]) in (getattr(command, "commands", None) or {}):
        word = words.pop(0)
        command = command.commands[END.sub("", word)]
        path.append(END.sub("", word))
        if END.search(word):
            return ""
    if len(path) == 1 or path[1:] == ["relay", "agent"]:  # no command of ours; one whose options are its own
        return ""
    if getattr(command, "commands", None):
        return " ".join([*path, words[0]]) if words and re.fullmatch(r"[a-z][a-z-]+[a-z]", words[0]) else ""
    known = EVERYWHERE | {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    for word in words:
        if word in {"and", "or", "then", "bcp", "with", ";", "&&", "|"}:
            break
        option = re.match(r"--[a-z][a-z-]*", word)
        if option and option[0] not in known:
            return " ".join([*path, option[0]])
        if re.search(r"[.;:]$", word):
            break
    return ""


@pytest.mark.parametrize("suffix", ["py", "json", "html"])
def test_each_command_in_our_words_is_there(suffix) -> None:
    files = [p for p in Path(ROOT, "bcp").rglob(f"*.{suffix}") if "testing" not in p.parts]
    found = {str(p.relative_to(ROOT)): bad for p in files if (bad := wrong(p.read_text(encoding="utf-8")))}
    assert files and found == {}


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("Next: bcp user contact NAME", "bcp user contact"),
        ("All: bcp comms channels", "bcp comms channels"),
        ("bcp settle RUN --did-not-happen", "bcp settle --did-not-happen"),
        ("bcp settle RUN x --not-happened, then bcp resume RUN", ""),
        ("the bcp folder, bcp user, or a person", ""),
    ],
)
def test_it_finds_what_is_not_there(text, bad) -> None:
    assert "".join(wrong(text)) == bad
