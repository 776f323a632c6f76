"""What the ledger of relays promises: one row for each message and recipient, as the agents on the relays told them.

Each batch is taken in one commit together with its place in the chain, so that it counts once, however often it comes.
All methods may raise ``StorageError``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bcp.kernel.clock import iso

MAIL, COPY, OWN, UNSEEN, FORWARDED = "mail", "copy", "own", "unseen", "forwarded"
"""What a row is: mail that the relay accepted; the copy that ``always_bcc`` makes; a message of the relay's own, such
as a bounce; mail whose acceptance nobody saw, because the agent began later; a recipient that lives on under another
queue id of the relay, or at another relay that this one handed it to. Only the first is accepted mail."""
DELIVERED, WAITING, LEFT = ("sent",), ("queued", "deferred", "held"), ("bounced", "expired", "removed")
OPEN_FATES = (*WAITING, "unknown")
"""Fates with which an incident is not over."""


@dataclass(frozen=True, slots=True)
class Fate:
    """One recipient of one message. Times are epoch seconds by the relay's clock."""

    relay: str
    uid: str
    """The message's own name: its first queue id, and when it began."""
    queue_id: str
    """The one that it had last."""
    kind: str
    recipient: str
    """The address that the sender used, in lower case; empty: the log names none (``people`` says how many)."""
    to: str
    """The address that it was delivered to."""
    status: str
    """``sent``, ``deferred``, ``queued``, ``held``, ``bounced``, ``expired``, ``removed``, ``unknown``,
    ``forwarded``."""
    at: float
    answer: str
    """Why, or the next hop's own words."""
    via: str
    remote_id: str
    """The next hop's name for the message, out of its answer."""
    tries: int
    risky: int
    """Tries after which the next hop may have had the message, although it did not confirm."""
    told: str
    """Of what did not arrive: ``no`` (the sender heard nothing), ``made`` (a bounce is under way), ``told``,
    ``failed``."""
    people: int
    taken: float
    """When the relay accepted the message."""
    sender: str
    """``<>``: the null sender; empty: not known."""
    size: int
    message_id: str
    client: str
    tls: str
    doubled: bool = False
    """Was a message with this Message-ID delivered to this recipient more than once?"""
    passed: str = ""
    """It was handed to another host of the same relay, of which this source tells: it is not delivered by that. The row
    is ``forwarded`` once that source tells of the message, and ``unknown`` until then."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message as a batch tells it. ``last``: when the log spoke of it; an older word does not replace a newer."""

    uid: str
    last: float
    fates: tuple[Fate, ...]
    over: bool = False
    """It has left the queue."""


@dataclass(frozen=True, slots=True)
class Source:
    """How far the agent of a relay has told, and how it is."""

    relay: str
    stream: str = ""
    """Its chain of batches."""
    seq: int = 0
    digest: str = ""
    """Of the last batch of that chain which was taken."""
    heard: float = 0.0
    """When it answered last, by our clock; 0: never."""
    skew: float = 0.0
    """Its clock less ours, in seconds."""
    read: float = 0.0
    """When it looked into the log last, and"""
    log: float = 0.0
    """when the newest line was written: both by its clock."""
    problem: str = ""
    """Why it cannot read, or why it could not be heard."""
    counted: str = ""
    """Lines that it could not use, in words; empty: none."""
    blind: float = 0.0
    """Since when, by our clock, it may have read nothing, as it says itself, or as its pulse stands still although it
    is answered for; 0: it reads."""
    doubt: str = ""
    """Why its log may lack lines that nobody misses, as it says itself; empty: it sees no reason."""

    @property
    def trouble(self) -> str:
        """Why it does not read; empty: it reads."""
        if not self.blind or self.problem:
            return self.problem if self.blind else ""
        last = f"since {iso(self.read)} by its clock" if self.read else "ever"
        return f"it has not looked into its log {last}: does its service run?"

    def knows(self, silent_s: float) -> float:
        """Up to when, by our clock, its word is whole. ``silent_s``: one that last looked so long before it was heard
        has stopped."""
        if self.blind:
            return self.blind
        stopped = self.read and self.heard + self.skew - self.read > silent_s
        return self.read - self.skew if stopped else self.heard


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that has to be known beside the numbers. ``code`` is stable: ``log-lost``, ``batch-gap``."""

    relay: str
    at: float
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: all conditions hold together, and an empty one says nothing."""

    relays: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    """Of the recipient; rows without a name are of every domain."""
    since: float = 0.0
    until: float = 0.0
    """Accepted from, and before; 0: no end."""
    recipient: str = ""
    """The whole address, in any case."""
    sender: str = ""
    message_id: str = ""
    queue_id: str = ""
    statuses: tuple[str, ...] = ()
    kinds: tuple[str, ...] = (MAIL,)
    doubled: bool = False
    risky: bool = False
    untold_by: tuple[str, ...] = ()
    """Only rows of which none of these sources tells, too: the same queue id, Message-ID and recipient, as an agent
    tells them again that got another name. Without a Message-ID (its agent began later) a long queue id is enough,
    which Postfix never uses again (postconf(5), ``enable_long_queue_ids``)."""
    former: tuple[tuple[str, float], ...] = ()
    """Beside ``domains``: others, each with the whole hour up to which mail accepted for it is meant."""


@dataclass(frozen=True, slots=True)
class Total:
    """So many recipients accepted in the hour that begins at ``hour`` (epoch seconds) had this fate."""

    hour: int
    kind: str
    status: str
    told: str
    people: int


class RelayLedger(Protocol):
    """The ledger of all relays."""

    def source(self, relay: str) -> Source:
        """How far this relay's agent has told; one that was never heard has no stream."""

    def sources(self) -> list[Source]:
        """All that were ever heard, by name."""

    def digest(self, relay: str, stream: str, seq: int) -> str:
        """Of a batch that was taken; empty: it was not."""

    def take(self, source: Source, told: Sequence[Told], remarks: Sequence[Remark]) -> None:
        """A batch, in one commit: ``source`` says which. The caller has judged that it comes next."""

    def goes_on(self, relay: str, stream: str, remarks: Sequence[Remark]) -> None:
        """A chain that was taken before, and that another one took the place of, is told again: its next batch is the
        one that comes next."""

    def heard(self, source: Source) -> None:
        """How the agent is; its place in the chain is left as it is."""

    def give_up(self, relay: str, answer: str, at: float) -> int:
        """What waits at this source counts as removed by a person from now on, with this answer, its senders not told;
        how many recipients. A newer word of the agent takes its place."""

    def ours(self, domains: Sequence[str], now: float) -> dict[str, float]:
        """These domains are in ``bcp.yaml`` now. Those that were once, and when they were missed first."""

    def remark(self, remark: Remark) -> None:
        """Note something; the same code and text of one relay is noted once."""

    def remarks(self, relays: Sequence[str] = (), since: float = 0.0) -> list[Remark]:
        """What was noted, the oldest first."""

    def fates(self, wanted: Wanted, *, limit: int = 1000, first: int = 0) -> list[Fate]:
        """Rows, the newest accepted first."""

    def count(self, wanted: Wanted) -> int:
        """How many recipients these are."""

    def totals(self, wanted: Wanted) -> list[Total]:
        """Recipients by hour, kind and fate."""

    def close(self) -> None:
        """End."""
