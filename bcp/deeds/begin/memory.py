"""Answers that were given, kept in the folder until the configuration is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bcp.deeds.begin.questions import Question, taken
from bcp.kernel.document import did_you_mean, read
from bcp.kernel.errors import Invalid
from bcp.kernel.files import write_atomic

NAME = ".bcp-init.json"
"""It holds answers only, and no secret: of secrets we are told where they are."""


def recall(folder: Path) -> dict[str, Any]:
    """What was answered before; empty: nothing, or nothing that can be read."""
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def keep(folder: Path, answers: Mapping[str, Any]) -> None:
    """Write all of them down. Raises ``StorageError``, and ``Invalid`` where there can be no such folder."""
    room(folder)
    write_atomic(folder / NAME, json.dumps(answers, ensure_ascii=False, indent=1), mode=0o600)


def room(folder: Path, mode: int = 0o777) -> None:
    """Make a folder, if it is not there. Raises ``Invalid``."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as error:
        text = f"{folder} cannot be a folder for the configuration: {error.strerror or error}"
        raise Invalid(text, hint="Give another --folder.") from error


def forget(folder: Path) -> None:
    """The configuration is written: it is the memory now."""
    (folder / NAME).unlink(missing_ok=True)


def from_file(path: Path, asked: tuple[Question, ...]) -> dict[str, Any]:
    """The raw answers of a YAML file. Raises ``Invalid`` with positions for keys that nobody asks for."""
    document = read(path)
    keys = [q.key for q in asked]
    if not isinstance(document.data, dict):
        text = "a file of answers is a mapping"
        raise Invalid.of([document.problem((), text, rule="answers.shape", hint=f"Keys: {', '.join(keys)}")])
    unknown = [
        document.problem((k,), f"nobody asks for {k!r}", rule="answers.unknown", hint=did_you_mean(str(k), keys))
        for k in document.data
        if k not in keys
    ]
    if unknown:
        raise Invalid.of(unknown)
    return {str(k): v for k, v in document.data.items()}


def settle(
    asked: tuple[Question, ...], raw: Mapping[str, Any], answers: dict[str, Any], *, defaults: bool
) -> list[str]:
    """Check raw answers in the order of the questions and add them to ``answers``; returns what is wrong or missing.

    ``defaults``: take the default of what was not answered; nobody will be asked.
    """
    wrong: dict[str, str] = {}
    for q in asked:
        if q.key in answers or not q.when(answers) or (q.key not in raw and (q.silent or not defaults)):
            continue
        try:
            answers[q.key] = taken(q, raw.get(q.key, [] if q.many else ""), answers)
        except ValueError as error:
            wrong[q.key] = f"{q.key}: {error}"
    return list(wrong.values())
