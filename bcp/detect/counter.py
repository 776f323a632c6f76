"""The leaky counter: +1 on failure, -1 on success, nothing on unknown; down at K, clear only at 0. Pure.

The idea is Mimecast's published one (community.mimecast.com, Detection and Alert Process); the cap of 2K is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from bcp.contracts.probe import Result


@dataclass(frozen=True, slots=True)
class Counter:
    """``threshold`` is K. ``down`` has hysteresis: it stays until the counter is back at zero."""

    threshold: int
    value: int = 0
    down: bool = False

    def after(self, result: Result) -> Counter:
        """The counter after one more look."""
        if result is Result.FAIL:
            value = min(2 * self.threshold, self.value + 1)
        elif result is Result.OK:
            value = max(0, self.value - 1)
        else:  # degraded and unknown prove neither
            value = self.value
        return Counter(self.threshold, value, value >= self.threshold or (self.down and value > 0))


NAGIOS_STATES = 21


def flap_percent(states: tuple[bool, ...]) -> float:
    """Nagios' weighted share of changes in the last 21 states: recent changes count more (base/flapping.c). 0 to 100."""
    padded = (states[:1] * max(0, NAGIOS_STATES - len(states)) + states)[-NAGIOS_STATES:] if states else ()
    total = 0.0
    for x in range(1, len(padded)):
        if padded[x] != padded[x - 1]:
            total += 0.75 + 0.5 * (x - 1) / 19
    return 100.0 * total / 20
