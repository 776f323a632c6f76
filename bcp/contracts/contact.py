"""People and the ways to reach them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Contact:
    """A person. ``phone`` is E.164, checked when it was imported, never parsed again."""

    id: str
    name: str = ""
    email: str = ""
    phone: str = ""
    slack: str = ""
    language: str = ""
    groups: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    title: str = ""
    manager: str = ""
    """Id of the person above, for call trees."""
    timezone: str = ""
    """IANA name, for quiet hours."""
    quiet: str = ""
    """Hours in which not to be disturbed: ``22:00-07:00``."""
    channels: tuple[str, ...] = ()
    """The channels (or kinds of them) by which this person wants to be told, the first one first; empty: all."""
    optout: tuple[str, ...] = ()
    """Channels that this person does not want."""


class Choosy(Protocol):
    """Whoever wants some channels and not others."""

    @property
    def channels(self) -> Sequence[str]:
        """See ``Contact``."""

    @property
    def optout(self) -> Sequence[str]:
        """See ``Contact``."""


def wants(person: Choosy, name: str, form: str) -> bool:
    """May this person be told by the channel of this name and kind? A no wins over a wish."""
    ways, own = {name, form}, getattr(person, "channels", ())
    return not ways & {*person.optout} and (not own or bool(ways & {*own}))
