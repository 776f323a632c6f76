"""How fast a drain goes: found out from what Exchange takes and what it throttles. Pure.

The rate doubles with each step while everything is taken. Where a part is throttled, what was taken meanwhile is what
Exchange takes: the rate goes there at once, and not below it, and a little more is tried from time to time, in strides
that grow while all is well (a ceiling that was found too low is left soon). Where nothing is taken at all it halves
until something is; an Exchange that counts by the minute takes all, then nothing: its rate is the mean over both.

A share of throttled answers that does not grow with the rate tells of another limit (so many mails in a connection):
the rate is not what it is about, and more is tried.

A step in which we ourselves were slow proves nothing: neither that a rate is well that was not driven, nor that
Exchange takes less, where what had waited went in a burst (RFC 9002 section 7.8 calls a flow like that
*application limited*).
"""

from __future__ import annotations

from dataclasses import dataclass, field

WELL, ILL = 0.02, 0.10
"""Shares of throttled answers below which more is tried, and above which it is too fast."""
ENOUGH = 20
"""So few answers are no share: a step is as long as they take, up to ``PATIENT`` steps."""
PATIENT = 5.0
DRIVEN = 0.6
"""Of the rate, what must have come back for the step to say anything of it."""
AGAIN = 3
"""After so many steps without trouble at the ceiling a little more is tried."""
MORE, STRIDE = 0.05, 0.8
"""So much more is tried at first, and at most; each time that it is well, twice as much the next time."""
EASE = 0.99
"""So much less where more than ``FEW`` are throttled."""
FEW = 0.05
TAKES, GROSS = 4, 0.3
"""Of so many throttled steps the best counts; where so many were throttled only the last."""
DRY_S = 60.0
"""Nothing is taken for longer: that is no limit, it is down. Two steps where these are longer."""
FLOOR = 0.25
"""Of the first rate: as slow as it gets, so that it is found out when Exchange takes mail again."""
LEAST = 0.05


@dataclass(slots=True)
class Window:
    """What came back within one step."""

    began: float
    gone: int = 0
    throttled: int = 0
    trouble: int = 0

    @property
    def tried(self) -> int:
        """All that came back."""
        return self.gone + self.throttled + self.trouble

    def share(self) -> float:
        """Of what was tried, the part that was not taken for now."""
        return (self.throttled + self.trouble) / self.tried if self.tried else 0.0


@dataclass(slots=True)
class Pace:
    """Messages a second. All times are of one steady clock."""

    most: float
    """More is never tried."""
    first: float
    step: float
    """Seconds."""
    window: Window
    rate: float = field(init=False)
    ceiling: float = 0.0
    """The most that Exchange was found to take; 0: not known."""
    seen: float = 0.0
    """What went in the last step, where that is far less than the rate: Exchange answers slowly, or the relay is busy.
    0: it keeps up."""
    _calm: int = 0
    _more: float = MORE
    _steady: int = 0
    """Steps in a row in which a few were throttled."""
    _reach: float = MORE
    _tried: tuple[float, float] | None = None
    """The rate and the share of throttled answers before more was tried in spite of them."""
    _takes: list[float] = field(default_factory=list)
    """What was taken in the last steps that were throttled: the most of these counts, for we may have been slow."""
    _bursts: int = 0
    _dry_since: float | None = None
    """Nothing has been taken since then."""
    _cycle_began: float = 0.0
    _cycle_gone: int = 0
    """Taken since mail was first taken after the last time that none was."""

    def __post_init__(self) -> None:
        self.rate = min(self.first, self.most)
        self._cycle_began = self.window.began

    def judge(self, now: float) -> bool:
        """After each step in which enough came back: is it another rate from here on?"""
        window, length = self.window, now - self.window.began
        few = window.tried < ENOUGH and self._dry_since is None and length < PATIENT * self.step
        if not window.tried or length < self.step or few:
            return False
        self.window, before = Window(now), self.rate
        driven = window.tried >= DRIVEN * self.rate * length
        self.seen = 0.0 if driven else window.gone / length
        if self._dry_since is not None or not window.gone:
            self._dry(window)
        elif (share := window.share()) > ILL:
            self._slower(window, window.gone / length, driven)
        elif share >= WELL:
            self._stay(driven, share)
        elif driven:
            self._faster()
        self._cycle_gone += window.gone
        return self.rate != before

    def anew(self, now: float) -> None:
        """What came back until now says nothing of the rate."""
        self.window, self._cycle_began = Window(now), now

    def _dry(self, window: Window) -> None:
        """Nothing is taken, or again."""
        if not window.gone:
            self._dry_since = window.began if self._dry_since is None else self._dry_since
            self._set(self.rate / 2)
            return
        dry, cycle = window.began - (self._dry_since or 0.0), window.began - self._cycle_began
        self.ceiling = 0.0
        if dry <= max(DRY_S, 2 * self.step) and self._cycle_gone and cycle > 0:
            self.ceiling = max(self._cycle_gone / cycle, self._floor)
            self._set(self.ceiling)
        self._cycle_began, self._cycle_gone, self._dry_since = window.began, 0, None

    def _slower(self, window: Window, took: float, driven: bool) -> None:
        self._calm, self._more = 0, MORE
        self._forget()
        self._bursts = 0 if driven else self._bursts + 1
        if not driven and self._bursts <= 1:
            return
        if not window.throttled:
            self._set(self.rate / 2)
            return
        self._takes = [*self._takes[1 - TAKES :], took] if window.share() < GROSS else [took]
        self._set(max(self._takes))
        self.ceiling = self.rate

    def _stay(self, driven: bool, share: float) -> None:
        """At what Exchange takes, and a little above; more where the share does not grow with the rate."""
        self._calm, self._more = 0, MORE
        if not driven:
            return
        self._steady += 1
        if self._tried is not None and self._grew(share, *self._tried):
            self._set(self._tried[0])
            self._forget()
        elif self._tried is not None or self._steady >= AGAIN:
            self._reach = self._reach if self._tried is None else min(self._reach * 2, STRIDE)
            self._tried = self.rate, share
            self._set(self.rate * (1 + self._reach))
        else:
            self._set(self.rate * (EASE if share > FEW else 1.0))
        self.ceiling = self.rate

    def _grew(self, share: float, rate: float, before: float) -> bool:
        """As much as where the rate is what is limited, by half at least?"""
        return share - before > (1 - before) * (1 - rate / self.rate) / 2

    def _forget(self) -> None:
        self._steady, self._reach, self._tried = 0, MORE, None

    def _faster(self) -> None:
        self._calm += 1
        if not self.ceiling or self.rate < self.ceiling:
            top = min(self.most, self.ceiling or self.most)
            self._set(min(self.rate * 2, top))
        elif self._calm >= AGAIN:
            self._calm = 0
            self._set(self.rate * (1 + self._more))
            self._more = min(self._more * 2, STRIDE)
            self.ceiling = self.rate

    def _set(self, rate: float) -> None:
        self.rate = min(self.most, max(self._floor, rate))

    @property
    def _floor(self) -> float:
        return max(LEAST, FLOOR * min(self.first, self.most))
