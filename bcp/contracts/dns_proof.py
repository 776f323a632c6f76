"""What a DNS host says beside a switch: may we, how far has it got, what is ready, where does an answer come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Wildcard:
    """The MX of a name is made up from a wildcard (RFC 4592): the name has no record of its own."""

    owner: str
    """Such as ``*.shops.example``."""
    shadows: tuple[str, ...] = ()
    """Types (A, TXT ...) the name gets from wildcards too. They end when the name gets a record of its own."""


class Step(StrEnum):
    """How far a change has got at the host's own servers."""

    DONE = "done"
    PENDING = "pending"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one change has got, as the host says. The authoritative servers are asked anyway."""

    domain: str
    step: Step
    message: str = ""


class Permission(StrEnum):
    """May this credential make this change, here and now?"""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not-allowed"
    CANNOT_SAY = "cannot-say"
    """The host has no way to show it without a change, or did not answer."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a dry run on the wire showed. Nothing was changed, and nothing could have been."""

    domain: str
    permission: Permission
    message: str = ""
    hint: str = ""

    @property
    def allowed(self) -> bool:
        """Was it shown that we may?"""
        return self.permission is Permission.ALLOWED


@dataclass(frozen=True, slots=True)
class Warmth:
    """What was fetched in peacetime, so that an outage need not wait for it."""

    zones: Mapping[str, str] = field(default_factory=dict)
    """The host's zone id (or name) of each domain."""
    credential_ends: float | None = None
    """When the credential or its token ends, in seconds since the epoch. ``None``: not known, or never."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """By domain: why it is not ready."""
