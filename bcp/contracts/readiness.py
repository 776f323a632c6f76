"""What one check of readiness says: one promise that a playbook makes, looked at in peacetime without harm.

Whoever looks (the DNS host's proof, the relay's watch, the store's backups, the calendar of drills) gives a list of
``Check``. What they mean together for a playbook is judged in ``bcp.ready``: the worst of its checks decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

State = Literal["ok", "risk", "fail", "unknown"]
"""``ok``: the promise holds. ``risk``: it holds today, and will not for long or not for everybody. ``fail``: it would
not hold if the outage came now. ``unknown``: it could not be looked at, and ``says`` tells why; never counted as ok."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise that was looked at, and what was seen."""

    code: str
    """Which promise: a stable name in lower case with hyphens (``relay-certificate``, ``approver-ways``). Programs,
    metrics and the history go by it; it never carries the name of a thing."""
    subject: str
    """What it is about: the name of a relay, a person, a domain, a secret. Empty where there is only one such thing
    (the clock of this machine). ``code`` and ``subject`` together name the check from one day to the next."""
    state: State
    """Does the promise hold?"""
    says: str
    """What was seen, in one sentence for people, with the thing named and the figure that decided."""
    hint: str = ""
    """What to do about it, as an order that can be followed. Empty when there is nothing to do."""
    since: float | None = None
    """From when on it has been in this state: epoch seconds. ``None``: the maker does not know, and the history of
    checks fills it in."""
    playbooks: tuple[str, ...] = ()
    """Names of the playbooks that rest on this promise. Empty: all of them (the clock, the disk, the state folder)."""

    @property
    def key(self) -> tuple[str, str]:
        """What this check is called from one day to the next."""
        return (self.code, self.subject)


NO_PLAYBOOK: tuple[str, ...] = ("",)
"""``playbooks`` of a check on which no playbook rests: it is shown, and counts for none of them."""
Level = Literal["ready", "at-risk", "not-ready"]
"""How a playbook stands."""
READY: Mapping[Level, int] = {"not-ready": 0, "at-risk": 1, "ready": 2}
"""Their order, the worst first: the number that metrics show."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How one playbook stood at one time."""

    playbook: str
    level: Level
    number: int
    """0 to 100: the share of its promises that hold."""
    since: float | None = None
    """From when on it has been on this level; ``None``: not known yet."""


@dataclass(frozen=True, slots=True)
class Round:
    """One look at everything: when, what was seen, how each playbook stood."""

    at: float
    checks: tuple[Check, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A check that came to another state. ``before`` is empty where it was not known before."""

    at: float
    code: str
    subject: str
    before: str
    after: str
    says: str


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a playbook's course."""

    at: float
    level: Level
    number: int


class ReadinessStore(Protocol):
    """The last round, and how it came to that: bounded in time and size. All methods may raise ``StorageError``."""

    def note(self, at: float, checks: Sequence[Check], marks: Sequence[Mark]) -> Round:
        """Keep a round; returned with *since* filled in for every check and mark."""

    def last(self) -> Round | None:
        """The newest round; ``None``: there was none."""

    def changes(self, since: float, most: int = 200) -> list[Change]:
        """Checks that came to another state since then, the newest first."""

    def course(self, playbook: str, since: float) -> list[Point]:
        """The points of a playbook's course since then and the one before, oldest first. Kept when the number or the
        level changes, and once a day."""

    def claim(self, what: str, at: float) -> bool:
        """Claim something that is done once (a weekly message); False when it was claimed before."""

    def close(self) -> None:
        """Let the file go."""


class Checks(Protocol):
    """Somebody who can look at promises: harmless, bounded in time, every failure a ``Check`` and never an error."""

    async def __call__(self) -> Sequence[Check]:
        """Look now."""
