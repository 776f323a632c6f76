"""What a channel promises: it takes one message for one address, and says honestly what became of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from bcp.contracts.contact import Contact
from bcp.contracts.plugin import PluginSettings
from bcp.kernel.errors import Invalid, Transient

S = TypeVar("S", bound=PluginSettings)


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
    """A way to reach people. Subclasses raise ``RateLimited``, ``NotSent``, ``Permanent`` or ``InDoubt``, nothing else."""

    kind: ClassVar[str]
    form: ClassVar[str]
    """Which form of a message it carries: ``sms``, ``chat``, ``email`` or ``page``."""
    broadcast: ClassVar[bool] = False
    """True when one message reaches everybody (a chat channel, a page), so that there is one recipient: the place."""
    shares_fate_with: ClassVar[tuple[str, ...]] = ()
    """Outside parties whose outage takes this channel down, e.g. ``microsoft``."""
    Settings: ClassVar[type[PluginSettings]]

    def __init__(self, name: str, settings: S) -> None:
        self.name = name
        self.settings = settings

    @abstractmethod
    async def send(self, delivery: Delivery) -> Receipt:
        """Hand over one message. No hidden retry."""

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Was this delivery taken after all? ``None`` = provably not.

        Raises:
            InDoubt: when the channel cannot tell.
        """
        from bcp.kernel.errors import InDoubt  # noqa: PLC0415

        raise InDoubt(f"{self.kind} cannot be asked what it took", hint="Ask the recipient, then `bcp settle`.")

    def can_schedule(self) -> str:
        """Empty, or why a message cannot be left with the vendor for later."""
        return f"{self.kind} sends at once only"

    async def schedule(self, delivery: Delivery, at: float) -> Receipt:
        """Leave a message with the vendor, to go out at ``at`` (epoch seconds) even if we are gone. Raises as ``send`` does."""
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
