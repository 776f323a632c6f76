"""A course of verdicts judged by what was really broken: harmful proposals, misses, time to verdict. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bcp.detect.moments import offset_text
from bcp.detect.rules import Rules
from bcp.detect.truth import MOVING, Stretch, letters, true_at
from bcp.detect.verdict import Decision

DRAIN_S = 3600.0
"""A text may go on speaking of an outage for so long after it is over: the counters of slow probes drain."""
LATE = 1.25
"""A verdict or a proposal is late after so many times the rule's own time (and two intervals)."""
PART_S = 1800.0
"""A part that fails is asked about in so long: it takes looks to tell a part from an accident."""
MX_BOOKS = frozenset({"exchange-inbound-outage", "exchange-false-rejects"})
TELLING = frozenset({"wait", "switch", "tell", "direct"})
"""Actions that come with words to people."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The verdict of one round."""

    at: float
    decision: Decision
    playbook: str = ""


@dataclass(frozen=True, slots=True)
class Harm:
    """Something that should not have been proposed, or was not."""

    kind: str
    """``switch``, ``failback``, ``text`` (false for what is broken), ``missed`` (class),
    ``late`` (no proposal in time)."""
    at: float
    what: str

    def say(self) -> str:
        """For people."""
        return f"{self.kind} at {offset_text(self.at)}: {self.what}"


@dataclass(frozen=True, slots=True)
class Score:
    """What became of one outage."""

    harms: tuple[Harm, ...] = ()
    misses: tuple[Harm, ...] = ()
    verdict_s: float | None = None
    """Seconds from the first outage to the first verdict that names it."""
    truth: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Neither harm nor miss."""
        return not self.harms and not self.misses


def score(course: Sequence[Seen], truth: Sequence[Stretch], rules: Rules) -> Score:
    """Judge a course. Nothing is judged without a truth."""
    harms: dict[str, Harm] = {}
    for seen in course:
        for harm in _harms(seen, truth):
            harms.setdefault(harm.kind, harm)
    misses = [m for s in truth for m in _misses(course, s, rules)]
    named = sorted({c for s in truth for c in s.classes})
    return Score(tuple(harms.values()), tuple(misses), _verdict_s(course, truth), tuple(named))


def _harms(seen: Seen, truth: Sequence[Stretch]) -> list[Harm]:
    d, t = seen.decision, seen.at
    out = []
    if d.action == "switch":
        out += [Harm("switch", t, _about(x, truth, t)) for x in (d.domains or ("",)) if not _may_move(truth, t, x)]
    if d.action == "failback" and true_at(truth, t) & MOVING:
        out.append(Harm("failback", t, f"while {_list(true_at(truth, t))} is broken"))
    lately = true_at(truth, t, slack_s=DRAIN_S)
    if d.action in TELLING and d.classes and not letters(lately) & set(d.classes):
        out.append(Harm("text", t, f"{d.action} for class {d.outage_class} while {_list(lately)} is broken"))
    if d.action in {"wait", "ask"} and seen.playbook in MX_BOOKS and not lately & (MOVING | {"G"}):
        out.append(Harm("text", t, f"{seen.playbook} is named while {_list(lately)} is broken"))
    return out


def _may_move(truth: Sequence[Stretch], t: float, domain: str) -> bool:
    """Is moving this domain (empty: all of them) no harm? Each domain that the truth names must be broken."""
    if domain:
        return bool(true_at(truth, t, domain) & MOVING)
    named = {s.domain for s in truth if s.domain}
    return all(true_at(truth, t, n) & MOVING for n in named) if named else bool(true_at(truth, t) & MOVING)


def _about(domain: str, truth: Sequence[Stretch], t: float) -> str:
    return f"{domain or 'all domains'} while {_list(true_at(truth, t, domain))} is broken"


def _list(classes: frozenset[str]) -> str:
    return "+".join(sorted(classes)) or "nothing"


def rule_s(name: str, rules: Rules) -> float:
    """The rule's own time to a verdict of a class."""
    return rules.confirm_s(rejects=name == "F") + rules.interval_s


def due_s(name: str, rules: Rules) -> float | None:
    """The rule's own time to the proposal of a switch; ``None`` where none is due."""
    decide = rules.decide_s(name) if name in MOVING else None
    return None if decide is None else max(decide, rule_s(name, rules))


def _misses(course: Sequence[Seen], s: Stretch, rules: Rules) -> list[Harm]:
    during = [x for x in course if s.begin <= x.at < s.end]
    lasted = s.end - s.begin
    out = []
    for name in sorted(s.classes - {"H"}):
        found = next((x for x in during if name[0] in x.decision.classes), None)
        if found is None and lasted > 2 * LATE * rule_s(name, rules):
            out.append(Harm("missed", s.begin, f"class {name} is never named"))
    moving = sorted(s.classes & MOVING)
    if not moving or "G" in s.classes:
        return out
    limits = [due_s(n, rules) for n in moving]
    due = min(x for x in limits if x is not None) * LATE + 2 * rules.interval_s
    asked = {"switch", "ask", "hold"} if s.part else {"switch", "ask", "hold", "failback"}
    if s.part:
        due = max(due, PART_S)
    if any(x.decision.words for x in during):  # persons have spoken: what is proposed is theirs
        return out
    if lasted > due and not any(x.decision.action in asked for x in during if x.at <= s.begin + due):
        out.append(Harm("late", s.begin + due, f"no proposal for class {'+'.join(moving)}"))
    return out


def _verdict_s(course: Sequence[Seen], truth: Sequence[Stretch]) -> float | None:
    broken = [s for s in truth if s.classes]
    if not broken:
        return None
    begin = min(s.begin for s in broken)
    wanted = letters(frozenset().union(*(s.classes for s in broken)))
    found = next((x for x in course if x.at >= begin and wanted & set(x.decision.classes)), None)
    return None if found is None else found.at - begin
