"""People and the ways to reach them."""

from __future__ import annotations

from dataclasses import dataclass


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
    """Own order of channels, the first one first."""
    optout: tuple[str, ...] = ()
    """Channels that this person does not want."""
