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
