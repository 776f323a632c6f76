"""What a reader of a contacts file gives: rows with their place, and what is worth a warning."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.kernel.errors import Invalid, Problem
from bcp.kernel.text import byte_place

COLUMNS = (
    "id", "name", "email", "phone", "slack", "language", "groups", "logins", "title", "manager", "timezone", "quiet",
    "channels", "optout",
)  # fmt: skip
"""What a contact file may hold. Lists (groups, logins, channels, optout) are separated by ``;`` in CSV."""
LISTS = ("groups", "logins", "channels", "optout")
FOREIGN = {
    ".xlsx": "a workbook of Excel", ".xls": "a workbook of Excel", ".xlsm": "a workbook of Excel",
    ".ods": "a workbook of LibreOffice", ".numbers": "a workbook of Numbers", ".vcf": "a file of vCards",
    ".pdf": "a PDF", ".docx": "a document of Word", ".html": "a web page",
}  # fmt: skip
"""What people have their lists in, and no reader here."""
MAX_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One person as the file has it. ``line`` counts from 1."""

    line: int
    values: Mapping[str, Any]
    wrong: str = ""
    """Why it cannot be a person; empty: nothing was seen yet."""
    hint: str = ""
    rule: str = "contact.row"


@dataclass(slots=True)
class Sheet:
    """All rows of a file, and what a person should know about it though it can be read."""

    rows: list[Row] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def read_text(path: Path) -> str:
    """A file's text: UTF-8, or UTF-16 with a byte order mark as Windows tools write it.

    Raises:
        Invalid: it cannot be read, is too large, or is in another encoding.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Invalid(f"{path} is larger than {MAX_BYTES} bytes", hint="Is this the right file?")
        raw = path.read_bytes()
    except OSError as error:
        hint = "Check the path (contacts: file: in bcp.yaml) and its permissions."
        raise Invalid(f"cannot read {path}: {error.strerror or error}", hint=hint) from error
    encoding = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        hint = "In Excel: save as 'CSV UTF-8 (Comma delimited)'."
        problem = Problem("this byte is not UTF-8", str(path), *byte_place(error), hint, "contact.encoding")
        raise Invalid.of([problem]) from error


def lines_of(text: str) -> list[str]:
    """Lines as editors count them: not split at other separators that may stand inside of a name."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def clean(text: str) -> str:
    """Text for one line: composed (NFC), without control and direction characters, white space folded."""
    composed = unicodedata.normalize("NFC", text)
    seen = "".join(c if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} else " " for c in composed)
    return " ".join(seen.split())
