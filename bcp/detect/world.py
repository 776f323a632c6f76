"""A made-up world: what is there, what is looked at from where, and what breaks. Seeded: a seed is a world. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bcp.contracts.probe import Role, Watched

ROUNDS = 110
"""Rounds of a world."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is broken, from round to round."""

    what: str
    begin: int
    end: int
    share: float = 1.0
    together: bool = False
    """All looks of a round share one fate."""
    on: int = 0
    off: int = 0
    """It comes and goes, in rounds; 0: it stays."""
    places: tuple[str, ...] = ()
    """Only there; empty: everywhere."""
    kind: str = ""

    def active(self, n: int) -> bool:
        """Is it broken in this round?"""
        if not self.begin <= n < self.end:
            return False
        return not self.on or (n - self.begin) % (self.on + self.off) < self.on


@dataclass(frozen=True, slots=True)
class World:
    """What is there, what is looked at from where, and what breaks."""

    seed: int
    places: tuple[str, ...]
    networks: dict[str, str]
    probes: tuple[Watched, ...]
    faults: tuple[Fault, ...]
    jumps: tuple[tuple[int, float], ...] = ()
    """(round, seconds) by which our own clock is set."""
    answers: bool = False
    """Somebody carries out what is proposed."""

    def broken(self, n: int) -> frozenset[str]:
        """Faults of the service in this round, by class."""
        return frozenset(CLASS[f.what] for f in self.faults if f.what in CLASS and f.active(n))


CLASS = {
    "inbound": "B",
    "known-only": "B",
    "rejects": "F",
    "names": "E",
    "mailbox": "A",
    "auth": "D",
    "gateway": "G",
    "edge": "E-edge",
    "outbound": "C",
}
"""What is an outage, and of which class. Everything else that breaks is ours, or nothing."""
_OURS = (
    "removed",
    "throttled",
    "cut-off",
    "port-25",
    "family-6",
    "unknown-deferred",
    "graph-limit",
    "silent",
    "feed-lies",
    "people-lie",
    "degraded",
    "slow",
    "resolver",
    "advisory",
)
"""What is ours, or nothing; and ``sender``, ``removed`` and ``removed-2``, which are dealt apart."""
MOVING = frozenset("BEF")
REMOVED = {"smtp-1": "removed", "smtp-2": "removed-2"}
"""The mailbox of each probe of known recipients, as a fault that is ours."""


def make(seed: int) -> World:
    """The world of a seed."""
    rng = random.Random(seed)
    places = tuple(f"place-{i}" for i in range(rng.choice((1, 2, 3, 3, 3, 4, 5, 6))))
    shared = rng.random() < 0.2 and len(places) > 2
    networks = {p: ("same" if i else "own") for i, p in enumerate(places)} if shared else {}
    faults = [_fault(rng, rng.choice(tuple(CLASS)), places) for _ in range(rng.choice((0, 1, 1, 1, 1, 2)))]
    faults += [_fault(rng, rng.choice(_OURS), places) for _ in range(rng.choice((0, 0, 1, 1, 2)))]
    jumps = ((rng.randrange(5, ROUNDS), rng.choice((-1, 1)) * rng.uniform(600, 40_000)),) if rng.random() < 0.2 else ()
    probes = _probes(rng)
    cleared = _cleared(random.Random(f"{seed}/cleared"), probes)
    faults += cleared
    probes += (ZONE,) if cleared else ()  # of whose mail comes through nothing may be taken by that
    faults += _refused_sender(random.Random(f"{seed}/sender"), places)
    return World(seed, places, networks, probes, tuple(faults), jumps, rng.random() < 0.5)


def _cleared(rng: random.Random, probes: Sequence[Watched]) -> list[Fault]:
    """Somebody clears away what nobody seems to use: both monitoring mailboxes, at once or one after the other. Where
    no whole mails are sent nobody could tell that from false rejects, and no world is made of it."""
    if not {"smtp-2", "trip"} <= {p.probe for p in probes} or rng.random() >= 0.08:
        return []
    begin = rng.randrange(5, 50)
    later = begin + rng.choice((0, 0, 0, 1, 3, 20))
    end = begin + rng.choice((20, 45, 100))
    return [Fault("removed", begin, min(ROUNDS, end)), Fault("removed-2", later, min(ROUNDS, end + 10))]


def _refused_sender(rng: random.Random, places: Sequence[str]) -> list[Fault]:
    """What we are ourselves is refused, or nothing is seen at the door: our looks say nothing, and our mails, which go
    the same way, are not taken."""
    if rng.random() >= 0.1:
        return []
    begin = rng.randrange(5, 50)
    end = min(ROUNDS, begin + rng.choice((10, 45, 100)))
    some = tuple(rng.sample(places, rng.randrange(1, len(places) + 1))) if rng.random() < 0.4 else ()
    kind = rng.choice(("own-sender", "own-greeting", "own-connector", "greylisted", "overran", "no-route"))
    return [Fault("sender", begin, end, places=some, kind=kind)]


def _fault(rng: random.Random, what: str, places: Sequence[str]) -> Fault:
    begin = rng.randrange(5, 50)
    end = min(ROUNDS, begin + rng.choice((3, 10, 30, 45, 60, 100)))
    share = rng.choice((1.0, 1.0, 1.0, 0.9, 0.8, 0.5, 0.45, 0.3)) if what in CLASS else 1.0
    some: tuple[str, ...] = ()
    if what in {"throttled", "cut-off", "port-25", "silent"} and rng.random() < 0.7:
        some = tuple(rng.sample(places, rng.randrange(1, len(places) + 1)))
    on, off = (rng.randrange(2, 12), rng.randrange(2, 12)) if rng.random() < 0.12 and what in CLASS else (0, 0)
    kind = rng.choice(("4xx-greeting", "4xx-rcpt", "timeout", "refused", "closed"))
    return Fault(what, begin, end, share, share < 1 and rng.random() < 0.3, on, off, some, kind)


ZONE = Watched("zone", "own-mx", "dns", medium="dns", domains=("one.example", "two.example"))
"""Our own zones, looked at by name: they are well."""
_WATCHED: tuple[tuple[float, tuple[Watched, ...]], ...] = (
    (0.6, (Watched("smtp-2", "smtp", "inbound", medium="smtp"),)),
    (0.7, (Watched("unknown", "smtp-unknown", "inbound", medium="smtp"),)),
    (0.9, (Watched("names", "dns", "dns", medium="dns"),)),
    (0.8, (Watched("trip", "round-trip", "outbound", medium="smtp", every_s=300.0),)),
    (0.8, (Watched("boxes", "graph-mailbox", "mailbox", medium="https"),)),
    (0.6, (Watched("sign-in", "entra", "auth", medium="https"),)),
    (0.7, (Watched("owa", "https", "edge", medium="https"), Watched("imap", "imap", "edge", medium="https"))),
    (0.6, (Watched("gateway", "smtp", "gateway", medium="smtp"),)),
    (0.6, (Watched("health", "graph-health", "declared", Role.DECLARED, "https"),)),
    (0.5, (Watched("people", "people", "inbound", Role.PEOPLE),)),
)
"""Probes that a world may have, each with its chance between 0 and 1."""


def _probes(rng: random.Random) -> tuple[Watched, ...]:
    out = [Watched("smtp-1", "smtp", "inbound", medium="smtp")]
    for chance, probes in _WATCHED:
        if rng.random() < chance:
            out += probes
    for medium, kind in (("smtp", "smtp"), ("https", "https"), ("dns", "dns")):
        out.append(Watched(f"control-{medium}", kind, "edge", medium=medium, control=True))
    return tuple(out)
