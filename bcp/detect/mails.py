"""Whole test mails: which came through, when one was tried last, and which mailboxes are not there. Pure.

A whole mail is the best evidence that there is, and rare. It speaks of the time at which it was sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

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
TAKEN = "taken"
"""Kind of a mail that was taken at the door; what became of it is not known yet."""
NOT_TAKEN = frozenset({"not-taken", "4xx-data", REJECTS})
"""Kinds of mails that were refused at the door."""


class Mails:
    """What is known from whole mails, and of the mailboxes that they and other looks go to. Times are steady."""

    def __init__(self) -> None:
        self._probes: dict[str, Watched] = {}
        self._delivered: dict[tuple[str, str], tuple[float, float]] = {}  # when it was sent, how long it speaks
        self._tried: dict[str, float] = {}
        self._gone: set[str] = set()
        self._came: dict[str, float] = {}  # of each probe, when its newest mail that ever came through was sent
        self._lost: dict[str, float] = {}  # of each probe, when its newest mail was sent that never came out
        self._out: dict[str, float] = {}  # and its newest that did
        self._blind: dict[tuple[str, str], bool] = {}  # newest that was not taken: did nothing show why?
        self.asked_at: float | None = None
        """Since when a mail that was asked for out of turn has no answer; ``None``: none is awaited."""
        self._relay = (math.inf, math.inf)  # from when to when mails go to the relay
        self._clear: float | None = None

    def follow(self, moved_at: float | None, clear_since: float | None, now: float) -> None:
        """MX is on the relay since ``moved_at`` (``None``: it is not), and inbound mail clear since ``clear_since``."""
        if moved_at is not None:
            self._relay = (moved_at, math.inf)
        elif self._relay[1] == math.inf:
            self._relay = (self._relay[0], now)
        self._clear = clear_since

    def by_relay(self, signal: Signal, now: float) -> Signal | None:
        """What a mail says that was sent while MX was on the relay, and so went there (*relayed*): that the way out
        works, when it came out, however late; that it does not, when it never did although Exchange takes the relay's
        mail again. ``None``: this one was not, or was refused, which is bad news of whoever refused it."""
        sent = sent_at(signal, now)
        if signal.kind in NOT_TAKEN or not self._relay[0] <= sent < self._relay[1]:
            return None
        came = signal.result in {Result.OK, Result.DEGRADED}
        lost = signal.kind == "lost" and self._clear is not None and sent >= self._clear
        return replace(signal, result=Result.OK if came else Result.FAIL if lost else Result.UNKNOWN)

    def add(self, watched: Watched) -> None:
        """A probe that sends whole mails; others are no matter."""
        if watched.way == TRIP and not watched.control:
            self._probes[watched.probe] = watched

    def take(
        self, vantage: str, signal: Signal, watched: Watched, now: float, *, cut_off: bool = False, blind: bool = False
    ) -> None:
        """One look of a probe that sends mails, or looks into mailboxes. ``cut_off``: nothing gets out of that place;
        that a mail is not taken says nothing then. ``blind``: no look there says anything of known recipients; what
        kept the mail out is unknown, now and when they are seen again."""
        if watched.way == TRIP:
            refused, key = signal.kind in NOT_TAKEN, (signal.probe, vantage)
            if refused and not cut_off:
                self._blind[key] = blind
            elif not refused:
                self._blind.pop(key, None)
            if not (refused and (cut_off or blind)):
                self._mail(vantage, signal, watched, now)
        elif watched.way == BOXES:
            for part in signal.parts:
                (self._gone.add if part.kind == NOT_THERE else self._gone.discard)(part.recipient.lower())

    def _mail(self, vantage: str, signal: Signal, watched: Watched, now: float) -> None:
        lost = signal.kind == "lost"
        if lost or signal.kind == TAKEN or signal.result in {Result.OK, Result.DEGRADED}:  # taken: that counts here
            sent, until = sent_at(signal, now), now + DELIVERED_FOR * watched.every_s
            newest = max(sent, self._delivered.get((signal.probe, vantage), (sent, until))[0])  # a lost one is old
            self._delivered[(signal.probe, vantage)] = (newest, until)
            self._came[signal.probe] = max(sent, self._came.get(signal.probe, sent))
            if signal.kind != TAKEN:
                fate = self._lost if lost else self._out
                fate[signal.probe] = max(sent, fate.get(signal.probe, sent))
            self._answered(signal.probe, max(sent, self._tried.get(signal.probe, sent)), old=lost)
            return
        self._delivered.pop((signal.probe, vantage), None)
        if signal.kind in NOT_TAKEN:
            self._forget_lost(watched)
            self._answered(signal.probe, now)

    def _forget_lost(self, watched: Watched) -> None:
        """A mail was not even taken: what its domains lost before is over. What others lost is not."""
        mine = set(watched.domains)
        for probe in [p for p in self._lost if p in self._probes]:
            theirs = set(self._probes[probe].domains)
            if mine & theirs or mine == theirs:
                del self._lost[probe]

    def _lost_at(self, mine: Mapping[str, Watched]) -> float | None:
        """When the newest mail of these was sent that never came out; ``None``: a newer one had another fate."""
        lost = max((t for p, t in self._lost.items() if p in mine), default=None)
        out = max((t for p, t in self._out.items() if p in mine), default=None)
        return None if lost is None or (out is not None and out >= lost) else lost

    def _answered(self, probe: str, at: float, *, old: bool = False) -> None:
        """``old``: of a mail that was sent before the one that was asked for, if so; that one is waited for."""
        self._tried[probe] = at
        if not old or self.asked_at is None or at >= self.asked_at:
            self.asked_at = None

    def ask(self, now: float, *, wanted: bool) -> None:
        """A mail is asked for in the next round, or none is."""
        self.asked_at = (now if self.asked_at is None else self.asked_at) if wanted else None

    def around(self, now: float, domain: str = "", *, alike: bool = True, proven: bool = False) -> Around:
        """What whole mails say of ``domain`` (empty: of all). ``proven``: the round before proved false refusals.

        A mail that names no domain speaks of one only where all fare ``alike`` (*delivered-elsewhere*)."""
        mine = self.probes_of(domain, alike=alike)
        blind = [b for (p, _), b in self._blind.items() if p in mine]
        fresh = [sent for (p, _), (sent, until) in self._delivered.items() if p in mine and now <= until]
        return Around(
            max(fresh, default=None),
            max((t for p, t in self._came.items() if p in mine), default=None) if alike else None,
            now=now,
            mails=bool(mine),
            asked_at=self.asked_at,
            tried_at=max((t for p, t in self._tried.items() if p in mine), default=None),
            gone=frozenset(self._gone),
            proven=proven,
            lost_at=self._lost_at(mine),
            mails_blind=bool(blind) and all(blind),
        )

    def probes_of(self, domain: str = "", *, alike: bool = True) -> Mapping[str, Watched]:
        """The probes whose mails speak of it."""
        return {p: w for p, w in self._probes.items() if not domain or domain in w.domains or (alike and not w.domains)}


def sent_at(signal: Signal, now: float) -> float:
    """When the mail of this look was sent."""
    took = signal.numbers.get("seconds", 0.0) or seconds_of(signal) or (LOST_AFTER_S if signal.kind == "lost" else 0.0)
    return now - max(0.0, took)
