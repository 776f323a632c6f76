"""What daemons of Postfix say of a message or of an SMTP session, as typed events. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Born:
    """smtpd gives a queue id to a message that begins to come in."""

    client: str
    filtered_from: str = ""
    """The queue id that it had before a content filter gave it back (XFORWARD)."""


@dataclass(frozen=True, slots=True)
class PickedUp:
    """pickup takes a message of this machine; ``requeued_from``: one that ``postsuper -r`` put there again."""

    sender: str
    requeued_from: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """cleanup read its Message-ID."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Queued:
    """qmgr has it: it was accepted."""

    sender: str
    size: int
    recipients: int


@dataclass(frozen=True, slots=True)
class Tried:
    """One delivery of one recipient was tried."""

    to: str
    orig: str
    via: str
    status: str
    """``sent``, ``deferred``, ``bounced``; ``discarded`` where the discard(8) transport threw it away."""
    answer: str
    forwarded_as: str = ""
    """The queue id here under which local(8) forwards it, or a filter may have given it back."""


@dataclass(frozen=True, slots=True)
class Risked:
    """A try broke off while the next hop was to confirm, and another of its hosts is tried at once: whoever of the
    message still waits may have it."""


@dataclass(frozen=True, slots=True)
class RuleAhead:
    """A rule for a message of this SMTP session that has no queue id yet: ``hold``, ``discard`` or ``redirect``."""

    rule: str
    to: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It was in the queue for too long: whoever still waits gets it no more."""


@dataclass(frozen=True, slots=True)
class Notice:
    """bounce made a message about it. ``about``: ``non-delivery``, ``delay`` or ``delivery status``."""

    ident: str
    about: str
    to_sender: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """qmgr is done with it."""


@dataclass(frozen=True, slots=True)
class Corrupt:
    """qmgr could not read its file and put it aside: nobody tries it again."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """A person removed it (``postsuper -d``)."""


@dataclass(frozen=True, slots=True)
class Held:
    """It waits for a person: by ``postsuper -h``, or by a rule, which names one recipient."""

    to: str = ""
    sender: str = ""
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """``postsuper -H``, or put into the queue again by ``postsuper -r``."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The whole message was refused at its end, so it was not accepted."""


@dataclass(frozen=True, slots=True)
class Discarded:
    """A rule said *discard*: the sender heard yes, and nobody gets it."""

    to: str = ""


@dataclass(frozen=True, slots=True)
class Redirected:
    """A rule said *redirect*: all recipients are exchanged for one, and lines name one of them at most."""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """An SMTP session of this process got TLS."""

    tls: str


@dataclass(frozen=True, slots=True)
class Hung:
    """An SMTP session of this process ended, with so many messages taken (``None``: some were not) and recipients."""

    taken: int | None
    recipients: int


Event = (
    Born
    | PickedUp
    | Named
    | Queued
    | Tried
    | Risked
    | RuleAhead
    | GivenUp
    | Notice
    | Gone
    | Corrupt
    | Deleted
    | Held
    | Released
    | TurnedAway
    | Discarded
    | Redirected
    | Encrypted
    | Hung
)
