"""A contacts file in CSV (RFC 4180), as people and spreadsheets write it:
one person a line, comma, semicolon or tab."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from bcp.contacts.row import COLUMNS, LISTS, Row, Sheet, lines_of, read_text
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid, Problem

_FORMULA = ("=", "@", "+", "-", "\t", "\r")
"""What a spreadsheet takes for a formula. ``contacts export`` puts an apostrophe before such a cell."""


def csv_sheet(path: Path) -> Sheet:
    """Rows of a CSV file.

    Every line is read by itself: a quote that is never closed is an error of its own line and swallows no others.

    Raises:
        Invalid: the file or its first line is not usable.
    """
    lines = lines_of(read_text(path))
    first, delimiter = _header(path, lines)
    columns = _columns(path, first, _cells(lines[first - 1], delimiter))
    sheet = Sheet()
    for number, line in enumerate(lines[first:], first + 1):
        if line.strip(" \t;,"):
            row = _row(number, line, columns, delimiter)
            sheet.rows.append(row)
            sheet.warnings += _joined(path, row)
    return sheet


def _joined(path: Path, row: Row) -> list[Problem]:
    """A list with commas or bars and no semicolon is one name, and whoever wrote it may have meant several: then the
    person is in none of these groups, and is told nothing."""
    return [
        Problem(
            f"{row.values.get('id', '')}: {key}: {text!r} is read as one name",
            str(path), row.line, 1, f"Several are separated by ';': {_parted(text)}",
            "contact.list", "warning",
        )
        for key in LISTS
        if re.search("[,|]", text := row.values.get(key) or "") and ";" not in text
    ]  # fmt: skip


def _parted(text: str) -> str:
    return ";".join(t.strip() for t in re.split("[,|]", text))


def _header(path: Path, lines: list[str]) -> tuple[int, str]:
    """Number of the line that names the columns, and what separates cells. Excel may say so itself: ``sep=;``."""
    told = ""
    for number, line in enumerate(lines, 1):
        if line.lower().startswith("sep=") and len(line.strip()) == 5:
            told = line.strip()[4]
        elif line.strip():
            return number, told or max(",;\t", key=line.count)
    raise Invalid.of([_problem(path, 1, "the file is empty", f"The first line names columns: {','.join(COLUMNS)}")])


def _columns(path: Path, line: int, cells: list[str] | str) -> list[str]:
    if isinstance(cells, str):
        hint = "Save it as CSV UTF-8." if "NUL" in cells else "Close the quote."
        raise Invalid.of([_problem(path, line, cells, hint)])
    names = [c.strip().lower() for c in cells]
    while names and not names[-1]:
        names.pop()
    for name in names:
        if name not in COLUMNS:
            raise Invalid.of([_problem(path, line, f"unknown column {name!r}", did_you_mean(name, COLUMNS))])
        if names.count(name) > 1:
            raise Invalid.of([_problem(path, line, f"the column {name!r} stands here twice", "Remove one.")])
    if "id" not in names:
        hint = f"The first line names columns: {','.join(COLUMNS)}"
        raise Invalid.of([_problem(path, line, "the column 'id' is missing", hint)])
    return names


def _row(number: int, line: str, columns: list[str], delimiter: str) -> Row:
    cells = _cells(line, delimiter)
    if isinstance(cells, str):
        hint = "A quote opens and closes a cell in its line; a quote inside of one is written twice."
        hint = "Save it as CSV UTF-8." if "NUL" in cells else hint
        return Row(number, {}, cells, hint)
    extra = cells[len(columns) :]
    if any(c.strip() for c in extra):
        return Row(number, {}, "more cells than columns", f"Quote cells that contain {delimiter!r}.")
    return Row(number, dict(zip(columns, map(_cell, cells), strict=False)))


def _cells(line: str, delimiter: str) -> list[str] | str:
    """The cells of one line, or what is wrong with it."""
    if "\0" in line:
        return "a NUL character stands here"
    try:
        (cells,) = csv.reader([line], delimiter=delimiter, strict=True)
    except csv.Error as error:
        return "a quote is opened and never closed" if "unexpected end" in str(error) else f"this is not CSV: {error}"
    return cells


def _cell(text: str) -> str:
    """A cell without the apostrophe that keeps spreadsheets from running it."""
    return text[1:] if text[:1] == "'" and text.lstrip("'").startswith(_FORMULA) else text


def protect(text: str) -> str:
    """The reverse: a cell that a spreadsheet would take for a formula becomes text (OWASP, CSV injection).

    Numbers such as ``+4930123456`` stay as they are.
    """
    if not text.lstrip("'").startswith(_FORMULA) or (text[0] in "+-" and text[1:].replace("*", "").isdigit()):
        return text
    return "'" + text


def _problem(path: Path, line: int, message: str, hint: str) -> Problem:
    return Problem(message, str(path), line, 1, hint, "contact.column")
