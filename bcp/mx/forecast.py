"""How long an outage would last for senders, before there is one: until the first and the 95th per cent of mails reach
the relay. Pure: the numbers are given, and nobody is asked.

The model, in the order of time: the outage is *detected*; the *decision* time runs out; people *approve*; the *host*
makes the change. From then on the first sender whose resolver holds nothing arrives (``first_s``). All others hold the
old MX for the rest of its TTL, which is even between none and all of it (each looked it up at a time of its own), and
their mail arrives at their next attempt after that, which is even between none and all of the interval of their
retries. ``p95_s`` is the 95th percentile of that sum. Senders that keep records longer than they may are not in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bcp.contracts.dns_writer import Capabilities

SHARE = 0.95
RETRY_S = 900.0
"""Senders' usual interval between attempts; RFC 5321 section 4.5.4.1 asks for 30 min at least, most do it sooner."""
ONE_SWITCH_S = 2.0
"""Read, swap, read back, ask every authoritative server."""
PROGRESS_S = 60.0
"""A host that reports progress takes so long to reach all its servers (Route 53: "generally within 60 seconds")."""
GOOD_TTL_S = 300.0
GOOD_APPROVAL_S = 120.0
GOOD_DETECTION_S = 180.0
GOOD_DECISION_S = 600.0


class Term(StrEnum):
    """What a part of the time is spent on."""

    DETECTION = "detection"
    DECISION = "decision"
    APPROVAL = "approval"
    HOST = "host"
    TTL = "ttl"
    RETRY = "retry"
    """The senders' own: nothing here changes it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Each part, in seconds."""

    detection_s: float
    """From the outage until a plane is confirmed down, at the longest."""
    decision_s: float
    """What the decision time adds to that."""
    approval_s: float
    host_s: float
    ttl_s: float
    """The whole old TTL."""
    retry_s: float = RETRY_S

    def of(self, term: Term) -> float:
        """One of them."""
        value: float = getattr(self, f"{term}_s")
        return value

    def but(self, term: Term, seconds: float) -> Parts:
        """The same with one of them changed."""
        return replace(self, **{f"{term}_s": seconds})


@dataclass(frozen=True, slots=True)
class Advice:
    """What to change, and what that would give."""

    term: Term
    now_s: float
    then_s: float
    gain_s: float
    """So much sooner is the 95th per cent of mails at the relay."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Counted from the first second of the outage."""

    parts: Parts
    first_s: float
    p95_s: float
    dominant: Term
    advice: Advice | None = None
    """``None``: no change of ours would help noticeably."""
    approvals: int = 0
    """Past approvals that the approval time rests on; 0: it is an assumption."""

    def to_data(self) -> dict[str, Any]:
        """Plain data, in seconds."""
        found: dict[str, Any] = {f"{t}_s": self.parts.of(t) for t in Term}
        out = {"first_s": self.first_s, "p95_s": self.p95_s, "dominant": str(self.dominant), "parts": found}
        out["approvals"] = self.approvals
        if (a := self.advice) is not None:
            out["advice"] = {"term": str(a.term), "now_s": a.now_s, "then_s": a.then_s, "gain_s": a.gain_s}
        return out


def forecast(parts: Parts, host: Capabilities | None = None, *, approvals: int = 0) -> Forecast:
    """The forecast of these numbers. ``host``: what the smallest TTL is that can be advised."""
    first = parts.detection_s + parts.decision_s + parts.approval_s + parts.host_s
    dominant = max(Term, key=parts.of)  # the earliest of equals
    return Forecast(parts, first, _p95(parts), dominant, _advice(parts, host or Capabilities()), approvals)


def late_share(ttl_s: float, retry_s: float, share: float = SHARE) -> float:
    """The value below which a sum of two even waits (none to ``ttl_s``, none to ``retry_s``) stays in ``share`` of
    all cases: the quantile of a trapezoid."""
    long, short, rest = max(ttl_s, retry_s), min(ttl_s, retry_s), 1.0 - share
    if long <= 0:
        return 0.0
    corner = short / (2 * long)  # share of all sums that lie beyond ``long``
    if rest <= corner:
        return long + short - math.sqrt(2 * rest * long * short)
    return long * share + short / 2


def _p95(parts: Parts) -> float:
    first = parts.detection_s + parts.decision_s + parts.approval_s + parts.host_s
    return first + late_share(parts.ttl_s, parts.retry_s)


def _advice(parts: Parts, host: Capabilities) -> Advice | None:
    """The one change that gains most; none below a tenth of the whole."""
    wanted = {
        Term.DETECTION: GOOD_DETECTION_S,
        Term.DECISION: GOOD_DECISION_S,
        Term.APPROVAL: GOOD_APPROVAL_S,
        Term.TTL: max(GOOD_TTL_S, float(host.min_ttl_s)),
    }
    if host.by_hand is not None:
        wanted[Term.HOST] = ONE_SWITCH_S
    whole = _p95(parts)
    found = [
        Advice(t, parts.of(t), s, round(whole - _p95(parts.but(t, s)), 3)) for t, s in wanted.items() if parts.of(t) > s
    ]
    best = max(found, key=lambda a: a.gain_s, default=None)
    return best if best is not None and best.gain_s >= whole / 10 else None


def detection_s(interval_s: float, threshold: int, confirm_s: float) -> float:
    """At the longest: the outage begins just after a look; K looks fail; the plane is confirmed."""
    return interval_s * threshold + confirm_s


def decision_s(interval_s: float, detected_s: float, decide_s: float) -> float:
    """What the decision time adds: it runs from the first failure, an interval after the beginning at the longest."""
    return max(0.0, interval_s + decide_s - detected_s)


def host_s(host: Capabilities, zones: int = 1) -> float:
    """How long the host takes for so many zones: a person and a form, or its rate limit and its own servers."""
    if host.by_hand is not None:
        return host.by_hand.remind_s + host.by_hand.appear_s
    budget = max(0.0, zones * host.calls_a_zone - host.burst) / host.calls_per_s if host.calls_per_s else 0.0
    return budget + (PROGRESS_S if host.reports_progress else 0.0) + ONE_SWITCH_S


def habit(waits: Sequence[float]) -> float | None:
    """The median of past approvals; ``None`` where there are none."""
    known = sorted(w for w in waits if w >= 0)
    if not known:
        return None
    half = len(known) // 2
    return known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2


@dataclass(frozen=True, slots=True)
class Compared:
    """A forecast beside what was achieved."""

    what: str
    """``first`` or ``switched``."""
    forecast_s: float
    achieved_s: float

    @property
    def held(self) -> bool:
        """Was it as fast as forecast, or faster?"""
        return self.achieved_s <= self.forecast_s


def compare(found: Forecast, switched_s: float | None, first_mail_s: float | None) -> list[Compared]:
    """What can be compared: until the MX was moved, and until the first mail at the relay."""
    rows = [("switched", found.first_s, switched_s), ("first", found.first_s, first_mail_s)]
    return [Compared(what, expected, got) for what, expected, got in rows if got is not None]
