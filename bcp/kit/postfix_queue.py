"""What ``postqueue -j`` prints (postqueue(1)): a line of JSON for each message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from bcp.contracts.relay import QueuedMail
from bcp.kernel.errors import Invalid, Transient
from bcp.kernel.json_in import loads, rows


def whole(text: str, cut: bool) -> str:
    """A listing that was cut, be it at the end of a line, shows fewer mails than there are."""
    if cut:
        raise Transient("the queue listing is longer than 50 MB", hint="Look at the relay: such a queue is no backup.")
    return text


def parse_queue(text: str) -> list[QueuedMail]:
    """Lines of JSON as printed by ``postqueue -j`` (postqueue(1)). One that moves on while queue after queue is read
    is there twice: it is one, where it was seen last, for all whom either names."""
    found = dict[str, QueuedMail]()
    for line in rows(text):
        mail = _queued(line)
        if mail is None:
            raise Transient(
                f"the queue listing is not what postqueue -j prints: {line[:80]!r}", hint="Check queue: in bcp.yaml."
            )
        if (before := found.get(mail.queue_id)) is not None:
            mail = replace(mail, recipients=tuple(dict.fromkeys((*before.recipients, *mail.recipients))))
        found[mail.queue_id] = mail
    return list(found.values())


LONG = 200_000
"""Characters: some hundreds of mails, read in milliseconds."""


async def read_beside(text: str, read: Callable[[str], list[QueuedMail]] = parse_queue) -> list[QueuedMail]:
    """The same, for whoever has other things to do: fifty thousand mails take a second, and a drain that told the relay
    nothing meanwhile would lose a second of what Exchange takes. A long listing is read in a thread of its own."""
    return await asyncio.to_thread(read, text) if len(text) > LONG else read(text)


MAX_TIME = 1e11
"""Seconds: beyond the year 5000 no mail arrived."""


def _queued(line: str) -> QueuedMail | None:
    """One line; ``None`` where it is not what Postfix writes: a mail that is not counted would be lost from sight."""
    try:
        row = loads(line)
    except Invalid:
        return None
    if not isinstance(row, dict) or not isinstance(row.get("recipients"), list):
        return None
    ident, arrived, sender = row.get("queue_id"), row.get("arrival_time", 0), row.get("sender", "")
    people = [r for r in row["recipients"] if isinstance(r, dict) and isinstance(r.get("address"), str)]
    # Ids go to programs one a line: one of two lines would ask for another mail.
    named = (
        isinstance(ident, str)
        and ident
        and ident.isprintable()
        and isinstance(sender, str)
        and len(people) == len(row["recipients"])
    )
    timed = isinstance(arrived, (int, float)) and not isinstance(arrived, bool) and 0 <= arrived < MAX_TIME
    if not (named and timed):
        return None
    reason = next((str(r["delay_reason"]) for r in people if r.get("delay_reason")), "")
    where = row.get("queue_name", "")
    place = where if isinstance(where, str) else ""
    return QueuedMail(str(ident), sender, tuple(r["address"] for r in people), float(arrived), reason, place)
