"""What one vantage point saw through one probe: leaky counters and the share of failures. Pure.

The leaky counter is Mimecast's published idea (community.mimecast.com, Detection and Alert Process); the cap of 2K is
ours. Flap percentage is Nagios' (base/flapping.c).
"""

from __future__ import annotations

from bcp.contracts.probe import REJECTS, Result, Signal
from bcp.detect.rules import Rules

WINDOW = 20
"""Looks that the share of failures is counted over."""
_MASK = (1 << WINDOW) - 1


def leak(value: int, result: Result, threshold: int) -> int:
    """The counter after one more look: +1 on failure, -1 on success, nothing on degraded and unknown."""
    if result is Result.FAIL:
        return min(2 * threshold, value + 1)
    if result is Result.OK:
        return max(0, value - 1)
    return value


class Stream:
    """The looks of one probe from one vantage. ``down`` has hysteresis: it stays until the counter is back at zero."""

    __slots__ = (
        "_bad",
        "_known",
        "_run",
        "down",
        "first_failure",
        "known_at",
        "last",
        "looked_at",
        "partial",
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
        self.first_failure: float | None = None
        """Wall time at which the counter last left zero."""
        self._bad = self._known = self._run = 0

    def take(self, signal: Signal, now: float, rules: Rules) -> None:
        """One more look. ``now`` is steady time."""
        self.last, self.looked_at = signal, now
        result = signal.result
        if result is Result.UNKNOWN:
            return
        self.seen, self.known_at = result, now
        before, self.value = self.value, leak(self.value, result, rules.threshold)
        self.down = self.value >= rules.threshold or (self.down and self.value > 0)
        hard = min(rules.reject_threshold, rules.threshold)
        refused = result is Result.FAIL and signal.kind == REJECTS
        self.rejects = leak(self.rejects, Result.FAIL if refused else Result.OK, hard)
        self.rejecting = self.rejects >= hard or (self.rejecting and self.rejects > 0)
        self._bad = (self._bad << 1 | (result is not Result.OK)) & _MASK
        self._known = (self._known << 1 | 1) & _MASK
        self.partial = self._partly(rules)
        if self.value == 0:
            self.first_failure, self._run = None, 0
        else:
            self._run += 1
            if before == 0:
                self.first_failure = signal.at

    def _partly(self, rules: Rules) -> bool:
        """Does it fail again and again? A single stretch of failures is a blip. It is over at half the share."""
        known, bad = self._known.bit_count(), self._bad
        ratio = bad.bit_count() / known
        if self.partial:
            return ratio >= rules.partial_share / 2
        bursts = (bad & ~(bad >> 1)).bit_count()
        lasting = self.seen is Result.DEGRADED and bad.bit_count() >= 5  # part of it fails, all the time
        return known >= 5 and ratio >= rules.partial_share and bool(bad & 0x3FF) and (bursts >= 2 or lasting)

    def share(self) -> float:
        """Share of looks that go badly. When down: of those since it began, 20 at most. When partly down: of the last 20. Else 0."""
        if self.down:
            looks = min(self._run, WINDOW)
            return (self._bad & (1 << looks) - 1).bit_count() / looks if looks else 1.0
        return self._bad.bit_count() / self._known.bit_count() if self.partial else 0.0

    def fresh(self, now: float, patience_s: float) -> bool:
        """Did it say anything lately that is known?"""
        return now - self.known_at <= patience_s


NAGIOS_STATES = 21


def flap_percent(states: tuple[bool, ...]) -> float:
    """Nagios' weighted share of changes in the last 21 states: recent changes count more (base/flapping.c). 0 to 100."""
    padded = (states[:1] * max(0, NAGIOS_STATES - len(states)) + states)[-NAGIOS_STATES:] if states else ()
    total = 0.0
    for x in range(1, len(padded)):
        if padded[x] != padded[x - 1]:
            total += 0.75 + 0.5 * (x - 1) / 19
    return 100.0 * total / 20
