"""Delivery reports of vendors, read beside the writer of the book."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from bcp.store.sqlite.connect import connect_reading


def read_receipts(path: Path, marks: Sequence[str]) -> dict[str, str]:
    """The last status of each of these messages of which anything was heard. A file that is not there holds none."""
    if not path.exists():
        return {}
    out: dict[str, str] = {}
    try:
        db = connect_reading(path, timeout_s=2.0)
        try:
            for i in range(0, len(marks), 500):
                part = list(marks[i : i + 500])
                query = f"select id, status from receipt where id in ({','.join('?' * len(part))})"  # noqa: S608 - only marks
                out.update((str(a), str(b)) for a, b in db.execute(query, part))
        finally:
            db.close()
    except sqlite3.Error:
        return out
    return out
