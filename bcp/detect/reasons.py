"""Why, in sentences: how sure we are, with the reasons for and against, and what would change the verdict. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.kinds import in_words
from bcp.contracts.probe import Role
from bcp.detect.cases import Case
from bcp.detect.conditions import GOES_ON, UNCONFIRMED
from bcp.detect.decide import Judgement
from bcp.detect.due import decide_after
from bcp.detect.planes import PlaneView, WayView
from bcp.detect.rules import Rules
from bcp.detect.verdict import Silent
from bcp.kernel.units import format_duration


def confidence_of(
    planes: Sequence[PlaneView], vantages: int, controls: int | None, *, corroborated: bool, own: bool, partial: bool
) -> tuple[int, list[str], list[str]]:
    """How sure, with the reasons for and against.

    50, and: two ways agree +20 · two vantages or more agree +15 · something corroborates +10 · control probes are well
    +10, one fails 0 · no control -10 · one vantage only -10 · a way looks and sees it well -15 each, 30 at most · a
    vantage has a fault of its own -15 · only partly down -15. Between 5 and 95.
    """
    score = 50
    good: list[str] = []
    bad: list[str] = []

    def add(points: int, text: str) -> None:
        nonlocal score
        score += points
        (good if points > 0 else bad).append(f"{text} ({points:+d})" if points else text)

    if any(p.agree >= 2 for p in planes):
        add(20, "two independent ways of looking agree")
    most = max((w.split[0] for p in planes for w in p.ways if w.down), default=0)
    if most >= 2:
        add(15, f"{most} of {vantages} vantage points see it")
    elif vantages == 1:
        add(-10, "there is only one vantage point")
    if corroborated:
        add(10, "something else corroborates it")
    add(*_controls(controls))
    against = [w for p in planes for w in p.against]
    if against:
        add(-min(30, 15 * len(against)), f"{', '.join(against)} see{'s' if len(against) == 1 else ''} it well")
    if own:
        add(-15, "something of our own is broken too")
    if partial:
        add(-15, "only part of it fails")
    return max(5, min(95, score)), good, bad


def _controls(number: int | None) -> tuple[int, str]:
    if number is None:
        return 0, "a control probe fails too"
    if number:
        return 10, "the control probes are well: our own network works"
    return -10, "no control probe vouches for our own network"


def evidence_of(way: WayView) -> str:
    """One line for people."""
    place = f" from {way.worst.vantage}" if way.worst is not None and way.worst.vantage else ""
    many = f" ({way.down_targets} of {way.targets} targets)" if way.targets > 1 and way.down_targets else ""
    if way.worst is None:
        return f"{way.way}: failed lately; the newest looks are well{many}"
    text = in_words(way.worst.evidence or way.worst.kind or "fails")
    who = way.worst.probe if way.role is Role.LOOK else way.way
    return f"{who}{place}: {text}{many}"


def _failing(looks: int) -> str:
    return "one look that fails makes" if looks == 1 else f"{looks} looks in a row that fail make"


LOST = "a place that is silent for good is no longer waited for when it is taken out of vantages: in bcp.yaml"
"""What changes a way back that not enough places see."""


def changes_of(
    judgement: Judgement, cases: Sequence[Case], rules: Rules, *, state: str, action: str, notes: Sequence[str] = ()
) -> list[str]:
    """What would change the verdict, as sentences for somebody who has to decide."""
    if action == "none":
        return [f"{_failing(rules.suspect)} it suspect; nothing is proposed for a single one"]
    out = []
    if action == "switch":
        out.append("as soon as the newest looks do not fail any more, MX is not moved")
        if any("inbound" in c.planes for c in cases):
            out.append("a known recipient that is accepted again, everywhere, takes the proposal back")
    left = _left(cases, rules)
    if action == "wait" and left:
        out.append(f"after {format_duration(left)} more of failing, moving MX is proposed")
    if action == "fix-own":
        out.append("when our own fault is repaired, what the probes see counts again")
    if action == "failback":
        return ["as soon as a look at inbound mail, or at the MX host's name, fails, the way back is not proposed"]
    if action == "hold" and judgement.changes:
        lost = any(isinstance(n, Silent) for n in notes) and any(x.rule == "seen-well" for x in judgement.refusals)
        return [f"the way back is proposed when {_all_of(judgement.changes)}", *([LOST] if lost else [])]
    if state == "down":
        looks = 2 * rules.threshold
        out.append(
            f"up to {looks} good looks in a row end it; it is closed {format_duration(rules.keep_firing_for_s)} later"
        )
    if state == "healthy" and action == "watch":
        return [
            f"{_failing(rules.suspect)} it suspect again",
            f"when all has been clear for {format_duration(rules.keep_firing_for_s)} the incident is closed",
        ]
    waits = action == "wait" and bool(left)
    out += [f"it is judged anew if {c}" for c in _missing(judgement.changes, state)[:4] if not (waits and c == GOES_ON)]
    return list(dict.fromkeys(out))


def _all_of(wanted: Sequence[str]) -> str:
    """All of this must be so."""
    return wanted[0] if len(wanted) == 1 else f"all of this is so: {'; '.join(wanted)}"


def _missing(changes: Sequence[str], state: str) -> list[str]:
    """What is missing for another proposal. What would have to follow upon a confirmation is not judged before it."""
    if UNCONFIRMED not in changes:
        return list(changes)
    if state == "down":  # something else than what MX is moved for
        return ["inbound mail, or the MX host's name, fails too"]
    return list(changes[: list(changes).index(UNCONFIRMED) + 1])


def _left(cases: Sequence[Case], rules: Rules) -> float:
    times = [
        need - c.failed_s
        for c in cases
        if (need := decide_after(c.classes, c.planes, rules)) is not None and need > c.failed_s
    ]
    return min(times) if times else 0.0
