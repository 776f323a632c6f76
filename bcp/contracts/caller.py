"""What a caller promises: a vendor that tells us what people answered and what became of messages.

It proves each call, and turns it into one thing that was said. What follows is decided by us: a plug-in opens no gate.
Its address is ``/callers/NAME/PATH``. A vendor that need not reach us (we open a connection to it) gives ``listen``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from bcp.contracts.channel import Inbound
from bcp.contracts.hook import Unauthentic
from bcp.contracts.plugin import Configured, PluginSettings

__all__ = ["Answered", "Call", "Caller", "CallerPlugin", "CallerSettings", "Keyed", "Pressed", "Reply", "Reported",
           "Said", "Texted", "Told", "Unauthentic", "language_of", "told"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as it came. Header names are in lower case; ``at`` is our clock in epoch seconds."""

    path: str
    """What stands behind the caller's own address: ``sms``, ``gather/TOKEN``."""
    url: str
    """The whole public address that was called, with its query: some vendors sign it."""
    raw: bytes
    headers: Mapping[str, str]
    at: float


@dataclass(frozen=True, slots=True)
class Texted:
    """A person sent a text. ``opt``: ``stop`` or ``start`` where the vendor says that they leave, or return."""

    message: Inbound
    opt: str = ""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A person pressed keys (``message.text``; empty: none) in a call that read a message to them."""

    message: Inbound


@dataclass(frozen=True, slots=True)
class Answered:
    """A key in a call about one question. ``link`` is the token that the call was made with; ``None``: neither key."""

    link: str
    yes: bool | None


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button. ``sender`` is the person's address at the vendor; ``value`` the value of ``Choice`` that we sent."""

    sender: str
    value: str


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of the message with this receipt, in the vendor's words. Reports may come in any order."""

    receipt: str
    status: str
    error: str = ""


class Told(str):
    """Words for whoever said something. They are text, and say in which language: a voice that reads them aloud has to
    know it. Make it with ``told``; words without a language are English."""

    language: str = "en"


def told(text: str, language: str) -> Told:
    """These words, which are in this language (``de``)."""
    made = Told(text)
    made.language = language
    return made


def language_of(words: str) -> str:
    """The language that these words are in."""
    return words.language if isinstance(words, Told) else Told.language


Said = Texted | Keyed | Answered | Pressed | Reported
"""What a call can tell us."""
Hear = Callable[[Said], Awaitable[str]]
"""Takes what was said; gives the words for whoever said it, in their language (``Told``). Never raises."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the vendor is answered."""

    body: str = ""
    media: str = "text/plain"
    status: int = 200


class CallerSettings(PluginSettings):
    """What the settings of every caller have."""


S = TypeVar("S", bound=CallerSettings)


class Caller(ABC, Generic[S]):
    """One vendor that calls us. It keeps no state and writes nothing."""

    kind: ClassVar[str]
    forms: ClassVar[tuple[str, ...]] = ()
    """Content types that it sends; another is answered with 415. Empty: any."""
    example: ClassVar[str] = ""
    """For the docs: how the vendor is set up. ``{url}`` is the caller's own address."""
    voices: ClassVar[tuple[str, ...]] = ()
    """Kinds of channels whose calls about one question are answered at ``answer_path``."""
    answer_path: ClassVar[str] = ""
    """Where: ``gather/{link}``."""
    Settings: ClassVar[type[CallerSettings]]

    def __init__(self, name: str, settings: S) -> None:
        self.name, self.settings = name, settings

    def takes_calls(self) -> bool:
        """Is it set up to be called? False: its address does not exist."""
        return True

    def listens(self) -> bool:
        """Is it set up to open a connection of its own (``listen``)?"""
        return False

    @abstractmethod
    async def prove(self, call: Call) -> None:
        """Raises ``Unauthentic`` unless the vendor itself made this call, as it is; ``Invalid`` for a broken body."""

    @abstractmethod
    def heard(self, call: Call) -> Said:
        """What a proven call says. Raises ``Invalid`` for another shape, ``Missing`` for another path."""

    @abstractmethod
    def reply(self, said: Said, words: str) -> Reply:
        """What the vendor is answered, once what it said is on disk. ``words`` are for the person, in the language
        that ``language_of`` tells; they may be empty."""

    async def listen(self, hear: Hear) -> None:
        """Until cancelled: over a connection that we open, ``hear`` whatever the vendor tells."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerPlugin(Configured[S], Generic[S]):
    """``PLUGIN`` of a caller's module."""

    family: ClassVar[str] = "callers"
    promises: ClassVar[type[Any] | None] = Caller

    make: type[Caller[S]]
    """The caller: a complete class, made with its name and its settings."""

    def create(self, name: str, settings: S) -> Caller[S]:
        """The caller of these settings, under this name."""
        return self.make(name, settings)
