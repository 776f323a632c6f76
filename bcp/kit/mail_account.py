"""The account of a drain: each recipient of each message that the relay held, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bcp.contracts.relay import MailFate

TOLD = frozenset({"bounced", "expired"})
"""The sender got a bounce (RFC 3464): not delivered, and somebody knows."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One recipient of one message. ``status`` is a fate, or ``unknown``: gone from the queue without a record."""

    queue_id: str
    recipient: str
    status: str
    detail: str = ""

    def __str__(self) -> str:
        what = "gone from the queue without a record" if self.status == "unknown" else self.status
        return f"{self.queue_id} to {self.recipient}: {what} {self.detail}".strip()


@dataclass(frozen=True, slots=True)
class Account:
    """Every recipient once: ``len(entries) == sent + bounced + unaccounted``."""

    messages: int
    entries: tuple[Entry, ...]

    @property
    def sent(self) -> int:
        """Delivered."""
        return sum(e.status == "sent" for e in self.entries)

    @property
    def bounced(self) -> int:
        """Not delivered; the sender was told."""
        return sum(e.status in TOLD for e in self.entries)

    @property
    def unaccounted(self) -> int:
        """Neither: removed by a person, or gone without a record."""
        return len(self.entries) - self.sent - self.bounced

    def by_name(self) -> list[str]:
        """A line for each recipient that did not get the mail."""
        return [str(e) for e in self.entries if e.status != "sent"]

    def summary(self) -> str:
        """One sentence."""
        people = f"{len(self.entries)} recipient(s) of {self.messages} message(s)"
        return (
            f"{people}: {self.sent} delivered, {self.bounced} bounced, {self.unaccounted} without a record of delivery"
        )


def account(seen: Mapping[str, Collection[str]], fates: Sequence[MailFate]) -> Account:
    """Settle every recipient in ``seen`` (by queue id) with what the relay tells of it."""
    own = {(f.queue_id, f.recipient.lower()): f for f in fates if f.recipient}
    rest = {f.queue_id: f for f in fates if not f.recipient}
    entries = []
    for ident, recipients in seen.items():
        for recipient in dict.fromkeys(recipients):
            fate = own.get((ident, recipient.lower())) or rest.get(ident)
            status, detail = (fate.status, fate.detail) if fate else ("unknown", "")
            entries.append(Entry(ident, recipient, status, detail))
    return Account(len(seen), tuple(entries))
