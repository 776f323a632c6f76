"""A command line that cannot be understood: said like every other error, with what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import takewhile
from typing import Any

import typer

from bcp.kernel.errors import Invalid

UsageError: Any = typer.BadParameter.__mro__[1]
"""What Typer raises for an unknown command or option and a missing argument; it has no public name for it."""
Abort = typer.Abort
MEANT = {
    "failover": "bcp plan exchange-inbound-outage shows what moving mail to the relay would do; bcp run does it.",
    "switch": "bcp plan exchange-inbound-outage shows what moving mail to the relay would do; bcp run does it.",
    "start": "bcp run PLAYBOOK starts one; bcp playbook list names them.",
    "rollback": "bcp failback moves mail back; bcp abort ends a run and undoes it.",
    "recover": "bcp failback moves mail back once Exchange Online works again.",
    "restore": "bcp failback moves mail back once Exchange Online works again.",
    "stop": "bcp abort ends a run; bcp comms stop ends a send.",
    "cancel": "bcp abort ends a run; bcp comms stop ends a send.",
    "yes": "bcp approve answers the gate that waits.",
    "no": "bcp reject answers the gate that waits.",
    "check": "bcp doctor checks everything here; bcp config check the configuration alone.",
    "test": "bcp doctor checks everything here; bcp drill run plays a whole outage.",
    "mx": "bcp status says where mail goes; bcp snapshot shows what DNS serves.",
    "send": "bcp comms send AUDIENCE MESSAGE sends one message.",
    "sms": "bcp comms send AUDIENCE MESSAGE --channel sms sends one message.",
    "log": "bcp status --timeline shows every event of a run; bcp incident show those of an incident.",
    "logs": "bcp status --timeline shows every event of a run; bcp incident show those of an incident.",
    "health": "bcp verdict looks now; bcp history shows what was seen.",
    "up": "bcp verdict looks now; bcp history shows what was seen.",
}
"""Words that people type at night for what has another name here."""


def help_asked(words: Sequence[str]) -> list[str]:
    """``help`` as a command is ``--help``: of the whole, or of the command that follows it."""
    found = list(words)
    place = next((i for i, w in enumerate(found) if not w.startswith("-")), None)
    if place is None or found[place] != "help":
        return found
    return [*found[:place], *found[place + 1 :], "--help"]


def invalid(error: Any, words: Sequence[str]) -> Invalid:
    """The usage error as one of ours."""
    text, where = str(error.format_message()), _path(error, words)
    unknown = next((w for w in words if f"'{w}'" in text and text.startswith("No such command")), "")
    if unknown:
        said, _, guess = text.partition(". ")
        meant = MEANT.get(unknown, "") if where == "bcp" else ""
        hint = meant or guess.strip() or f"All commands: {where} --help"
        return Invalid(f"{said[:1].lower()}{said[1:]}".rstrip("."), hint=hint, rule="no-such-command")
    message, hint = _said(error, text, where)
    return Invalid(message, hint=hint or f"How it is used: {where} --help", rule="usage")


def _path(error: Any, words: Sequence[str]) -> str:
    """The command that was meant: ``bcp dns check``. Where the library does not say, by the words of the line."""
    found = getattr(getattr(error, "ctx", None), "command_path", "")
    if found:
        return str(found)
    from bcp.cli.app import app

    groups = {g.name for g in app.registered_groups}
    said = list(takewhile(lambda w: not w.startswith("-"), words))
    return " ".join(["bcp", *said[: 2 if said and said[0] in groups else 1]])


def _said(error: Any, text: str, where: str) -> tuple[str, str]:
    """What is wrong, in our words, and what to do where that is known. ``error``: one of the library's."""
    kind = type(error).__name__
    if kind == "NoSuchOption":
        return f"{where} has no option {error.option_name}", _word_of_its_own(error, where) or _near(error)
    if kind == "MissingParameter":
        return f"{where} needs {_name(error)}", _about(error)
    if kind == "BadParameter":
        value = _value(error.message)
        return f"{_name(error)}: {value}", _about(error)
    if kind == "BadOptionUsage":
        return f"{error.option_name} needs a value" if "requires an argument" in text else _lower(text), ""
    extra = re.fullmatch(r"Got unexpected extra argument(?:s|\(s\))? \((.+)\)\.?", text)
    if extra:
        return f"{where} takes no further words: {extra[1]}", ""
    return _lower(text), ""


def _near(error: Any) -> str:
    """Options that look alike; their dashes are no likeness."""
    bare = {str(option).lstrip("-"): str(option) for option in error.possibilities or ()}
    near = [bare[n] for n in get_close_matches(error.option_name.lstrip("-"), bare, n=2, cutoff=0.7)]
    return f"Did you mean {' or '.join(near)}?" if near else ""


def _word_of_its_own(error: Any, where: str) -> str:
    """Where what is typed as an option stands on the line by itself (``bcp comms send AUDIENCE NAME``); else empty."""
    params = getattr(getattr(getattr(error, "ctx", None), "command", None), "params", ())
    words = {p.name: _name_of(p) for p in params if getattr(p, "param_type_name", "") == "argument"}
    if error.option_name.lstrip("-").replace("-", "_") not in words:
        return ""
    return f"It is a word of its own, without dashes: {' '.join([where, *words.values()])}"


def _lower(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")


def _name(error: Any) -> str:
    """An option as it is typed, an argument as help shows it."""
    hint, param = getattr(error, "param_hint", None), getattr(error, "param", None)
    if hint is None and param is not None:
        option = getattr(param, "param_type_name", "") == "option"
        hint = max(param.opts, key=len) if option else _name_of(param)
    if isinstance(hint, (list, tuple)):
        hint = max(map(str, hint), key=len, default="")
    return str(hint or "a word").replace("'", "")


def _name_of(argument: Any) -> str:
    """An argument as help shows it."""
    return str(argument.metavar or argument.name).upper()


def _about(error: Any) -> str:
    """What the option or argument is for, as help says it."""
    param = getattr(error, "param", None)
    return str(getattr(param, "help", "") or "")


_NUMBER = re.compile(r"('.*') is not a valid (integer|float|int)(?: range)?\.?")


def _value(message: str) -> str:
    """A wrong value in our words."""
    found = _NUMBER.fullmatch(message)
    if found:
        return f"{found[1]} is not a {'number' if found[2] == 'float' else 'whole number'}"
    return _lower(message)
