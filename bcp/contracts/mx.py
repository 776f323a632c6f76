"""MX records as data (RFC 5321 section 5.1, RFC 7505)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

NULL_HOST = "."
"""The host of a null MX (RFC 7505): *this domain takes no mail*."""


class MxHost(NamedTuple):
    """One MX record's data: lower preference is tried first (RFC 5321 section 5.1)."""

    preference: int
    host: str
    """Absolute A-label name, lower case, with its final dot."""

    def __str__(self) -> str:
        return f"{self.preference} {self.host}"


@dataclass(frozen=True, slots=True)
class MxSet:
    """A whole MX RRset. Equality of content ignores TTL, as RFC 2136 section 1.1.1 does: see ``same``."""

    hosts: tuple[MxHost, ...]
    ttl_s: int

    def same(self, other: MxSet | None) -> bool:
        """Do both hold the same records, whatever their TTL?"""
        return other is not None and set(self.hosts) == set(other.hosts)

    def equal(self, other: MxSet | None) -> bool:
        """Do both hold the same records with the same TTL?"""
        return other is not None and self.same(other) and self.ttl_s == other.ttl_s

    @property
    def null(self) -> bool:
        """Is it, or does it contain, a null MX (RFC 7505)?"""
        return any(h.host == NULL_HOST for h in self.hosts)

    def __str__(self) -> str:
        return ", ".join(str(h) for h in sorted(self.hosts)) + f" (TTL {self.ttl_s})"

    def to_data(self) -> dict[str, Any]:
        """Plain data for plans and journals."""
        return {"hosts": [[h.preference, h.host] for h in sorted(self.hosts)], "ttl_s": self.ttl_s}

    @classmethod
    def from_data(cls, data: Any) -> MxSet:
        """The reverse of ``to_data``."""
        return cls(tuple(MxHost(int(p), str(h)) for p, h in data["hosts"]), int(data["ttl_s"]))
