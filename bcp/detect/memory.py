"""What is remembered of a plane between rounds: since when, for how many failing minutes, how surely, how unsteadily.

Steady time decides; wall time is only shown. Pure.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from bcp.contracts.probe import Role
from bcp.detect.counter import NAGIOS_STATES, Z, flap_percent, independent, wilson_low
from bcp.detect.planes import PlaneView, WayView
from bcp.detect.rules import Rules

UNDECIDED = (0.2, 0.8)
"""Share of bad looks, over 21 rounds, between which a plane may flap without ever changing its state."""
HISTORY = 60
"""Rounds kept for the sparkline."""
SPAN = 120
"""Rounds that the share of failures is judged over: one trial a round, as looks of one round may fail together."""
SECOND = frozenset({"smtp-unknown"})
"""Ways that corroborate: the share is that of the known recipients, where they are looked at."""
RECENT = 20
"""Rounds that must show the share as well: what was an hour ago is no reason now."""
SURE = 3.5
"""Wilson's z of a share that MX is moved for. It is asked about every round, so that a share that is as high as the
configured one passes for higher by luck sooner or later: at 3.5 once in a hundred times in ten hours of rounds of a
minute, five points below it three times in ten thousand (``bench/certainty.py`` plays it)."""
LATELY = 5
"""Rounds in which something must have failed for anything to be asked about it, and most of it for MX to be moved."""
FORGET = 0.25
"""Failing minutes that one good minute takes away: an outage that relapses goes on where it was."""


class PlaneMemory:
    """One plane (of one domain, where domains are looked at apart)."""

    __slots__ = (
        "_calm_s",
        "_failed_before",
        "confirmed",
        "down_since",
        "failed_s",
        "false_at",
        "flapping",
        "hard",
        "line",
        "parted",
        "percent",
        "raw",
        "recalled",
        "refused",
        "shares",
        "since",
        "weights",
    )

    def __init__(self) -> None:
        self.down_since: float | None = None
        self.confirmed = self.flapping = self._failed_before = False
        self.since: float | None = None
        """Wall time of the first failing look, for people."""
        self.recalled: float | None = None
        """Since when it failed in the eyes of a watch before this one, in an outage that goes on."""
        self._calm_s = 0.0
        self.refused = False
        """Was it proven in the last round that valid recipients are refused for good?"""
        self.parted = False
        """Was it proven of a part of them?"""
        self.false_at = float("-inf")
        """When one of both was last proven."""
        self.failed_s = 0.0
        """Seconds of failure, summed over relapses."""
        self.raw: deque[bool] = deque(maxlen=NAGIOS_STATES)
        self.hard: deque[bool] = deque(maxlen=NAGIOS_STATES)
        self.line: deque[str] = deque(maxlen=HISTORY)
        self.shares: deque[float] = deque(maxlen=SPAN)
        self.weights: deque[float] = deque(maxlen=SPAN)
        """How much of a look of its own each of these is: a mail every five minutes is one look, and not five."""
        self.percent = 0.0

    def remember(
        self,
        view: PlaneView,
        now: float,
        wall: float,
        passed_s: float,
        rules: Rules,
        *,
        beat: bool,
        limited: bool = False,
        mails_alone: bool = False,
    ) -> None:
        """Take one round in. ``passed_s``: steady seconds since the round before.

        ``limited``: all that fails may be a limit that our own probers run into; that makes no failing minutes and no
        share, for it may hide anything. ``mails_alone``: only whole mails fail, and nothing sees known recipients; that
        makes no failing minutes.
        """
        self._confirm(view, now, rules)
        self.refused, self.parted = view.rejecting, "rejects-some" in view.grounds
        self.false_at = now if self.refused or self.parted else self.false_at
        if limited:
            self._failed_before = False
            self._date(view, wall)
        else:
            self._clock(view, wall, passed_s, rules, counts=not mails_alone)
        if beat:
            if view.status != "unknown":
                self.raw.append(raw_of(view))
                self.hard.append(view.status == "down")
            self.line.append(view.status)
            self._flap(rules)

    @property
    def idle(self) -> bool:
        """Nothing that would be missed."""
        unmarked = self.down_since is None and self.recalled is None
        return not self.confirmed and self.failed_s == 0 and not self.shares and unmarked

    def _confirm(self, view: PlaneView, now: float, rules: Rules) -> None:
        if view.status == "down":
            if self.down_since is None:
                self.down_since = now
            held = now - self.down_since >= rules.confirm_for_s - 1e-6
            self.confirmed = self.confirmed or view.rejecting or (held and view.failing_now)
        elif view.status != "unknown":  # blindness neither confirms nor clears
            self.down_since, self.confirmed = None, False

    def _clock(self, view: PlaneView, wall: float, passed_s: float, rules: Rules, *, counts: bool) -> None:
        """Failing seconds and the share of failures. What nobody can see moves neither."""
        if view.status == "unknown":
            self._failed_before = False
            return
        failing = view.status == "down" or fails_now(view)
        if failing and counts and self._failed_before:
            self.failed_s += max(0.0, passed_s)
        elif not failing:
            self.failed_s = max(0.0, self.failed_s - FORGET * max(0.0, passed_s))
        self._failed_before = failing and counts
        if failing or self.shares or view.status != "ok":
            share, every_s = share_now(view)
            if failing or share or self.shares:  # what was only slow or degraded until now is no part of an outage
                self._note(share, every_s, rules)
        self._date(view, wall)
        self._recall_ends(view, passed_s, rules)
        self._forget(view, rules)

    def _note(self, share: float, every_s: float, rules: Rules) -> None:
        self.shares.append(share)
        self.weights.append(min(1.0, rules.interval_s / every_s) if every_s else 1.0)

    def _forget(self, view: PlaneView, rules: Rules) -> None:
        """Whether this outage is whole or a part says nothing of the next one. What is over is forgotten where it left
        no failing minutes, else when nothing has failed for as long as an incident takes to close: a name server of
        ours that is lame all day must not make a name that fails today a part."""
        closes = max(RECENT, int(rules.keep_firing_for_s / rules.interval_s))
        newest = list(self.shares)[-(closes if self.failed_s else RECENT) :]
        if view.status != "down" and not any(newest) and (not self.failed_s or len(newest) >= min(closes, SPAN)):
            self.shares.clear()
            self.weights.clear()

    def _date(self, view: PlaneView, wall: float) -> None:
        if view.status in {"down", "suspect", "partial"}:
            began = view.since if view.since is not None else (self.since or wall)
            self.since = min(began, self.recalled or began)
        elif view.status == "ok":
            self.since = None

    def _recall_ends(self, view: PlaneView, passed_s: float, rules: Rules) -> None:
        """What a watch before this one saw begin is over once it has been well for as long as an outage takes to
        close."""
        if self.recalled is None or view.status == "unknown":
            return
        self._calm_s = self._calm_s + max(0.0, passed_s) if view.status == "ok" and not fails_now(view) else 0.0
        if self._calm_s >= rules.keep_firing_for_s:
            self.recalled = None

    def kept(self) -> dict[str, Any]:
        """What the next watch must know, should this one end in the middle of an outage; empty where nothing fails."""
        began = self.since or self.recalled
        if began is None:
            return {}
        return {
            "since": began,
            "failed_s": round(self.failed_s, 1),
            "fails": self._failed_before,
            "flapping": self.flapping,
            "raw": [int(x) for x in self.raw],
            "hard": [int(x) for x in self.hard],
            "looks": [[round(s, 3), round(w, 3)] for s, w in zip(self.shares, self.weights, strict=True)],
        }

    def recall(self, kept: Mapping[str, Any], wall: float, unseen_s: float | None) -> None:
        """Go on where the watch before this one was. ``unseen_s``: seconds in which nobody looked; ``None``: too long
        to know that it failed all the while, so only since when it fails is taken. What it saw *down* is not believed
        without looks of now: counters begin anew.

        Raises ``TypeError``, ``ValueError`` or ``KeyError`` for what is no memory, and has taken nothing then.
        """
        since, failed = float(kept["since"]), float(kept["failed_s"])
        looks = [(_share(s), _share(w)) for s, w in kept["looks"]][-SPAN:]
        if not (0 < since <= wall and 0 <= failed < math.inf):
            raise ValueError("times that cannot be")
        raw, hard = [bool(x) for x in kept["raw"]], [bool(x) for x in kept["hard"]]
        self.recalled = since
        if unseen_s is None:
            return
        self.flapping = kept["flapping"] is True
        self.failed_s = min(failed + (unseen_s if kept["fails"] is True else 0.0), wall - since)
        self.raw.extend(raw)
        self.hard.extend(hard)
        self.shares.extend(s for s, _ in looks)
        self.weights.extend(w for _, w in looks)

    def sure_share(self) -> float:
        """The certain share of failing looks, and no more than that of the newest ones: enough to move MX on."""
        return min(self.likely_share(SURE), _mean(list(self.shares)[-LATELY:]))

    def likely_share(self, z: float = Z) -> float:
        """The same, less surely (Wilson's lower bound at ``z``), and no more than the recent share."""
        share, trials = independent(self.shares, self.weights)
        return min(wilson_low(share * trials, trials, z), _mean(list(self.shares)[-RECENT:]))

    def lately(self) -> bool:
        """Did any look fail in the last rounds?"""
        return any(list(self.shares)[-LATELY:])

    def _flap(self, rules: Rules) -> None:
        """Nagios' percent of two histories: of the plane as decided,
        and of the bare looks where it is neither up nor down."""
        bare = flap_percent(self.raw) if any(self.raw) else 0.0
        share = sum(self.raw) / len(self.raw) if self.raw else 0.0
        if not UNDECIDED[0] <= share <= UNDECIDED[1]:  # nine looks of ten fail: that is down, not flapping
            bare = 0.0
        self.percent = max(bare, flap_percent(self.hard) if any(self.hard) else 0.0)
        self.flapping = self.percent >= rules.flap_high or (self.flapping and self.percent > rules.flap_low)


def _share(value: Any) -> float:
    found = float(value)
    if not (math.isfinite(found) and 0.0 <= found <= 1.0):
        raise ValueError("no share")
    return found


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0


def raw_of(view: PlaneView) -> bool:
    """Does it fail now, before any hysteresis? What flaps is this."""
    return any(w.raw and not w.muted for w in _looks(view.ways))


def fails_now(view: PlaneView) -> bool:
    """The same of what is believed to be the service's failure, and was seen by looks of which nothing newer says
    that they got past it."""
    seen = (w for w in _looks(view.ways) if w.raw and not w.muted and not w.discounted)
    return any(p.now_share for w in seen for p in w.probes)


def share_now(view: PlaneView) -> tuple[float, float]:
    """Share of the places and targets whose last look fails, the mean over the ways that see it fail, and the seconds
    between these looks.

    Ways that look seldom speak only where no other does: one unlucky mail would stand for all rounds until the next.
    """
    counted = [w for w in _looks(view.ways) if not w.muted]
    looks = [w for w in counted if w.way not in SECOND] or counted
    chosen = [w for w in looks if w.down] or [w for w in looks if w.share or w.suspect] or looks
    probes = [p for w in chosen for p in w.probes if p.known and (p.down or not w.down)]
    every_s = min((p.watched.every_s for p in probes), default=0.0)
    shares = [p.now_share for p in probes if p.watched.every_s == every_s]
    return (sum(shares) / len(shares) if shares else 0.0), every_s


def _looks(ways: Sequence[WayView]) -> list[WayView]:
    return [w for w in ways if w.role is Role.LOOK and w.known]
