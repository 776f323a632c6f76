"""What is wanted of the ledger of relays, as conditions of SQL. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bcp.contracts.relay_ledger import Wanted

AGAIN = """not exists (select 1 from mail n cross join fate g on g.mail = n.id
where n.first in (m.first, m.queue_id) and +n.relay in ({})
and (n.message_id = m.message_id and (n.message_id <> '' or n.uid = m.uid)
  or n.message_id = '' and n.first glob '??????????z?*')
and (g.recipient in (f.recipient, lower(f.addressed)) or lower(g.addressed) in (f.recipient, lower(f.addressed))
  or g.recipient = '' or f.recipient = '' and n.message_id = m.message_id))"""
"""Another source tells of the row ``f`` of the mail ``m``, too. ``+``: not by the index of all mails of a relay."""
FOREVER = 1 << 40


def in_tally(w: Wanted) -> bool:
    """Can it be told from the sums by hour?"""
    return not (w.recipient or w.sender or w.message_id or w.queue_id or w.doubled or w.risky or w.untold_by)


def hours(w: Wanted) -> tuple[int, int]:
    """The whole hours of a window: when the first begins and the last ends."""
    return int(-(-w.since // 3600)) * 3600, int(w.until // 3600) * 3600 if w.until else FOREVER


def in_(column: str, values: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """A condition on a column that has one of several values; none for no values."""
    return (f" and {column} in ({','.join('?' * len(values))})", tuple(values)) if values else ("", ())


def conditions(w: Wanted) -> tuple[str, list[Any]]:
    """The conditions as SQL, and their values: rows are ``f`` (fate or tally), their mail is ``m``."""
    parts, values = ["1 = 1"], list[Any]()
    for column, several in (("f.kind", w.kinds), ("f.relay", w.relays), ("f.status", w.statuses)):
        text, found = in_(column, several)
        parts.append(text.removeprefix(" and ") or "1 = 1")
        values += found
    if w.domains:
        text, found = in_("f.domain", (*(d.lower() for d in w.domains), ""))
        text = text.removeprefix(" and ") + " or f.domain = ? and f.taken < ?" * len(w.former)
        parts.append(f"({text})")
        values += [*found, *(v for one in w.former for v in one)]
    given = (
        ("f.recipient = ?", w.recipient.lower()),
        ("m.sender = ?", w.sender),
        ("m.message_id = ?", w.message_id.strip("<>")),
        ("m.queue_id = ?", w.queue_id),
        ("f.taken >= ?", w.since),
        ("f.taken < ?", w.until),
    )
    for text, value in given:
        if value:
            parts.append(text)
            values.append(value)
    if w.statuses and "sent" not in w.statuses:
        parts.append("f.status <> 'sent'")  # so that the index of these few is used
    parts += ["f.doubled = 1"] * w.doubled + ["f.risky > 0"] * w.risky
    if w.untold_by:
        parts.append(AGAIN.format(",".join("?" * len(w.untold_by))))
        values += w.untold_by
    return " and ".join(p for p in parts if p != "1 = 1") or "1 = 1", values
