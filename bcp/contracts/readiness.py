"""What one check of readiness says: one promise that a playbook makes, looked at in peacetime without harm.

Whoever looks (the DNS host's proof, the relay's watch, the store's backups, the calendar of drills) gives a list of
``Check``. What they mean together for a playbook is judged in ``bcp.ready``: the worst of its checks decides.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class Checks(Protocol):
    """Somebody who can look at promises: harmless, bounded in time, every failure a ``Check`` and never an error."""

    async def __call__(self) -> Sequence[Check]:
        """Look now."""
