"""Contacts from a file, whatever program wrote it. What is doubtful is refused by row, with what to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from bcp.contacts.csv_file import csv_sheet
from bcp.contacts.ldif import ldif_sheet
from bcp.contacts.person import contact_of
from bcp.contacts.phone import check_phone
from bcp.contacts.row import COLUMNS, FOREIGN
from bcp.contacts.scim import scim_sheet
from bcp.contacts.yaml_file import yaml_sheet
from bcp.contracts.contact import Contact
from bcp.kernel.errors import Invalid, Problem

MOST_PROBLEMS = 50
"""Shown at once."""
_READERS = {".csv": csv_sheet, ".tsv": csv_sheet, ".txt": csv_sheet, ".ldif": ldif_sheet, ".json": scim_sheet}


@dataclass(frozen=True, slots=True)
class Loaded:
    """The people of a file. ``doubts``: problems of the file as a whole, such as one page of many; and warnings."""

    people: tuple[Contact, ...]
    doubts: tuple[Problem, ...] = ()

    def whole(self) -> Loaded:
        """The same, where the file holds everybody that it should.

        Raises:
            Invalid: it is incomplete, or holds nobody.
        """
        errors = [p for p in self.doubts if p.severity == "error"]
        if errors:
            raise Invalid.of(errors)
        return self


def load_people(path: Path, channels: Collection[str] | None = None) -> Loaded:
    """Read a contacts file: ``.csv``, ``.ldif``, ``.json`` (SCIM), or YAML (a list, or a mapping with ``contacts:``).
    ``channels``: those that there are, where it is known.

    Raises:
        Invalid: with the line of every bad entry.
    """
    if (what := FOREIGN.get(path.suffix.lower())) and path.exists():
        columns = ",".join(COLUMNS[:4])
        hint = (
            f"Save it as CSV UTF-8; the first line names columns: {columns},... Or export LDIF or a SCIM list (JSON)."
        )
        raise Invalid.of([Problem(f"this is {what}, which is not read", str(path), 1, 1, hint, "contact.shape")])
    sheet = _READERS.get(path.suffix.lower(), yaml_sheet)(path)
    contacts: dict[str, Contact] = {}
    seen: dict[str, str] = {}
    problems: list[Problem] = []
    for row in sheet.rows:
        found = contact_of(row, str(path), channels)
        if isinstance(found, Problem):
            problems.append(found)
        elif (first := seen.setdefault(found.id.casefold(), found.id)) in contacts:
            also = "" if first == found.id else f" (as {first!r} before)"
            text, hint = (
                f"the id {found.id!r} stands here twice{also}",
                "Give each person one id; capitals do not count.",
            )
            problems.append(Problem(text, str(path), row.line, 1, hint, "contact.duplicate"))
        else:
            contacts[found.id] = found
    if problems:
        more = len(problems) - MOST_PROBLEMS
        tail = [Problem(f"and {more} more", str(path))] if more > 0 else []
        raise Invalid.of([*problems[:MOST_PROBLEMS], *tail])
    return Loaded(tuple(contacts.values()), tuple(sheet.warnings))


def load_contacts(path: Path) -> tuple[Contact, ...]:
    """The people of a file. Raises ``Invalid`` with the line of every bad entry."""
    return load_people(path).people


__all__ = ["COLUMNS", "Loaded", "check_phone", "load_contacts", "load_people"]
