"""What one vantage point saw through one probe: leaky counters and shares of failures. Pure.

The leaky counter is Mimecast's published idea (community.mimecast.com, Detection and Alert Process); the cap of 2K is
ours. Flap percentage is Nagios' (base/flapping.c).
"""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.probe import REJECTS, Result, Signal
from bcp.detect.rules import MOVED, Rules

WINDOW = 20
"""Looks that the shares are counted over."""
ALTERNATIONS = 3
"""Times that a recipient is refused after it was accepted, that prove that a recipient exists. A directory that is
being changed may answer either way for a while; that is one change, not three."""
OVER = 6
"""Looks in a row that fail in another way, after which permanent refusals are over: what fails now is another thing."""
CALM = 8
"""Good looks in a row after which refusals by turns are over: who is refused later may be removed by then."""
_MASK = (1 << WINDOW) - 1
_RECENT = (1 << WINDOW // 2) - 1
"""The newer half of the window."""


def leak(value: int, result: Result, threshold: int) -> int:
    """The counter after one more look: +1 on failure, -1 on success and on degraded, nothing on unknown.

    *Degraded* drains: a part fails, so the service does not fail as a whole.
    """
    if result is Result.FAIL:
        return min(2 * threshold, value + 1)
    if result is Result.UNKNOWN:
        return value
    return max(0, value - 1)


class Stream:
    """The looks of one probe from one vantage. ``down`` has hysteresis: it stays until the counter is back at zero."""

    __slots__ = (
        "_bad",
        "_fail",
        "_known",
        "_refused",
        "_returned",
        "_run",
        "_took",
        "bad_kind",
        "began",
        "down",
        "first_failure",
        "known_at",
        "last",
        "looked_at",
        "partial",
        "refused_at",
        "rejecting",
        "rejects",
        "seen",
        "value",
    )

    def __init__(self) -> None:
        self.value = self.rejects = 0
        self.down = self.rejecting = self.partial = False
        self.last: Signal | None = None
        """The last look, as it was taken: unknown where we do not believe it."""
        self.seen = Result.UNKNOWN
        """The last known result."""
        self.known_at = self.looked_at = float("-inf")
        """Steady times of the last known look, and of the last look at all."""
        self.first_failure: float | None = None
        """Wall time at which the counter last left zero."""
        self.bad_kind = ""
        """Kind of the last look that failed."""
        self.began: float | None = None
        """The same in steady time."""
        self.refused_at: float | None = None
        """Steady time of the first of the permanent refusals that go on."""
        self._bad = self._fail = self._refused = self._returned = self._known = self._run = 0
        self._took = True
        """Of the looks that were taken or refused for good, was the last one taken?"""

    def take(self, signal: Signal, now: float, rules: Rules) -> None:
        """One more look. ``now`` is steady time."""
        self.last, self.looked_at = signal, now
        result = signal.result
        if result is Result.UNKNOWN:
            return
        if result is not Result.FAIL and signal.plane not in MOVED and now - self.known_at > rules.keep_firing_for_s:
            self._start_anew()  # of what nobody saw for so long the first good look says more than those before
        self.seen, self.known_at = result, now
        if result is Result.OK and not self._bad and not self.value:  # nothing to forget
            self._known = (self._known << 1 | 1) & _MASK
            return
        if result is Result.FAIL:
            self.bad_kind = signal.kind
        before, self.value = self.value, leak(self.value, result, rules.threshold)
        self.down = self.value >= rules.threshold or (self.down and self.value > 0)
        refused = result is Result.FAIL and signal.kind == REJECTS
        self._note(result, refused=refused)
        self._reject(refused=refused, now=now, rules=rules)
        self.partial = bool(self._bad) and self._partly(rules)
        if self.value == 0:
            self.first_failure, self.began, self._run = None, None, 0
        else:
            self._run += 1
            if before == 0:
                self.first_failure, self.began = signal.at, now

    def _start_anew(self) -> None:
        self.value = self.rejects = 0
        self.down = self.rejecting = self.partial = False
        self.first_failure = self.began = self.refused_at = None
        self._bad = self._fail = self._refused = self._returned = self._known = self._run = 0
        self._took = True

    def _note(self, result: Result, *, refused: bool) -> None:
        self._bad = (self._bad << 1 | (result is not Result.OK)) & _MASK
        self._fail = (self._fail << 1 | (result is Result.FAIL)) & _MASK
        self._refused = (self._refused << 1 | refused) & _MASK
        self._returned = (self._returned << 1 | (refused and self._took)) & _MASK
        if not self._bad & ((1 << CALM) - 1):
            self._returned = 0
        if refused or result is Result.OK:
            self._took = not refused
        self._known = (self._known << 1 | 1) & _MASK

    def _reject(self, *, refused: bool, now: float, rules: Rules) -> None:
        hard = min(rules.reject_threshold, rules.threshold)
        before, self.rejects = self.rejects, leak(self.rejects, Result.FAIL if refused else Result.OK, hard)
        self.rejecting = self.rejects >= hard or (self.rejecting and self.rejects > 0)
        if not before or not self.rejects:
            self.refused_at = now if self.rejects else None

    def _partly(self, rules: Rules) -> bool:
        """Does it fail again and again? A single stretch of failures is a blip. It is over at half the share."""
        known, bad = self._known.bit_count(), self._bad
        ratio = bad.bit_count() / known
        if self.partial:
            return ratio >= rules.partial_share / 2
        lasting = self.seen is Result.DEGRADED and bad.bit_count() >= 5  # part of it fails, all the time
        recent = bool(bad & _RECENT)
        return known >= 5 and ratio >= rules.partial_share and recent and (_bursts(bad) >= 2 or lasting)

    @property
    def calm(self) -> bool:
        """Nothing but well, as far back as the window goes."""
        return not self._bad and self.value == 0

    @property
    def solid(self) -> bool:
        """It goes well, and did not fail once in the newer half of the window."""
        return self.seen is Result.OK and not self.fails_lately

    @property
    def fails_lately(self) -> bool:
        """Did it fail as a whole in the newer half of the window?"""
        return bool(self._fail & _RECENT)

    @property
    def alternates(self) -> bool:
        """Refused for good, accepted, and refused again in one window:
        the recipient exists, so the refusals are false."""
        return self._returned.bit_count() >= ALTERNATIONS

    @property
    def mixed(self) -> bool:
        """Are there other failures than permanent refusals in the window?"""
        return bool(self._fail & ~self._refused)

    def refused_looks(self, *, of_this_failure: bool = False) -> int:
        """Permanent refusals in the window.

        ``of_this_failure``: only those since the counter left zero, where it has. What was refused in an outage that
        was over before this one began says nothing of this one, and so does what was refused before it began to fail
        in another way.
        """
        newest = (1 << OVER) - 1
        if self._fail & newest == newest and not self._refused & newest:
            return 0
        looks = min(self._run, WINDOW) if of_this_failure and self.value else WINDOW
        return (self._refused & ((1 << looks) - 1)).bit_count()

    def failing(self) -> bool:
        """Does the last known look fail, and is it the last look?"""
        return self.seen is Result.FAIL and self.looked_at == self.known_at

    def counts(self) -> tuple[int, int]:
        """(failed, known) looks: since it began when it is down, 20 at most; else of the last 20."""
        looks = min(self._run, WINDOW) if self.down and self._run else self._known.bit_count()
        mask = (1 << looks) - 1
        return (self._fail & mask).bit_count(), looks

    def share(self) -> float:
        """Share of looks that go badly. When down: that fail, since it began. When partly down: of the last 20.
        Else 0."""
        if self.down:
            failed, looks = self.counts()
            return failed / looks if looks else 1.0
        return self._bad.bit_count() / self._known.bit_count() if self.partial else 0.0

    def fail_share(self) -> float:
        """Share of the last 20 looks that fail as a whole; degraded ones are not counted."""
        known = self._known.bit_count()
        return self._fail.bit_count() / known if known else 0.0

    def fresh(self, now: float, patience_s: float) -> bool:
        """Did it say anything lately that is known?"""
        return now - self.known_at <= patience_s


def _bursts(bits: int) -> int:
    """Stretches of ones."""
    return (bits & ~(bits >> 1)).bit_count()


Z = 1.645
"""One-sided 95 %."""


def wilson_low(bad: float, looks: float, z: float = Z) -> float:
    """Lower bound of a share, 0 to 1, of which ``bad`` of ``looks`` independent looks failed (Wilson, 1927).

    ``bad`` may be a fraction: looks that fail together count as one. Without a good look among them there is no
    doubt about the share; how many bad ones it takes is the counter's business.
    """
    if looks <= 0:
        return 0.0
    p = min(1.0, max(0.0, bad / looks))
    if p == 1.0:
        return 1.0
    square: float = z * z / looks
    spread: float = z * ((p * (1 - p) / looks + square / (4 * looks)) ** 0.5)
    return max(0.0, (p + square / 2 - spread) / (1 + square))


SAME_FATE = 30
"""Rounds of looks that share one fate, as a prior: so many must differ less before they are believed to."""


def independent(shares: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    """(the mean share, of how many independent looks it may count as), of shares of failing looks by round.

    Looks of one round may fail together, and then a round is one look. How far they do is measured: rounds that share
    one fate differ as much as any can, from none to all of their looks; rounds that differ less tell more (the design
    effect of sampling by clusters, Kish 1965). It is never less than a look a round.
    """
    looks = sum(weights)
    if looks <= 0:
        return 0.0, 0.0
    mean = sum(s * w for s, w in zip(shares, weights, strict=True)) / looks
    most = mean * (1 - mean)
    if most <= 1e-9:
        return mean, looks
    spread = sum(w * (s - mean) ** 2 for s, w in zip(shares, weights, strict=True))
    return mean, looks * most * (looks + SAME_FATE) / (spread + most * SAME_FATE)


NAGIOS_STATES = 21


def flap_percent(states: Sequence[bool]) -> float:
    """Nagios' weighted share of changes in the last 21 states: recent changes count more (base/flapping.c).
    0 to 100."""
    seen = tuple(states)
    padded = (seen[:1] * max(0, NAGIOS_STATES - len(seen)) + seen)[-NAGIOS_STATES:] if seen else ()
    total = 0.0
    for x in range(1, len(padded)):
        if padded[x] != padded[x - 1]:
            total += 0.75 + 0.5 * (x - 1) / 19
    return 100.0 * total / 20
