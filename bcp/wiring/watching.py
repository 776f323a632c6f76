"""What detection needs of the configuration and of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bcp.detect.detector import Detector
from bcp.detect.rules import Rules
from bcp.detect.words import Word
from bcp.engine.store import Runs, RunView
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.kit.words import read_words
from bcp.settings import DetectSettings, Settings

if TYPE_CHECKING:
    pass


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
        """Look at the newest runs."""
        event = self._event()
        if event and event != self._told:
            self.detector.event(event, self.clock.monotonic())
        self._told = event or self._told

    def _event(self) -> str:
        for run_id in reversed(self.runs.ids()[-5:]):
            try:
                view = self.runs.view(run_id, effects=False)
            except BcpError:
                continue
            if view.plan.get("kind") == "drill" or "dns.mx.switch" not in uses_of(view).values():
                continue
            return _event_of(view)
        return ""


class Heeder:
    """Tells the detector what persons on call have declared (`bcp declare`)."""

    def __init__(self, path: Path, detector: Detector) -> None:
        self.path, self.detector = path, detector
        self._read: tuple[float, int] | None = None

    def heed(self) -> None:
        """Read the file again where it has changed."""
        try:
            found = self.path.stat()
            now: tuple[float, int] | None = (found.st_mtime, found.st_size)
        except OSError:
            now = None
        if now != self._read:
            self._read = now
            lines = read_words(self.path)
            self.detector.heed(Word(x.kind, x.who, x.at, x.until, x.outage_class, x.text) for x in lines)


def uses_of(view: RunView) -> dict[str, str]:
    """The action of each step."""
    return {str(s["id"]): str(s["uses"]) for s in view.plan["steps"]}


def _event_of(view: RunView) -> str:
    """How far the incident is, by its newest run that moves MX."""
    status, back = view.status(), bool(view.plan.get("parent"))
    if status in {"new", "running", "waiting", "undoing"}:
        drains = [step for step, uses in uses_of(view).items() if uses == "relay.drain"]
        draining = any(view.state.steps[s].status in {"running", "ok"} for s in drains if s in view.state.steps)
        return ("draining" if draining else "failback") if back else "decided"
    if status == "holding" and not back:
        return "active"
    if status in {"failed", "aborted"}:
        return "undecided"
    return "closed" if status == "done" and back else ""
