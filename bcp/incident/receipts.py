"""Delivery reports of vendors: what became of each message after it was taken. They come late, twice and in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bcp.incident.book import Book

RANKS = {
    "queued": 0, "accepted": 0, "scheduled": 0, "sending": 1, "initiated": 1, "ringing": 2, "sent": 2, "in-progress": 3,
    "delivered": 4, "undelivered": 4, "failed": 4, "canceled": 4, "read": 5, "completed": 4, "busy": 4, "no-answer": 4,
}  # fmt: skip
"""How far along each status is (twilio.com, message status values; call status values). Unknown ones are ignored."""
ENDED = 4


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


def tally_receipts(book: Book, marks: Iterable[str]) -> dict[str, int]:
    """How many of these messages ended how; ``no report`` for those of which nothing was heard."""
    known: Counter[str] = Counter()
    for mark in marks:
        row = book.db.execute("select status from receipt where id = ?", (mark,)).fetchone()
        known[str(row[0]) if row else "no report"] += 1
    return dict(known)
