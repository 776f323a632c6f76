"""When the updates of a hold are due. Pure."""

from __future__ import annotations

from collections.abc import Mapping


class Beat:
    """Each update every so many seconds, by whichever clock says so first.

    The steady clock does not stop when the machine's clock is set back; the other one goes on while the machine
    sleeps. ``every`` in seconds and ``last`` in epoch seconds (when people heard of it last), by name.
    """

    def __init__(self, every: Mapping[str, float], last: Mapping[str, float], steady: float, wall: float) -> None:
        self.every = every
        left = {n: min(s, max(0.0, last[n] + s - wall)) for n, s in every.items()}
        self._due = {n: (steady + s, wall + s) for n, s in left.items()}

    @property
    def first(self) -> float:
        """When the first one is due, in epoch seconds; 0: there is none."""
        return min((wall for _, wall in self._due.values()), default=0.0)

    def ripe(self, steady: float, wall: float) -> list[str]:
        """Those that are due now."""
        return [n for n, at in self._due.items() if steady >= at[0] or wall >= at[1]]

    def again(self, name: str, steady: float, wall: float) -> None:
        """This one is sent now."""
        self._due[name] = (steady + self.every[name], wall + self.every[name])

    def rest(self, steady: float, wall: float, longest: float) -> float:
        """Seconds until one may be due, ``longest`` at most and never nothing."""
        left = min((min(at[0] - steady, at[1] - wall) for at in self._due.values()), default=longest)
        return min(longest, max(0.0, left)) or longest
