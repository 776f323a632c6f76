"""What probers see of a made-up world. It follows from what is broken on the way, and from nothing else. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from bcp.contracts.probe import Result, Role, Signal, Watched
from bcp.detect.mails import TAKEN
from bcp.detect.world import REMOVED, Fault, World

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED


@dataclass
class Eyes:
    """Looks at a world. What is seen follows from what is broken on the way."""

    world: World
    relayed: bool = False
    """MX is on the relay: whole mails go there."""

    def signals(self, n: int, wall: float, asked: Container[str] = ()) -> Iterator[Signal]:
        """All looks of one round. ``asked``: probes that look although it is not their turn."""
        for place in self.world.places:
            if self._on("silent", place, n):
                continue
            for w in self.world.probes:
                if n % max(1, round(w.every_s / 60.0)) and w.probe not in asked:
                    continue
                result, kind = self._look(w, place, n)
                if kind == "lost":  # the door is told apart from what comes after it, at once
                    yield Signal(w.probe, w.plane, UNKNOWN, wall, TAKEN, vantage="" if place == "place-0" else place)
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
        if fault := self._on("sender", place, n):
            return UNKNOWN, fault.kind
        for what in ("inbound", "known-only"):
            if fault := self._hit(what, w.probe, place, n):
                return FAIL, fault.kind
        if self._hit("rejects", w.probe, place, n) or self._on(REMOVED.get(w.probe, ""), place, n):
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
        if fault := self._on("sender", place, n):
            return UNKNOWN, fault.kind
        if fault := self._hit("inbound", w.probe, place, n):
            return FAIL, fault.kind
        return (FAIL, "4xx-rcpt") if self._on("unknown-deferred", place, n) else (OK, "")

    def trip(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """A whole mail, there and out again. Its recipient is another one, and it is sent by the real mail system."""
        met = any(self._hit(f, w.probe, place, n) for f in ("inbound", "known-only", "rejects", "names"))
        if self.relayed and not self._on("port-25", place, n):
            return (UNKNOWN, TAKEN) if met else (OK, "delivered")
        if met or self._on("port-25", place, n) or self._on("sender", place, n):
            return UNKNOWN, "not-taken"
        return (FAIL, "lost") if self._hit("outbound", w.probe, place, n) else (OK, "delivered")

    def names(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """The MX host's name."""
        if self._hit("names", "names", place, n):
            return FAIL, "servfail"
        return (DEGRADED, "nxdomain") if self._on("resolver", place, n) else (OK, "")

    def zone(self, w: Watched, place: str, n: int) -> tuple[Result, str]:
        """Our own zones."""
        return OK, ""

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
    "own-mx": Eyes.zone,
    "graph-mailbox": Eyes.boxes,
    "entra": Eyes.sign_in,
    "https": Eyes.edge,
    "imap": Eyes.edge,
    "gateway": Eyes.gateway,
}
