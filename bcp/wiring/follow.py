"""What runs did, told to the detector."""

from __future__ import annotations

from bcp.detect.detector import Detector
from bcp.engine.store import Runs, RunView
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.wiring.facts import uses_of


class Follower:
    """Tells the detector what runs have done: decided, undecided, active, undone, failback, draining, closed."""

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
        switches = [step for step, uses in uses_of(view).items() if uses == "dns.mx.switch"]
        undone = any(view.state.steps[s].status == "undone" for s in switches if s in view.state.steps)
        return "undone" if undone and not back else "undecided"
    return "closed" if status == "done" and back else ""
