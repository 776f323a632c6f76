"""What a verdict is: the words for it, and the data that everybody reads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bcp.detect.cases import Case, Moment
from bcp.detect.planes import PlaneView
from bcp.detect.rules import MOVED as MOVED

TITLES = {
    "A": "mailbox access",
    "B": "inbound transport",
    "C": "outbound only",
    "D": "authentication",
    "E": "DNS, edge or WAN",
    "F": "false permanent rejects",
    "G": "gateway path only",
    "H": "our own fault",
}
"""What the classes are called."""
URGENCY = "FEBGDACH"
"""Which of several classes is named first: the one that costs most to leave alone. E without DNS comes after A."""
SWITCHES = frozenset("BEF")
"""Classes in which moving MX can help at all."""
ONCE = "what looked just now failed, and one look alone decides nothing"
"""Why nothing is done where a look failed and no plane is doubted for it yet."""


class Ours(str):
    """A note that speaks of our own side. To everybody else it is a text."""

    __slots__ = ()


class Silent(str):
    """A note of a place from which nothing is heard. To everybody else it is a text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict.

    ``state`` is what the service is now: healthy, suspect, down or unknown. ``stage`` is how far the incident is:
    healthy, suspect, confirmed, decided, active, recovering, failback, draining, closed. ``action`` is what is
    proposed: none, watch, wait, switch, ask, tell, direct, fix-own, hold, failback. Times are wall time.
    """

    state: str
    classes: tuple[str, ...] = ()
    planes: tuple[str, ...] = ()
    since: float | None = None
    evidence: tuple[str, ...] = ()
    stage: str = "healthy"
    confidence: int = 0
    """0 to 100; see ``bcp.detect.reasons``."""
    reasons_for: tuple[str, ...] = ()
    reasons_against: tuple[str, ...] = ()
    action: str = "none"
    why: str = ""
    decide_at: float | None = None
    clock: tuple[tuple[float, str], ...] = ()
    """What happens when, if nothing is done."""
    partial: bool = False
    flapping: bool = False
    flap: float = 0.0
    notes: tuple[str, ...] = ()
    views: tuple[PlaneView, ...] = field(default=(), repr=False)
    domains: tuple[str, ...] = ()
    """Of our domains, those that the outage is of; empty is all of them."""
    spared: tuple[str, ...] = ()
    """Our domains that are looked at apart and are not down: a plan leaves them alone."""
    failing_now: bool = False
    """Do the newest looks still fail?"""
    failed_s: float = 0.0
    """Seconds of failure of what a switch would answer, summed over relapses."""
    moves: bool = False
    """May a playbook be recommended that moves MX?"""
    refusals: tuple[str, ...] = ()
    """Ids of the conditions of a switch that do not hold (``bcp.detect.conditions.CONDITIONS``)."""
    changes: tuple[str, ...] = ()
    """What would change this verdict, in sentences."""
    words: tuple[str, ...] = ()
    """What persons have declared, while it holds."""
    wants: tuple[str, ...] = ()
    """Probes that should look again at once, out of their turn: only they can tell what is seen."""
    cases: tuple[Case, ...] = field(default=(), repr=False)
    moment: Moment | None = field(default=None, repr=False)

    @property
    def outage_class(self) -> str:
        """The most urgent class; empty when healthy or not sure."""
        return self.classes[0] if self.classes else ""

    @property
    def own(self) -> tuple[str, ...]:
        """Of the notes those that speak of our own side."""
        return tuple(n for n in self.notes if isinstance(n, Ours))

    def spared_as(self) -> dict[str, tuple[str, ...]]:
        """The spared domains by why they are left alone: ``well``; ``unsure``, not confirmed down; ``unseen``."""
        cases = {c.domain: c for c in self.cases}
        found: dict[str, tuple[str, ...]] = {"well": (), "unsure": (), "unseen": ()}
        for domain in self.spared:
            case = cases.get(domain)
            why = "well" if case is None or case.well else "unseen" if case.unseen else "unsure"
            found[why] += (domain,)
        return {why: names for why, names in found.items() if names}


def classes_of(
    planes: Sequence[PlaneView], *, names_fail: bool = False, refused_partly: bool = False
) -> tuple[str, ...]:
    """Every class that these planes amount to, the most urgent first. Given the planes that are (or may be) down.

    ``names_fail``: beside them the MX host fails to resolve now and then, which is E too, but moves no clock.
    ``refused_partly``: a part of the valid recipients is refused for good.
    """
    bad = {p.name: p for p in planes}
    found: set[str] = {"E"} if names_fail else set()
    if "inbound" in bad:
        found.add("F" if bad["inbound"].rejecting or refused_partly else "B")
    elif "gateway" in bad:
        found.add("G")
    if "outbound" in bad and "inbound" not in bad:
        found.add("C")
    for plane, letter in (("dns", "E"), ("edge", "E"), ("mailbox", "A"), ("auth", "D"), ("zone", "H")):
        if plane in bad:
            found.add(letter)
    order = URGENCY if "dns" in bad else "FBGDAECH"
    return tuple(sorted(found, key=order.index))


def switch_helps(classes: Sequence[str], planes: Sequence[str]) -> bool:
    """Would moving MX keep mail? For B and F; for E only where the MX host does not resolve.
    Never for A, C, D, G, H."""
    return any(c in "BF" for c in classes) or ("E" in classes and "dns" in planes)
