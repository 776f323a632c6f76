"""Delivery reports of vendors: what became of each message after it was taken.
They come late, twice and in any order."""

from __future__ import annotations

from bcp.contracts.book import Book
from bcp.kernel.text import sound
from bcp.store.sqlite.receipts import read_receipts

__all__ = ["RANKS", "note_receipt", "read_receipts"]

RANKS = {
    "queued": 0, "accepted": 0, "scheduled": 0, "sending": 1, "initiated": 1, "ringing": 2, "sent": 2, "in-progress": 3,
    "delivered": 4, "undelivered": 4, "failed": 4, "canceled": 4, "read": 5, "completed": 4, "busy": 4, "no-answer": 4,
}  # fmt: skip
"""How far along each status is (twilio.com, message status values; call status values). Unknown ones are ignored."""


def note_receipt(book: Book, mark: str, status: str, error: str = "") -> bool:
    """Remember a report; False when it says less than what is known.
    ``read`` may follow ``delivered``, nothing follows it."""
    rank = RANKS.get(status)
    if rank is None:
        return False
    with book:
        return book.note_receipt(sound(mark[:64]), status, rank, sound(error[:20]))
