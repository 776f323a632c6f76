"""People as CSV that ``contacts check`` reads back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import asdict

from bcp.contacts.csv_file import protect
from bcp.contacts.row import COLUMNS
from bcp.contracts.contact import Contact


def to_csv(people: Iterable[Contact], hide: Callable[[str], str] | None = None) -> str:
    """CSV text. ``hide`` masks phone numbers and addresses."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for person in people:
        row = {k: ";".join(v) if isinstance(v, tuple) else v for k, v in asdict(person).items()}
        if hide is not None:
            row |= {k: hide(row[k]) if row[k] else "" for k in ("phone", "email")}
        writer.writerow({k: protect(str(v)) for k, v in row.items()})
    return buffer.getvalue()
