"""A message as an agent tells it, as rows of the ledger. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bcp.contracts.relay_ledger import COPY, FORWARDED, MAIL, OWN, UNSEEN, Fate, Told
from bcp.kernel.errors import Refused
from bcp.relay.mail import KNOWN, Mail, Person, mail_of

_REMOTE = (
    re.compile(r"\bInternalId=(\d+)"),
    re.compile(r"\bqueued as (\S+?)[).,;]*(?:\s|$)", re.IGNORECASE),
    re.compile(r"\bid=(\S+)"),
    re.compile(r"<([^<>\s]+@[^<>\s]+)>"),
)
"""How mail servers name what they took: Exchange Online, Postfix and many others, Exim, Exchange Server."""
MOST = 100


def told_of(
    relay: str, data: Mapping[str, Any], copies: Collection[str], doors: Mapping[str, str] | None = None
) -> Told:
    """The rows of one message. ``doors``: other hosts of the same relay, by name and address, and their sources.

    Raises ``Refused`` (``batch-unreadable``) for what is no message.
    """
    try:
        mail = mail_of(data)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"a message in the batch cannot be read: {error!r}", rule="batch-unreadable") from error
    return Told(
        mail.uid, mail.last, tuple(_fates(relay, mail, frozenset(c.lower() for c in copies), doors or {})), mail.over
    )


def _fates(relay: str, mail: Mail, copies: frozenset[str], doors: Mapping[str, str]) -> Iterator[Fate]:
    if not mail.accepted:
        return
    for person in mail.people:
        passed = _next_door(person.via, doors) if person.status == "sent" else ""
        yield _fate(relay, mail, person, _kind(mail, person, copies), 1, passed)
    if mail.unnamed:
        rest = Person("", status=mail.rest if mail.rest in KNOWN else "unknown", at=mail.last)
        yield _fate(relay, mail, rest, _kind(mail, rest, copies), mail.unnamed)


def _kind(mail: Mail, person: Person, copies: frozenset[str]) -> str:
    if person.status == "forwarded":
        return FORWARDED
    if mail.origin in {"bounce", "notice"}:
        return OWN
    if person.to.lower() in copies and max(mail.recipients, len(mail.people)) > 1:
        return COPY  # as the only recipient somebody wrote to it
    return MAIL if mail.counts else UNSEEN if not mail.origin else OWN


def _fate(relay: str, mail: Mail, p: Person, kind: str, people: int, passed: str = "") -> Fate:
    sender = "" if mail.sender is None else mail.sender or "<>"
    remote = remote_id(p.answer) if p.status == "sent" else ""
    return Fate(
        relay, mail.uid, mail.ids[-1] if mail.ids else "", kind, (p.orig or p.to).lower(), p.to, p.status, p.at,
        p.answer, p.via, remote, p.tries, p.risky, p.told, people, mail.accepted, sender, mail.size, mail.message_id,
        mail.client, mail.tls, passed=passed,
    )  # fmt: skip


def _next_door(via: str, doors: Mapping[str, str]) -> str:
    """The source that tells of the next hop (``host[address]:port``), where that is another host of the relay."""
    host, _, rest = via.partition("[")
    address = rest.rpartition("]")[0]
    return doors.get(host.rstrip(".").lower()) or doors.get(address) or ""


def remote_id(answer: str) -> str:
    """How the next hop named the message that it took; empty: it gave it no name that is known here."""
    for form in _REMOTE:
        if found := form.search(answer):
            return found[1][:MOST]
    return ""
