"""Does what a deed rests on still hold? Asked before the first write after any wait, and before an undo. Pure.

A plan was made of facts, a person said yes to it, a look saw an outage. Then somebody waited: a gate, a kill, a freeze,
a restart. What was true then decides nothing now: everything is read again, and this says what no longer holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CLOCK_BACK_S = 60.0
"""A clock this far before the plan was made was set back."""
CONSENT_S = 900.0
"""How long a person's yes to a consequence that they were shown counts."""


@dataclass(frozen=True, slots=True)
class Against:
    """A rule that says no now and that nobody overrode."""

    step: str
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What a write of a plan rests on, as it was and as it is read now. Times are epoch seconds."""

    now: float
    made: float
    expires: float
    leased: bool = True
    """Is the target still ours?"""
    began: str = ""
    """What was seen when the plan was made: down, healthy, ...; empty: nobody looked."""
    seen: str = ""
    """What a look of this moment says; empty: nobody looks."""
    back: bool = False
    """Is it the way back of a run?"""
    well: tuple[str, ...] = ()
    """Domains of the plan that a look of this moment sees well apart from the others, and that nobody insisted on."""
    unseen: tuple[str, ...] = ()
    """The same of those that it does not see, while it sees others."""
    against: tuple[Against, ...] = ()
    moved: tuple[str, ...] = ()
    """Facts of the step that are not what the plan has, in words."""
    unapproved: tuple[str, ...] = ()
    """Gates before this step whose approvals do not count any more: the person left, or may not approve now."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing that no longer holds. ``rule`` is its code; ``said`` are words for people."""

    rule: str
    said: str


def still_holds(ground: Ground) -> tuple[Broken, ...]:
    """What no longer holds, the gravest first; empty: the write may be done."""
    out: list[Broken] = []
    if not ground.leased:
        out.append(Broken("lease-lost", "another process took over the target"))
    if ground.now < ground.made - CLOCK_BACK_S:
        out.append(Broken("clock-set-back", "this machine's clock was set back behind the making of the plan"))
    if ground.now > ground.expires:
        out.append(Broken("plan-expired", "the plan has expired meanwhile"))
    out += [Broken("approval-void", f"the approval at {gate} does not count any more") for gate in ground.unapproved]
    if ground.began == "down" and ground.seen == "healthy":
        out.append(Broken("service-well", "the service works again"))
    if ground.back and ground.began == "healthy" and ground.seen == "down":
        out.append(Broken("service-down", "the service is down again"))
    out += [Broken("domain-well", f"inbound mail of {domain} works again") for domain in ground.well]
    out += [Broken("domain-unseen", f"nobody sees inbound mail of {domain} now") for domain in ground.unseen]
    out += [Broken(a.rule, f"{a.step}: {a.message}") for a in ground.against]
    out += [Broken("facts-moved", text) for text in ground.moved]
    return tuple(out)


def against_undo(towards: str, began: str, seen: str) -> str:
    """Why mail should not be moved back by itself: a code, or empty.

    ``towards``: ``primary`` (undo of a switch to the relay) or ``relay`` (undo of a way back). What nobody can see
    decides nothing: when an outage (or its end) was seen at the start and nothing can be seen now, mail stays where
    it is.
    """
    if towards == "primary":
        if seen == "down":
            return "primary-down"
        return "primary-unseen" if seen != "healthy" and began == "down" else ""
    if seen == "healthy":
        return "primary-well"
    return "primary-unseen" if seen != "down" and began == "healthy" else ""


SAID = {
    "primary-down": "our own look says that the service is down: mail would go to a dead server",
    "primary-unseen": "our own look cannot see whether the service works",
    "primary-well": "our own look says that the service works: mail would leave a server that takes it",
}
"""The codes of ``against_undo`` in words."""


def consented(codes: Sequence[str], code: str, at: float, now: float) -> bool:
    """Did people say yes to exactly this consequence (``codes`` are those that they were shown), not too long ago?"""
    return bool(codes) and now - at <= CONSENT_S and (not code or code in codes)
