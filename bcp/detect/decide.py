"""What a verdict is, and how planes become classes A to H with reasons, a proposal and a clock. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bcp.contracts.probe import Role
from bcp.detect.planes import PlaneView, WayView
from bcp.detect.rules import GIVE_UP, Rules
from bcp.kernel.units import format_duration

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


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict.

    ``state`` is what the service is now: healthy, suspect, down or unknown. ``stage`` is how far the incident is:
    healthy, suspect, confirmed, decided, active, recovering, failback, draining, closed. ``action`` is what is proposed:
    none, watch, wait, switch, ask, tell, direct, fix-own, hold, failback. Times are wall time.
    """

    state: str
    classes: tuple[str, ...] = ()
    planes: tuple[str, ...] = ()
    since: float | None = None
    evidence: tuple[str, ...] = ()
    stage: str = "healthy"
    confidence: int = 0
    """0 to 100; see ``confidence_of``."""
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

    @property
    def outage_class(self) -> str:
        """The most urgent class; empty when healthy or not sure."""
        return self.classes[0] if self.classes else ""


def classes_of(planes: Sequence[PlaneView], *, names_fail: bool = False) -> tuple[str, ...]:
    """Every class that these planes amount to, the most urgent first. Given the planes that are (or may be) down.

    ``names_fail``: beside them the MX host fails to resolve now and then, which is E too, but moves no clock.
    """
    bad = {p.name: p for p in planes}
    found: set[str] = {"E"} if names_fail else set()
    if "inbound" in bad:
        found.add("F" if bad["inbound"].rejecting else "B")
    elif "gateway" in bad:
        found.add("G")
    if "outbound" in bad and "inbound" not in bad:
        found.add("C")
    for plane, letter in (("dns", "E"), ("edge", "E"), ("mailbox", "A"), ("auth", "D")):
        if plane in bad:
            found.add(letter)
    order = URGENCY if "dns" in bad else "FBGDAECH"
    return tuple(sorted(found, key=order.index))


def switch_helps(classes: Sequence[str], planes: Sequence[str]) -> bool:
    """Would moving MX keep mail? For B and F; for E only where the MX host does not resolve. Never for A, C, D, G, H."""
    return any(c in "BF" for c in classes) or ("E" in classes and "dns" in planes)


@dataclass(frozen=True, slots=True)
class Setting:
    """What else there is to know for a proposal."""

    state: str
    stage: str
    flapping: bool
    partial: bool
    now: float
    since: float | None
    active_since: float | None
    share: float


def propose(classes: Sequence[str], planes: Sequence[str], s: Setting, rules: Rules) -> tuple[str, str, float | None]:
    """The safest action, why, and until when it is to be decided (wall time)."""
    if s.stage in {"active", "recovering", "failback", "draining", "decided"}:
        return (*_while_active(classes, planes, s, rules), None)
    if s.state == "healthy" and s.stage in {"healthy", "closed"} and not classes:
        return "none", "everything that looks sees it well", None
    if "H" in classes and (len(classes) == 1 or s.state == "unknown"):
        return "fix-own", "it is on our side: tell IT, nobody else, and leave MX alone", None
    if s.state != "down":
        if s.partial:
            return "ask", "part of it fails, again and again: a person decides", None
        return (
            "watch",
            "not confirmed" if s.stage != "confirmed" else "it is clear again; the incident stays open",
            None,
        )
    if not switch_helps(classes, planes):
        if "G" in classes:
            return (
                "direct",
                "direct delivery works: do not fail over into the relay; where MX is there, fail back",
                None,
            )
        return "tell", "mail is not helped by moving MX: tell people, by channels that work", None
    return _switching(classes, planes, s, rules)


def _switching(
    classes: Sequence[str], planes: Sequence[str], s: Setting, rules: Rules
) -> tuple[str, str, float | None]:
    at = decide_at(classes, planes, s.since if s.since is not None else s.now, rules)
    if s.flapping:
        return "ask", "it comes and goes: nothing is proposed by itself, a person decides", at
    if "F" not in classes and s.share < rules.switch_share:
        return "ask", f"only {s.share:.0%} of the looks fail: a person decides", at
    if at is not None and s.now >= at:
        reason = "valid recipients are refused for good" if "F" in classes else "the decision time is over"
        return "switch", f"{reason}: move MX to the relay", at
    return "wait", "mail waits at the senders and is not lost yet", at


def _while_active(classes: Sequence[str], planes: Sequence[str], s: Setting, rules: Rules) -> tuple[str, str]:
    if s.stage == "decided":
        return "hold", "a playbook runs"
    if s.stage in {"failback", "draining"}:
        return "hold", "mail is on its way back"
    if "G" in classes and s.state == "down":
        return "direct", "the path through the relay fails and direct delivery works: fail back"
    if s.stage == "active":
        return "hold", "the relay takes the mail"
    left = rules.dwell_s - (s.now - s.active_since) if s.active_since is not None else 0.0
    if s.flapping:
        return "hold", "it comes and goes: a person decides about the way back"
    if left > 0:
        return "hold", f"clear, but on the relay for too short a time: {format_duration(left)} more"
    return "failback", "everything has been clear long enough: go back, after a canary"


def decide_at(classes: Sequence[str], planes: Sequence[str], since: float, rules: Rules) -> float | None:
    """The earliest decision time of the classes that move MX. E counts only where the MX host does not resolve."""
    times = [
        rules.decide_s(c)
        for c in classes
        if c in "BF" or (c == "E" and "dns" in planes)  # DNS errors bounce; a dead web front door does not
    ]
    known = [t for t in times if t is not None]
    return since + min(known) if known else None


def clock_of(classes: Sequence[str], since: float | None, decide: float | None) -> tuple[tuple[float, str], ...]:
    """What happens when, if nothing is done, in order."""
    if since is None or not any(c in SWITCHES for c in classes):
        return ()
    out = [(decide, "decide")] if decide is not None else []
    if "F" in classes:
        out.append((since, "mail bounces for good, every minute"))
    return tuple(sorted([*out, *((since + after, what) for after, what in GIVE_UP)]))


def confidence_of(
    planes: Sequence[PlaneView], vantages: int, controls: int, *, corroborated: bool, own: bool, partial: bool
) -> tuple[int, list[str], list[str]]:
    """How sure, with the reasons for and against.

    50, and: two ways agree +20 · two vantages or more agree +15 · something corroborates +10 · control probes are well
    +10 · no control -10 · one vantage only -10 · a way looks and sees it well -15 each, 30 at most · a vantage has a
    fault of its own -15 · only partly down -15. Between 5 and 95.
    """
    score = 50
    good: list[str] = []
    bad: list[str] = []

    def add(points: int, text: str) -> None:
        nonlocal score
        score += points
        (good if points > 0 else bad).append(f"{text} ({points:+d})")

    if any(p.agree >= 2 for p in planes):
        add(20, "two independent ways of looking agree")
    most = max((w.split[0] for p in planes for w in p.ways if w.down), default=0)
    if most >= 2:
        add(15, f"{most} of {vantages} vantage points see it")
    elif vantages == 1:
        add(-10, "there is only one vantage point")
    if corroborated:
        add(10, "something else corroborates it")
    if controls:
        add(10, "the control probes are well: our own network works")
    else:
        add(-10, "no control probe vouches for our own network")
    against = [w for p in planes for w in p.against]
    if against:
        add(-min(30, 15 * len(against)), f"{', '.join(against)} see{'s' if len(against) == 1 else ''} it well")
    if own:
        add(-15, "something of our own is broken too")
    if partial:
        add(-15, "only part of it fails")
    return max(5, min(95, score)), good, bad


def evidence_of(way: WayView) -> str:
    """One line for people."""
    place = f" from {way.worst.vantage}" if way.worst is not None and way.worst.vantage else ""
    many = f" ({way.down_targets} of {way.targets} targets)" if way.targets > 1 else ""
    if way.worst is None:
        return f"{way.way} fails{many}"
    text = way.worst.evidence or way.worst.kind or "fails"
    who = way.worst.probe if way.role is Role.LOOK else way.way
    return f"{who}{place}: {text}{many}"
