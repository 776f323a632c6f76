"""Who serves what, now, and when the last cache that was seen is clean. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bcp.contracts.dns import MxSet


@dataclass(frozen=True, slots=True)
class Served:
    """What one address serves for one domain."""

    domain: str
    where: str
    """An authoritative address, or the name of a resolver."""
    cached: bool
    """A resolver: the TTL is what is left of it."""
    mx: MxSet | None = None
    problem: str = ""
    """Why it gave no usable answer."""
    at: float = 0.0
    """When it was asked, in seconds since the epoch."""

    def serves(self, wanted: MxSet) -> bool:
        """Is it what it should be?"""
        return not self.problem and wanted.same(self.mx)

    def clean_at(self, wanted: MxSet) -> float | None:
        """When this cache forgets the old set; ``None``: it has none, or nobody knows."""
        if not self.cached or self.problem or self.mx is None or wanted.same(self.mx):
            return None
        return self.at + self.mx.ttl_s


@dataclass(frozen=True, slots=True)
class Now:
    """All of them, as of one look."""

    served: tuple[Served, ...]
    wanted: dict[str, MxSet]
    switched_at: float = 0.0
    """When every authoritative address that answered first served the target; 0: not yet."""
    old_ttl_s: float = 0.0
    """The TTL that the old set was served with, as far as it was seen."""

    def state(self, one: Served) -> str:
        """``new``, ``old`` or ``silent``."""
        if one.problem:
            return "silent"
        return "new" if one.serves(self.wanted[one.domain]) else "old"

    def count(self, *, cached: bool) -> tuple[int, int]:
        """How many serve the target, of how many."""
        group = [s for s in self.served if s.cached is cached]
        return sum(1 for s in group if self.state(s) == "new"), len(group)

    @property
    def done(self) -> bool:
        """Does every one that was asked serve the target? A resolver that is silent keeps nobody waiting; an
        authoritative server that is silent is not called right."""
        states = [(s.cached, self.state(s)) for s in self.served]
        return bool(states) and all(state == "new" or (cached and state == "silent") for cached, state in states)

    def clean_at(self) -> float | None:
        """When the caches that were seen, and by the old TTL all others that keep to it, are clean.

        ``None``: the servers themselves do not serve the target yet, so that no cache can become clean for good.
        """
        if not self.switched_at:
            return None
        seen = [c for s in self.served if (c := s.clean_at(self.wanted[s.domain])) is not None]
        return max([self.switched_at + self.old_ttl_s, *seen])


def next_look(before: Now | None, served: Sequence[Served], wanted: dict[str, MxSet], now: float) -> Now:
    """The state after one more look. The old TTL is the longest that any authoritative server, or cache, served the
    old set with."""
    old = [s.mx.ttl_s for s in served if s.mx is not None and not s.problem and not wanted[s.domain].same(s.mx)]
    ttl = max([float(t) for t in old] + [before.old_ttl_s if before is not None else 0.0])
    sources = [s for s in served if not s.cached and not s.problem]
    moved = bool(sources) and all(s.serves(wanted[s.domain]) for s in sources)
    since = before.switched_at if before is not None and before.switched_at and moved else (now if moved else 0.0)
    return Now(tuple(served), wanted, since, ttl)
