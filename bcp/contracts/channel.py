"""What a channel promises: it takes one message for one address, and says honestly what became of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Configured, Dependent
from bcp.kernel.errors import InDoubt, Invalid, Transient


class ChannelSettings(Dependent):
    """What the settings of every channel have."""

    def at_once(self) -> int:
        """How many deliveries may be under way at once."""
        return 20

    def at_home(self, zone: str) -> Self:
        """The same for an organisation in this time zone: what names none of its own takes it."""
        return self


S = TypeVar("S", bound=ChannelSettings)


class RateLimited(Transient):
    """The vendor did not take it and asks us to slow down. Safe to repeat after ``retry_after_s``."""


class NotSent(Transient):
    """It did not leave, or was provably not taken. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered text for one channel form and language."""

    template: str
    form: str
    language: str
    subject: str
    body: str
    html: str = ""
    segments: int = 0
    encoding: str = ""
    phase: str = ""
    """Where in the incident it belongs, as its file says: the status page takes its colour from it."""
    title: str = ""
    """What it says, in its language, where it has no subject and its file says so: for channels that show one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that can be given by pressing something, where the channel has buttons. ``value`` comes back to us."""

    value: str
    label: str
    good: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one address. ``key`` is the ledger's key: it never changes when this is asked about again."""

    key: str
    address: str
    message: Message
    since: float = 0.0
    choices: tuple[Choice, ...] = ()
    reply_url: str = ""
    """Where the vendor tells a pressed key, for a call about one question. Empty: the channel's own way."""
    others: frozenset[str] = frozenset()
    """Receipts that other deliveries of this run have, for a channel that finds ``by_number``."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The channel took the message. Not that anybody read it."""

    id: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """Something that a person sent back. ``sender`` is their address on this channel; ``at`` is epoch seconds."""

    sender: str
    text: str
    at: float
    id: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``bcp doctor``: ``ok``, ``warn`` or ``fail``, and what to do."""

    subject: str
    state: str
    message: str
    hint: str = ""


class Channel(ABC, Generic[S]):
    """A way to reach people. Subclasses raise ``RateLimited``, ``NotSent``, ``Permanent`` or ``InDoubt``,
    nothing else."""

    kind: ClassVar[str]
    form: ClassVar[str]
    """Which form of a message it carries: ``sms``, ``chat``, ``email`` or ``page``."""
    broadcast: ClassVar[bool] = False
    """True when one message reaches everybody (a chat channel, a page), so that there is one recipient: the place."""
    buttons: ClassVar[bool] = False
    """True where a message can carry ``choices`` that are pressed."""
    duty: ClassVar[bool] = False
    """True for alarms and tickets, which are for the people on duty alone: it plays the role ``duty`` and no other."""
    shares_fate_with: ClassVar[tuple[str, ...]] = ()
    """Outside parties whose outage takes this channel down, e.g. ``microsoft``."""
    by_number: ClassVar[bool] = False
    """True: the vendor's list shows to whom and when, and not what was said. ``find`` must not take one message for
    another: it is given the receipts of the others."""
    Settings: ClassVar[type[ChannelSettings]]

    def __init__(self, name: str, settings: S) -> None:
        self.name = name
        self.settings = settings

    def fate(self) -> tuple[str, ...]:
        """Outside parties whose outage takes this channel down: by its nature, and as the operator wrote."""
        return (*self.shares_fate_with, *self.settings.fate())

    @abstractmethod
    async def send(self, delivery: Delivery) -> Receipt:
        """Hand over one message. No hidden retry."""

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Was this delivery taken after all? ``None`` = provably not.

        Raises:
            InDoubt: when the channel cannot tell.
        """
        raise InDoubt(f"{self.kind} cannot be asked what it took", hint="Ask the recipient, then `bcp settle`.")

    def can_schedule(self) -> str:
        """Empty, or why a message cannot be left with the vendor for later."""
        return f"{self.kind} sends at once only"

    async def schedule(self, delivery: Delivery, at: float) -> Receipt:
        """Leave a message with the vendor, to go out at ``at`` (epoch seconds) even if we are gone.
        Raises as ``send`` does."""
        raise Invalid(self.can_schedule())

    async def unschedule(self, receipt_id: str) -> None:
        """Take it back. One that is gone already, or was taken back before, is fine. Raises as ``send`` does."""
        raise Invalid(self.can_schedule())

    async def answers(self, since: float) -> list[Inbound]:
        """What people sent back since then; empty where the channel carries no answers.

        Raises:
            Transient, Permanent: it cannot be asked now.
        """
        return []

    async def reports(self, since: float) -> dict[str, tuple[str, str]]:
        """What became of the messages taken since then, by receipt: status and error code. Empty where nobody says.

        Raises:
            Transient, Permanent: it cannot be asked now.
        """
        return {}

    @abstractmethod
    def address_of(self, contact: Contact) -> str:
        """This contact's address on this channel; empty when it has none."""

    def place(self) -> str:
        """The one address of a broadcast channel."""
        return self.name

    def seconds_for(self, segments: Sequence[int]) -> float:
        """How long the vendor needs for messages of these sizes, by its published rate; 0 when it does not matter."""
        return 0.0

    async def check(self) -> list[Check]:
        """Can it be reached, and are we allowed to use it? Sends nothing."""
        return [Check(self.name, "warn", f"{self.kind} has no check")]

    async def close(self) -> None:
        """Let connections go."""


class Page(ABC):
    """A page that people read, kept by a channel: entries come, stay and can be taken back. Mix it into the channel."""

    folder: Path
    """Where its files lie, so that the daemon can show them too."""

    @abstractmethod
    def publish(self, key: str, at: float, entry: Mapping[str, Any]) -> str:
        """Add or replace the entry of this key; returns where people read it. ``at`` is epoch seconds.

        ``entry`` holds title, html, text, template, language and phase. Raises ``StorageError``.
        """

    @abstractmethod
    def has(self, key: str) -> bool:
        """Is there an entry with this key?"""

    @abstractmethod
    def withdraw(self, key: str) -> None:
        """Take an entry back. One that is not there is fine. Raises ``StorageError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlugin(Configured[S]):
    """``PLUGIN`` of a channel's module."""

    family: ClassVar[str] = "channels"
    promises: ClassVar[type[Any] | None] = Channel

    make: type[Channel[S]]
    """The channel: a complete class, made with its name and its settings."""

    def create(self, name: str, settings: S) -> Channel[S]:
        """The channel of these settings, under this name."""
        return self.make(name, settings)
