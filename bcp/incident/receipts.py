"""Delivery reports of vendors: what became of each message after it was taken. They come late, twice and in any order."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from bcp.incident.book import Book

RANKS = {
    "queued": 0, "accepted": 0, "scheduled": 0, "sending": 1, "initiated": 1, "ringing": 2, "sent": 2, "in-progress": 3,
    "delivered": 4, "undelivered": 4, "failed": 4, "canceled": 4, "read": 5, "completed": 4, "busy": 4, "no-answer": 4,
}  # fmt: skip
"""How far along each status is (twilio.com, message status values; call status values). Unknown ones are ignored."""


def note_receipt(book: Book, mark: str, status: str, error: str = "") -> bool:
    """Remember a report; False when it says less than what is known. ``read`` may follow ``delivered``, nothing follows it."""
    rank = RANKS.get(status)
    if rank is None:
        return False
    with book:
        row = book.db.execute("select rank from receipt where id = ?", (mark[:64],)).fetchone()
        if row is not None and int(row[0]) >= rank:
            return False
        book.db.execute(
            "insert or replace into receipt values (?,?,?,?,?)", (mark[:64], book.clock.now(), rank, status, error[:20])
        )
        return True


def read_receipts(path: Path, marks: Sequence[str]) -> dict[str, str]:
    """The last status of each of these messages of which anything was heard. A file that is not there holds none."""
    if not path.exists():
        return {}
    out: dict[str, str] = {}
    try:
        db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2.0)
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
