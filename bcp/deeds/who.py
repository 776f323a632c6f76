"""Who does a deed, by which door, and what that door lets them do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from bcp.kernel.errors import Refused
from bcp.store.sqlite.book import Book
from bcp.wiring import App

T = TypeVar("T")
RUN, APPROVE = "run", "approve"
"""What a role or a scope allows: to plan, start, stop and settle; to say yes or no."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whoever does the deed. A door has proven it."""

    name: str
    """The account, token or login."""
    contact: str = ""
    """The person in the contacts whose word this is; empty: it belongs to no person."""
    how: str = ""
    """By which door, for the record: ``console as ann``, ``api token ci``, ``command line``."""
    can: frozenset[str] = field(default_factory=frozenset)

    @property
    def person(self) -> str:
        """The name under which the deed stands in the record."""
        return self.contact or self.name

    def must(self, right: str) -> None:
        """Raises ``Refused`` (``not-allowed``)."""
        if right not in self.can:
            hint = "Ask somebody who may, or get the right: bcp user, bcp token."
            raise Refused(f"{self.name} may not {right}", rule="not-allowed", hint=hint)

    def must_be_a_person(self) -> None:
        """Raises ``Refused`` (``no-person``)."""
        if not self.contact:
            hint = "bcp user add NAME --contact CONTACT, bcp token add NAME --contact CONTACT, or --as CONTACT."
            raise Refused(
                f"{self.name} belongs to no contact: a named person has to do this", rule="no-person", hint=hint
            )


class Do(Protocol):
    """Reads or writes the book of incidents in one transaction."""

    async def __call__(self, work: Callable[[Book], T], /) -> T:
        """What ``work`` returned. Raises ``StorageError``."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What deeds stand on: the parts of the configuration, the book, and whether a daemon goes on with runs."""

    app: App
    do: Do
    adopted: bool
    """Does a daemon of this state go on with runs that nobody works on?"""
    fresh: Callable[[], Awaitable[Mapping[str, Any]]]
    """A look at the service of this moment, as data."""
    wake: Callable[[str], None] = lambda run: None
    """Lets a run of this process read at once what it was told."""
