"""What detection needs of the configuration and of runs."""

from __future__ import annotations

from bcp.contracts.store import RunCard
from bcp.detect.detector import Detector
from bcp.detect.rules import Rules
from bcp.engine.store import Runs, RunView
from bcp.kernel.clock import Clock
from bcp.settings import DetectSettings, Settings


def rules_of(settings: Settings) -> Rules:
    """The numbers of detection."""
    return rules_from(settings.detect, max((x.primary_ttl for x in settings.domains), default=0))


def rules_from(d: DetectSettings, ttl: float) -> Rules:
    """The numbers of detection, with the TTL of MX in peacetime in seconds."""
    return Rules(
        interval_s=d.interval,
        threshold=d.threshold,
        reject_threshold=d.reject_threshold,
        suspect=d.suspect,
        need=d.need,
        confirm_for_s=d.interval if d.confirm_for is None else d.confirm_for,
        keep_firing_for_s=d.keep_firing_for,
        flap_high=d.flap_percent,
        flap_low=min(d.flap_low, d.flap_percent),
        partial_share=d.partial_share,
        switch_share=d.switch_share,
        target_share=d.target_share,
        stale_after=d.stale_after,
        skew_s=d.clock_skew,
        decide_b_s=d.decide.b,
        decide_e_s=d.decide.e,
        decide_f_s=d.decide.f,
        dwell_s=max(3600.0, 4.0 * ttl) if d.dwell is None else d.dwell,
    )


class Follower:
    """Tells the detector what runs have done: decided, undecided, active, failback, draining, closed."""

    def __init__(self, runs: Runs, detector: Detector, clock: Clock) -> None:
        self.runs, self.detector, self.clock = runs, detector, clock
        self._told = ""

    def follow(self) -> None:
        """Look at the runs that move MX."""
        event = self._event()
        if event and event != self._told:
            self.detector.event(event, self.clock.monotonic())
        self._told = event or self._told

    def _event(self) -> str:
        """Of the newest run that moves MX; one that holds counts however many came after it and moved nothing."""
        cards = self.runs.cards(moves_mx=True, kind="real", newest=1)
        newest = next(iter(cards), None)
        if newest is not None and not newest.over:
            return event_of(newest)
        if newest is None:
            return ""
        gone_back = newest.parent if newest.status == "done" else ""  # it is being told
        holds = any(c.moves_mx and c.id != gone_back for c in self.runs.holding())
        return "active" if holds else event_of(newest)


def event_of(card: RunCard) -> str:
    """How far the incident is, by its newest run that moves MX."""
    back = bool(card.parent)
    if card.status in {"new", "running", "waiting", "undoing"}:
        return ("draining" if card.draining else "failback") if back else "decided"
    if card.status == "holding" and not back:
        return "active"
    if card.status in {"failed", "aborted"}:
        return "undecided"
    return "closed" if card.status == "done" and back else ""


def uses_of(view: RunView) -> dict[str, str]:
    """The action of each step."""
    return {str(s["id"]): str(s["uses"]) for s in view.plan["steps"]}
