"""Whole test mails: which came through, when one was tried last, and which mailboxes are not there. Pure.

A whole mail is the best evidence that there is, and rare. It speaks of the time at which it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from bcp.contracts.probe import OWN, REJECTS, Result, Signal, Watched
from bcp.detect.inbound import Around
from bcp.detect.looks import seconds_of

TRIP = "round-trip"
BOXES = "graph-mailbox"
NOT_THERE = OWN + "mailbox"
"""Kind of a look at a mailbox that does not exist."""
LOST_AFTER_S = 600.0
"""A mail that is called lost was sent so long ago, where its probe does not say when."""
DELIVERED_FOR = 1.5
"""A mail that came through speaks for so many of its probe's intervals."""
NOT_TAKEN = frozenset({"not-taken", "4xx-data", REJECTS})
"""Kinds of mails that were refused at the door."""


class Mails:
    """What is known from whole mails, and of the mailboxes that they and other looks go to. Times are steady."""

    def __init__(self) -> None:
        self._probes: dict[str, Watched] = {}
        self._delivered: dict[tuple[str, str], tuple[float, float]] = {}  # when it was sent, how long it speaks
        self._tried: dict[str, float] = {}
        self._gone: set[str] = set()
        self.last_delivered: float | None = None
        """When the newest mail that ever came through was sent."""

    def add(self, watched: Watched) -> None:
        """A probe that sends whole mails; others are no matter."""
        if watched.way == TRIP and not watched.control:
            self._probes[watched.probe] = watched

    def take(self, vantage: str, signal: Signal, watched: Watched, now: float) -> None:
        """One look of a probe that sends mails, or looks into mailboxes."""
        if watched.way == TRIP:
            self._mail(vantage, signal, watched, now)
        elif watched.way == BOXES:
            for part in signal.parts:
                (self._gone.add if part.kind == NOT_THERE else self._gone.discard)(part.recipient.lower())

    def _mail(self, vantage: str, signal: Signal, watched: Watched, now: float) -> None:
        lost = signal.kind == "lost"  # it was taken, and that is what counts here
        if lost or signal.result in {Result.OK, Result.DEGRADED}:
            took = signal.numbers.get("seconds", 0.0) or seconds_of(signal) or (LOST_AFTER_S if lost else 0.0)
            sent, until = now - max(0.0, took), now + DELIVERED_FOR * watched.every_s
            self._delivered[(signal.probe, vantage)] = (sent, until)
            self.last_delivered = max(sent, self.last_delivered or sent)
            self._tried[signal.probe] = max(sent, self._tried.get(signal.probe, sent))
            return
        self._delivered.pop((signal.probe, vantage), None)
        if signal.kind in NOT_TAKEN:
            self._tried[signal.probe] = now

    def around(self, now: float, domain: str = "", *, alike: bool = True) -> Around:
        """What whole mails say of ``domain`` (empty: of all).

        A mail that names no domain speaks of one only where all fare ``alike`` (*delivered-elsewhere*)."""
        mine = self.probes_of(domain, alike=alike)
        fresh = [sent for (p, _), (sent, until) in self._delivered.items() if p in mine and now <= until]
        return Around(
            max(fresh, default=None),
            self.last_delivered if alike else None,
            now=now,
            mails=bool(mine),
            tried_at=max((t for p, t in self._tried.items() if p in mine), default=None),
            gone=frozenset(self._gone),
        )

    def probes_of(self, domain: str = "", *, alike: bool = True) -> Mapping[str, Watched]:
        """The probes whose mails speak of it."""
        return {p: w for p, w in self._probes.items() if not domain or domain in w.domains or (alike and not w.domains)}
