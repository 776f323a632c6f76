"""What a set of probes would miss or misjudge, found out by playing small outages through the real detector. Pure.

``bcp doctor`` tells it. Nothing here is an opinion: every sentence is what the detector made of what these probes would
report (docs/reference/probes.md), with the decision times cut short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bcp.contracts.probe import Part, Role, Signal
from bcp.detect.detector import HERE, Detector
from bcp.detect.rules import Rules
from bcp.detect.small_outages import DEGRADED, OK, SMALL, UNKNOWN, Looking, Said, Small

CALM, LONG = 8, 45
"""Rounds before the outage, and of it."""
QUICK_S = 600.0
"""Decision times while playing; what is found out does not depend on them."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the detector made of an outage: everything that it said while it lasted."""

    outage: Small
    classes: frozenset[str]
    states: frozenset[str]
    actions: frozenset[str]

    @property
    def harmful(self) -> bool:
        """Would MX be moved for something that a new MX does not help?"""
        return "switch" in self.actions and self.outage.truth not in {"B", "E", "F"}

    @property
    def seen(self) -> bool:
        """Was its class named?"""
        return self.outage.truth in self.classes

    @property
    def sentence(self) -> str:
        """For people; empty where it is judged as what it is."""
        o, others = self.outage, " and ".join(sorted(self.classes - {self.outage.truth}))
        if self.harmful:
            return f"{o.title}: looks like class {others}, and MX would be moved for nothing"
        if o.harmless:
            alarmed = not self.seen and bool(self.actions & {"ask", "wait", "tell", "direct"})
            return f"{o.title}: mail flows, and it looks like class {others}" if alarmed else ""
        if self.seen and "down" not in self.states and o.truth in {"B", "E", "F"}:
            return f"{o.title}: class {o.truth} is only suspected, never confirmed; a person has to decide"
        if self.seen:
            return ""
        return f"{o.title}: class {o.truth} looks like {others}" if others else f"{o.title}: class {o.truth} is missed"


def play(outage: Small, probes: Sequence[Looking], rules: Rules, vantages: Sequence[str] = (HERE,)) -> Told:
    """Play it over this set of probes."""
    short = replace(rules, decide_b_s=QUICK_S, decide_e_s=QUICK_S, decide_f_s=0.0)
    detector = Detector(short, [p.watched for p in probes], vantages=tuple(vantages), here=vantages[0])
    classes: set[str] = set()
    states: set[str] = set()
    actions: set[str] = set()
    for n in range(CALM + LONG):
        now = n * rules.interval_s
        for vantage in vantages:
            for one in probes:
                if vantage in (one.watched.vantages or vantages):
                    hit = n >= CALM and not (outage.one_place and vantage != vantages[0])
                    detector.take(
                        _signal(one, outage if hit else None, probes, now, vantage if vantage != vantages[0] else "")
                    )
        found = detector.settle(now, now)
        if n >= CALM:
            classes.update(found.classes)
            states.add(found.state)
            actions.add(found.action)
    return Told(outage, frozenset(classes), frozenset(states), frozenset(actions))


def assess(probes: Sequence[Looking], rules: Rules, vantages: Sequence[str] = (HERE,)) -> list[Told]:
    """All small outages."""
    return [play(o, probes, rules, vantages) for o in SMALL]


def told_apart(told: Sequence[Told]) -> str:
    """The classes of which every small outage is judged as what it is, such as ``ABEFH``."""
    return "".join(sorted({t.outage.truth for t in told if t.seen} - {t.outage.truth for t in told if t.sentence}))


def _signal(one: Looking, outage: Small | None, probes: Sequence[Looking], now: float, vantage: str) -> Signal:
    w = one.watched
    told = w.role is not Role.LOOK
    said: Said = (UNKNOWN, "silent") if told else (OK, _WELL.get(w.way, ""))
    if w.control:
        down = outage is not None and outage.controls and outage.sees(replace(one, watched=replace(w, control=False)))
        result, kind = down or (OK, "")
        return Signal(w.probe, w.plane, result, now, kind, kind, True, vantage=vantage)
    seen = outage.sees(one) if outage is not None and not told else None
    gone = _first(probes) if outage is not None and outage.first_only else ""
    if seen is not None and gone and gone not in one.reach.recipients:
        seen = None
    if seen is not None and outage is not None and outage.all_gone and not _asked_for(one, probes):
        seen = None
    result, kind = seen or said
    parts = tuple(
        Part(result, kind, kind, r) if not gone or r == gone or seen is None else Part(OK, "accepted", "", r)
        for r in one.reach.recipients
        if w.way == "smtp"
    )
    if len({p.result for p in parts}) > 1:
        result = DEGRADED
    return Signal(w.probe, w.plane, result, now, kind, kind, False, vantage=vantage, parts=parts)


_WELL = {"smtp": "accepted", "smtp-unknown": "refused-unknown", "round-trip": "delivered"}


def _asked_for(one: Looking, probes: Sequence[Looking]) -> bool:
    """Does it go to a mailbox that an ``smtp`` probe asks for?"""
    asked = {r for p in probes if p.watched.way == "smtp" and not p.watched.control for r in p.reach.recipients}
    return one.watched.way == "smtp" or bool(asked & set(one.reach.recipients))


def _first(probes: Sequence[Looking]) -> str:
    """The recipient that is deleted: the first that any probe asks for."""
    return next((r for p in probes if p.watched.way == "smtp" for r in p.reach.recipients), "")
