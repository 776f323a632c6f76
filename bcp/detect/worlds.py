"""Made-up outages by the thousand: a world that breaks in known ways, seen through probers that break as well.

The truth of a world is known without the detector: it is what was broken when the world was made. ``play`` looks at it
through a real detector in virtual time and returns what went against the truth. Seeded: a seed is a world.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bcp.contracts.probe import Result, Role, Signal, Watched
from bcp.detect.detector import Detector
from bcp.detect.harm import rule_s
from bcp.detect.rules import Rules
from bcp.detect.verdict import Decision

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
RULES = Rules(
    interval_s=60.0, confirm_for_s=60.0, decide_b_s=2400.0, decide_e_s=1200.0, dwell_s=600.0, keep_firing_for_s=900.0
)
ROUNDS = 110
START = 1_770_000_000.0
RECENT = 20
"""Rounds that the share of an outage that goes on is judged over."""
LATEST = 5
"""Rounds from one look of the rarest probe to its next."""
SURE = 0.8
"""Shares of failing looks from here on must be found; below the configured share a switch is harm."""


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
        return frozenset(_CLASS[f.what] for f in self.faults if f.what in _CLASS and f.active(n))


_CLASS = {
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
_MOVING = frozenset("BEF")


def make(seed: int) -> World:
    """The world of a seed."""
    rng = random.Random(seed)
    places = tuple(f"place-{i}" for i in range(rng.choice((1, 2, 3, 3, 3, 4, 5, 6))))
    shared = rng.random() < 0.2 and len(places) > 2
    networks = {p: ("same" if i else "own") for i, p in enumerate(places)} if shared else {}
    faults = [_fault(rng, rng.choice(tuple(_CLASS)), places) for _ in range(rng.choice((0, 1, 1, 1, 1, 2)))]
    faults += [_fault(rng, rng.choice(_OURS), places) for _ in range(rng.choice((0, 0, 1, 1, 2)))]
    jumps = ((rng.randrange(5, ROUNDS), rng.choice((-1, 1)) * rng.uniform(600, 40_000)),) if rng.random() < 0.2 else ()
    return World(seed, places, networks, _probes(rng), tuple(faults), jumps, rng.random() < 0.5)


def _fault(rng: random.Random, what: str, places: Sequence[str]) -> Fault:
    begin = rng.randrange(5, 50)
    end = min(ROUNDS, begin + rng.choice((3, 10, 30, 45, 60, 100)))
    share = rng.choice((1.0, 1.0, 1.0, 0.9, 0.8, 0.5, 0.45, 0.3)) if what in _CLASS else 1.0
    some: tuple[str, ...] = ()
    if what in {"throttled", "cut-off", "port-25", "silent"} and rng.random() < 0.7:
        some = tuple(rng.sample(places, rng.randrange(1, len(places) + 1)))
    on, off = (rng.randrange(2, 12), rng.randrange(2, 12)) if rng.random() < 0.12 and what in _CLASS else (0, 0)
    kind = rng.choice(("4xx-greeting", "4xx-rcpt", "timeout", "refused", "closed"))
    return Fault(what, begin, end, share, share < 1 and rng.random() < 0.3, on, off, some, kind)


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


# -- looking -----------------------------------------------------------------------------------------------------------


@dataclass
class Eyes:
    """Looks at a world. What is seen follows from what is broken on the way."""

    world: World
    _fates: dict[tuple[int, int], float] = field(default_factory=dict)

    def signals(self, n: int, wall: float) -> Iterator[Signal]:
        """All looks of one round."""
        for place in self.world.places:
            if self._on("silent", place, n):
                continue
            for w in self.world.probes:
                if n % max(1, round(w.every_s / 60.0)):
                    continue
                result, kind = self._look(w, place, n)
                yield Signal(
                    w.probe, w.plane, result, wall, kind, kind, w.control, {}, "" if place == "place-0" else place
                )

    def _on(self, what: str, place: str, n: int) -> Fault | None:
        for f in self.world.faults:
            if f.what == what and f.active(n) and (not f.places or place in f.places):
                return f
        return None

    def _hit(self, what: str, probe: str, place: str, n: int) -> Fault | None:
        """Does this look meet the fault?"""
        fault = self._on(what, place, n)
        if fault is None or fault.share >= 1.0:
            return fault
        name = f"{self.world.seed}/{what}/{n}" if fault.together else f"{self.world.seed}/{what}/{probe}/{place}/{n}"
        return fault if random.Random(name).random() < fault.share else None

    def _look(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        if w.role is Role.PEOPLE:
            real = self.world.broken(n) & {"B", "E", "F"}
            return (FAIL, "people") if self._on("people-lie", place, n) or (real and n % 2) else (UNKNOWN, "silent")
        if w.role is Role.DECLARED:
            return self._declared(place, n)
        if self._on("cut-off", place, n):
            return (UNKNOWN, "not-taken") if w.way == "round-trip" else (FAIL, "timeout")
        if w.control:
            blocked = w.medium == "smtp" and self._on("port-25", place, n)
            return (FAIL, "timeout") if blocked else (OK, "")
        return _LOOKS[w.way if w.plane != "gateway" else "gateway"](self, w, place, n)

    def _declared(self, place: str, n: int) -> tuple[Result, str]:
        if self._on("feed-lies", place, n):
            return FAIL, "degradation"
        if self._on("advisory", place, n):
            return DEGRADED, "advisory"
        return (FAIL, "degradation") if self.world.broken(n) and n % 3 else (UNKNOWN, "none")

    def smtp(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """A known recipient."""
        if self._hit("names", "names", place, n):
            return UNKNOWN, "unresolved"
        if self._on("port-25", place, n):
            return FAIL, "timeout"
        if self._on("throttled", place, n):
            return FAIL, "throttled"
        for what in ("inbound", "known-only"):
            if fault := self._hit(what, w.probe, place, n):
                return FAIL, fault.kind
        if self._hit("rejects", w.probe, place, n) or (w.probe == "smtp-1" and self._on("removed", place, n)):
            return FAIL, "rejects"
        if self._on("degraded", place, n) or self._on("family-6", place, n):
            return DEGRADED, "timeout"
        return (DEGRADED, "slow") if self._on("slow", place, n) else (OK, "")

    def unknown(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """A recipient that does not exist."""
        if self._hit("names", "names", place, n):
            return UNKNOWN, "unresolved"
        if self._on("port-25", place, n):
            return FAIL, "timeout"
        if self._on("throttled", place, n):
            return FAIL, "throttled"
        if fault := self._hit("inbound", w.probe, place, n):
            return FAIL, fault.kind
        return (FAIL, "4xx-rcpt") if self._on("unknown-deferred", place, n) else (OK, "")

    def trip(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """A whole mail, there and out again. Its recipient is another one, and it is sent by the real mail system."""
        met = any(self._hit(f, w.probe, place, n) for f in ("inbound", "known-only", "rejects", "names"))
        if met or self._on("port-25", place, n):
            return UNKNOWN, "not-taken"
        return (FAIL, "lost") if self._hit("outbound", w.probe, place, n) else (OK, "delivered")

    def names(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """The MX host's name."""
        if self._hit("names", "names", place, n):
            return FAIL, "servfail"
        return (DEGRADED, "nxdomain") if self._on("resolver", place, n) else (OK, "")

    def boxes(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """Mailboxes over Graph."""
        if self._on("graph-limit", place, n):
            return FAIL, "throttled"
        if self._hit("auth", "auth", place, n):
            return UNKNOWN, "no-token"
        return (FAIL, "5xx") if self._hit("mailbox", w.probe, place, n) else (OK, "")

    def sign_in(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """Entra."""
        return (FAIL, "5xx") if self._hit("auth", "auth", place, n) else (OK, "")

    def edge(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """The web front door."""
        return (FAIL, "timeout") if self._hit("edge", w.probe, place, n) else (OK, "")

    def gateway(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """The way through the relay."""
        if self._on("port-25", place, n):
            return FAIL, "timeout"
        return (FAIL, "4xx-rcpt") if self._hit("gateway", w.probe, place, n) else (OK, "")


_LOOKS: dict[str, Callable[[Eyes, Watched, str, int], tuple[Result, str]]] = {
    "smtp": Eyes.smtp,
    "smtp-unknown": Eyes.unknown,
    "round-trip": Eyes.trip,
    "dns": Eyes.names,
    "graph-mailbox": Eyes.boxes,
    "entra": Eyes.sign_in,
    "https": Eyes.edge,
    "imap": Eyes.edge,
    "gateway": Eyes.gateway,
}


# -- playing -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Course:
    """The verdicts of one world, and what was against its truth."""

    decisions: tuple[Decision, ...]
    harms: tuple[str, ...]
    misses: tuple[str, ...]

    def switches(self) -> frozenset[int]:
        """Rounds in which a switch was proposed."""
        return frozenset(n for n, d in enumerate(self.decisions) if d.action == "switch")


def play(
    world: World, *, rules: Rules = RULES, shuffle: random.Random | None = None, jumps: bool = True, obey: bool = True
) -> Course:
    """Look at a world round by round, and judge what is proposed by its truth.

    ``shuffle`` brings the looks of each round into another order; ``jumps=False`` leaves the clock alone;
    ``obey=False``: nobody carries out what is proposed.
    """
    detector = Detector(rules, world.probes, vantages=world.places, here=world.places[0], networks=world.networks)
    eyes, decisions = Eyes(world), []
    harms: list[str] = []
    moved = False
    for n in range(ROUNDS):
        off = sum(s for at, s in world.jumps if at <= n) if jumps else 0.0
        real = START + 60.0 * n
        looks = list(eyes.signals(n, real))
        if shuffle is not None:
            shuffle.shuffle(looks)
        for signal in looks:
            detector.take(replace(signal, at=real + off) if not signal.vantage else signal)
        found = detector.settle(60.0 * n, real + off)
        decisions.append(found)
        harms += harm_of(world, n, found)
        if obey and world.answers and found.action == "switch" and not moved:
            moved = True
            detector.event("active", 60.0 * n)
    misses = [] if moved else list(_misses(world, decisions, rules))
    return Course(tuple(decisions), tuple(harms), tuple(misses))


def harm_of(world: World, n: int, found: Decision) -> list[str]:
    """Is what is proposed in this round harm, by what is broken in it?"""
    broken = [f for f in world.faults if f.what in _CLASS and f.active(n)]
    worth = [f for f in broken if _CLASS[f.what] in _MOVING and (f.share >= RULES.switch_share or f.what == "rejects")]
    if found.action == "switch" and not worth:
        rounds = range(n - RECENT + 1, n + 1) if any(_CLASS[f.what] in _MOVING for f in broken) else (n,)
        if sum(_failing(world, k) for k in rounds) < RULES.switch_share * len(rounds) and not unseen_end(world, n):
            return [f"round {n}: switch while {_names(world, n)} is broken"]
    if found.action == "failback" and world.broken(n) & _MOVING:
        return [f"round {n}: failback while {_names(world, n)} is broken"]
    return []


def unseen_end(world: World, n: int) -> bool:
    """Can nobody know in this round that an outage is over? Were it still there, every look would find the same."""
    for i, fault in enumerate(world.faults):
        if _CLASS.get(fault.what) not in _MOVING or fault.on or not fault.end <= n < fault.end + LATEST:
            continue
        on = replace(world, faults=(*world.faults[:i], replace(fault, end=n + 1), *world.faults[i + 1 :]))
        if all(list(Eyes(world).signals(k, 0.0)) == list(Eyes(on).signals(k, 0.0)) for k in range(fault.end, n + 1)):
            return True
    return False


def _failing(world: World, n: int) -> float:
    """Share of looks that fail for what moves MX."""
    return 1 - math.prod(1 - f.share for f in world.faults if _CLASS.get(f.what) in _MOVING and f.active(n))


def _names(world: World, n: int) -> str:
    return ", ".join(f"{f.what} {f.share:g}" for f in world.faults if f.active(n)) or "nothing"


def must_find(world: World, fault: Fault) -> bool:
    """Is this an outage that has to be found: sure, steady, long enough, and seen by probers that are well?"""
    if _CLASS.get(fault.what) not in _MOVING or fault.share < SURE or fault.on:
        return False
    ours = [f for f in world.faults if f is not fault and f.begin < fault.end and fault.begin < f.end + 20]
    if any(f.what not in {"feed-lies", "people-lie", "advisory", "mailbox", "auth", "edge", "slow"} for f in ours):
        return False
    names = {w.probe for w in world.probes}
    if fault.what == "names":
        return "names" in names
    return fault.what != "rejects" or "smtp-2" in names


def _misses(world: World, decisions: Sequence[Decision], rules: Rules) -> Iterator[str]:
    for fault in world.faults:
        if not must_find(world, fault):
            continue
        letter = _CLASS[fault.what]
        lasted = (fault.end - fault.begin) * rules.interval_s
        decide = max(rules.decide_s(letter) or 0.0, rule_s(letter, rules))
        slack = (1.0 if fault.share == 1.0 else 1.5) * decide + (2 if fault.share == 1.0 else 10) * rules.interval_s
        last = fault.begin + int(slack / rules.interval_s)
        during = decisions[fault.begin : min(last + 1, fault.end)]
        if lasted > slack + rules.interval_s and not any(d.action in {"switch", "ask"} for d in during):
            yield f"{fault.what} {fault.share:g} from round {fault.begin} is not proposed by round {last}"
        rule = fault.begin + int(rule_s(letter, rules) / rules.interval_s) + (1 if fault.share == 1.0 else 20)
        if fault.end > rule + 1 and not any(letter in d.classes for d in decisions[fault.begin : rule + 1]):
            yield f"{fault.what} {fault.share:g} from round {fault.begin} is not named by round {rule}"
