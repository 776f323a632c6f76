"""From counters to a verdict: which plane is down, which class of outage it is, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bcp.contracts.probe import Result, Signal
from bcp.detect.counter import Counter


@dataclass(frozen=True, slots=True)
class Rules:
    """How sure we must be. A plane is down when ``need`` of its signals are (all of them, when it has fewer)."""

    threshold: int = 5
    need: int = 2
    confirm_for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class View:
    """What has been seen so far: the last signal and the counter of each probe, and since when each plane is down."""

    counters: Mapping[str, Counter] = field(default_factory=dict)
    last: Mapping[str, Signal] = field(default_factory=dict)
    first_failure: Mapping[str, float] = field(default_factory=dict)
    plane_since: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """``state``: healthy, suspect, down, unknown. ``outage_class``: A to H, empty when healthy or not sure."""

    state: str
    outage_class: str = ""
    planes: tuple[str, ...] = ()
    since: float | None = None
    evidence: tuple[str, ...] = ()


def observe(view: View, signal: Signal, rules: Rules) -> View:
    """The view after one more signal."""
    counters, last, first = dict(view.counters), dict(view.last), dict(view.first_failure)
    counter = counters.get(signal.probe, Counter(rules.threshold)).after(signal.result)
    counters[signal.probe], last[signal.probe] = counter, signal
    if signal.result is Result.FAIL:
        first.setdefault(signal.probe, signal.at)
    elif counter.value == 0:
        first.pop(signal.probe, None)
    since = dict(view.plane_since)
    for plane in {s.plane for s in last.values() if not s.control}:
        if _plane_down(plane, counters, last, rules):
            since.setdefault(plane, signal.at)
        else:
            since.pop(plane, None)
    return View(counters, last, first, since)


def _plane_down(plane: str, counters: Mapping[str, Counter], last: Mapping[str, Signal], rules: Rules) -> bool:
    names = [n for n, s in last.items() if s.plane == plane and not s.control]
    down = sum(1 for n in names if counters[n].down)
    return down >= min(rules.need, len(names)) > 0


def decide(view: View, now: float, rules: Rules) -> Decision:
    """The verdict on what has been seen."""
    signals = [s for s in view.last.values() if not s.control]
    controls = [s for s in view.last.values() if s.control]
    if not signals:
        return Decision("unknown", evidence=("nothing was looked at yet",))
    down = tuple(sorted(p for p, since in view.plane_since.items() if now - since >= rules.confirm_for_s))
    failing = [s for s in signals if s.result is Result.FAIL or view.counters[s.probe].down]
    evidence = tuple(f"{s.probe}: {s.evidence}" for s in failing)
    if controls and all(s.result in {Result.FAIL, Result.UNKNOWN} for s in controls) and failing:
        sick = tuple(f"{s.probe} (control): {s.evidence}" for s in controls)
        return Decision(
            "unknown", "H", (), None, ("the control probes fail too: this looks like our own network", *sick, *evidence)
        )
    if down:
        since = min((view.first_failure[s.probe] for s in failing if s.probe in view.first_failure), default=None)
        return Decision("down", classify(down, failing), down, since, evidence)
    if failing:
        return Decision(
            "suspect", "", (), min((view.first_failure.get(s.probe, now) for s in failing), default=None), evidence
        )
    if all(s.result is Result.UNKNOWN for s in signals):
        return Decision("unknown", "", (), None, tuple(f"{s.probe}: {s.evidence}" for s in signals))
    return Decision(
        "healthy", "", (), None, tuple(f"{s.probe}: {s.evidence}" for s in signals if s.result is Result.DEGRADED)
    )


def classify(down: Sequence[str], failing: Sequence[Signal]) -> str:
    """The class, from the planes that are down and the kinds of failure. The most urgent one wins."""
    inbound = [s for s in failing if s.plane == "inbound"]
    if "inbound" in down and any(s.kind == "rejects" for s in inbound):
        return "F"
    if "dns" in down:
        return "E"
    if "inbound" in down:
        return "B"
    return next(
        (c for plane, c in (("auth", "D"), ("mailbox", "A"), ("outbound", "C"), ("edge", "E")) if plane in down), ""
    )
