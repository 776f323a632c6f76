"""Who gets an order by one channel, in which words, and who gets nothing and why. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bcp.comms.segments import count
from bcp.contacts.directory import Directory
from bcp.contracts.channel import Channel, Message
from bcp.contracts.contact import Contact, wants
from bcp.contracts.services import Order

DISTURBING = frozenset({"sms", "voice"})
"""Forms that wake people."""
Row = tuple[str, str, Message]
"""Who, the address, the finished message."""


@dataclass
class Recipients:
    """Rows to send, in order, and the ids of everybody else of the audience."""

    people: int = 0
    rows: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    opted_out: list[str] = field(default_factory=list)
    quiet: list[str] = field(default_factory=list)


def recipients(
    order: Order,
    channel: Channel[Any],
    directory: Directory,
    render: Callable[[str], Message],
    *,
    now: float,
    language: str,
    only: Collection[str] | None = None,
) -> Recipients:
    """``render`` makes the message in a language; ``only``: of these people."""
    members: list[Contact] = directory.members(order.audience)
    if only is not None:
        members = [m for m in members if m.id in only]
    found = Recipients(people=len(members))
    if channel.broadcast:
        found.rows = [("all", channel.place(), render(language))]
        return found
    made: dict[str, Message] = {}
    seen: set[str] = set()
    for contact in members:
        address = channel.address_of(contact)
        if not address:
            found.missing.append(contact.id)
        elif not wants(contact, channel.name, channel.form):
            found.opted_out.append(contact.id)
        elif (
            channel.form in DISTURBING
            and not order.override_quiet
            and directory.quiet_now(order.audience, contact, now)
        ):
            found.quiet.append(contact.id)
        elif address not in seen:  # two records of one phone: one message
            seen.add(address)
            spoken = contact.language or language
            if spoken not in made:
                made[spoken] = render(spoken)
            found.rows.append((contact.id, address, made[spoken]))
    return found


def warnings(rows: Iterable[Row]) -> Iterator[str]:
    """What makes texts dear: a character outside GSM-7, more than one segment. Once for each language."""
    seen = set()
    for _, _, message in rows:
        if message.form != "sms" or message.language in seen:
            continue
        seen.add(message.language)
        size = count(message.body)
        if size.encoding == "UCS-2":
            worst = size.offenders[0]
            what = f"{worst.character!r} at {worst.position + 1}"
            yield f"{message.language}: {what} makes it UCS-2: {size.segments} segments"
        elif size.segments > 1:
            yield f"{message.language}: {size.segments} segments"


def mask(address: str) -> str:
    """An address that can be recognised by who knows it, and not by who does not."""
    if "@" in address:
        user, _, host = address.partition("@")
        return f"{user[:1]}***@{host}"
    return f"{address[:3]}***{address[-2:]}" if len(address) > 6 else address
