"""A contacts file in YAML: a list of people, or a mapping with ``contacts:``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bcp.contacts.row import COLUMNS, LISTS, Row, Sheet
from bcp.kernel.document import Document, Path_, did_you_mean, read
from bcp.kernel.errors import Invalid


def yaml_sheet(path: Path) -> Sheet:
    """Rows of a YAML file.

    Raises:
        Invalid: it is no list of mappings, or a key is unknown.
    """
    document = read(path, limit=50_000_000)
    entries: Any = document.data
    base: Path_ = ()
    if isinstance(entries, dict):
        entries, base = entries.get("contacts"), ("contacts",)
    if not isinstance(entries, list):
        hint = "Write contacts: and then - id: ..."
        raise Invalid.of([document.problem((), "contacts are a list", rule="contact.shape", hint=hint)])
    return Sheet([_row(document, (*base, index), entry) for index, entry in enumerate(entries)])


def _row(document: Document, path: Path_, entry: Any) -> Row:
    if not isinstance(entry, dict):
        raise Invalid.of([document.problem(path, "a contact is a mapping", rule="contact.shape")])
    for key in entry:
        if key not in COLUMNS:
            hint = did_you_mean(key, COLUMNS)
            problem = document.problem((*path, key), f"unknown key {key!r}", hint=hint, rule="unknown-key", key=True)
            raise Invalid.of([problem])
    values: dict[str, Any] = {}
    for key, value in entry.items():
        text = _text(document, (*path, key), value)
        if isinstance(text, Row):
            return text
        values[key] = text
    return Row(document.place(path)[0], values)


def _text(document: Document, path: Path_, value: Any) -> str | list[str] | Row | None:
    """The text (or list of texts) of one key; a row that says what is wrong where YAML took it for something else."""
    key, line = path[-1], document.place(path)[0]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and key in LISTS and all(isinstance(v, str) for v in value):
        return value
    if isinstance(value, (list, dict)):
        listed = key in LISTS and isinstance(value, list)
        text = (
            f"{key}: not every name in the list is text" if listed else f"{key} is a {type(value).__name__}, not text"
        )
        return Row(line, {}, text, "Put each in quotes." if listed else "Give one, as text.", "contact.text")
    written = _as_written(document, path)
    if key == "phone" and isinstance(value, int) and not isinstance(value, bool):
        if written.startswith("+"):
            return written
        hint = f'Write it in quotes, with its country code: "+{written}"?'
        return Row(line, {}, "the phone number is not text", hint, "contact.phone")
    hint = f"YAML takes it for a {type(value).__name__}: put it in quotes."
    return Row(line, {}, f"{key}: {written} is not text", hint, "contact.text")


def _as_written(document: Document, path: Path_) -> str:
    """The scalar as it stands in the file: YAML reads ``+49`` as the number 49."""
    line, column = document.place(path)
    text = document.text.split("\n")[line - 1][column - 1 :]
    return re.split(r"[\s,}\]#]", text, maxsplit=1)[0]
