"""What a run achieved against its objectives: counted from when the outage began, and only what was reached. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from bcp.detect.onset import Onset, from_data, looked
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.kernel.clock import iso
from bcp.reports.reach import reached
from bcp.store.standalone import APART_S

WELL = frozenset({"ok", "unchanged"})
SOURCES = {
    "person": "what a person said",
    "parent": "the run that it goes back from",
    "watch": "the first failure that the watch saw",
    "incident": "when the incident was opened",
    "look": "the first failed look: it began then or earlier",
    "start": "the start of the run: when it began is not known",
}


def onset_of_run(view: RunView) -> Onset:
    """When the outage began: as the plan knows it, else what a step of the run saw, else the start of the run."""
    kept = from_data(view.plan.get("outage"))
    seen = (s.outputs.get("since") for s in view.state.steps.values())
    first = min((float(t) for t in seen if isinstance(t, int | float) and t > 0), default=0.0)
    if kept.at and kept.source != "start":
        return kept
    return looked(Onset(), first, view.state.started)


def set_back(view: RunView) -> bool:
    """Was the clock set back while it was worked on? Then everything took longer than it looks."""
    return any(later.at < one.at - APART_S for one, later in pairwise(view.record.events))


def achieved_times(view: RunView, internal: Collection[str] = (), children: Sequence[RunView] = ()) -> dict[str, Any]:
    """Seconds from the beginning of the outage to what the objectives are about.

    ``internal``: audiences of the people on call; telling them is work, not communication. ``children``: the runs that
    went back from this one; their drain knows the first mail that the relay took.
    """
    onset = onset_of_run(view)
    switch = next((s for s in view.state.steps.values() if s.outputs.get("safe_at") and s.status in WELL), None)
    out: dict[str, Any] = {
        "outage_since": iso(onset.at),
        "exact": onset.exact and not set_back(view),
        "counted_from": SOURCES.get(onset.source, SOURCES["start"]),
    }
    if switch is not None:
        out["switched_s"] = round(switch.ended - onset.at, 1)
        out["caches_safe_s"] = round(float(switch.outputs["safe_at"]) - onset.at, 1)
    if view.record.meta.get("parent"):  # the way back has no recovery time of its own
        return _forwards(out)
    canary = next((s for s in view.state.steps.values() if s.outputs.get("accepted_by") and s.status == "ok"), None)
    if canary is not None:
        out["test_mail_s"] = round(canary.ended - onset.at, 1)
    if switch is not None and (first := first_mail((view, *children), switch.started)):
        out["rto_receive_s"] = round(first - onset.at, 1)
    told = audiences_told(view, internal)
    took = {name: None if at is None else round(at - onset.at, 1) for name, at in told.items()}
    out["told_s"] = {name: t if t is not None and t >= 0 else None for name, t in took.items()}  # as in ``_forwards``
    known = [t for t in out["told_s"].values() if t is not None]
    if told and len(known) == len(told):
        out["rto_communicate_s"] = max(known)
    return _forwards(out)


def _forwards(out: dict[str, Any]) -> dict[str, Any]:
    """Without what would have taken less than no time: the clock was set back meanwhile."""
    return {name: value for name, value in out.items() if not isinstance(value, float) or value >= 0}


def first_mail(views: Iterable[RunView], switched: float) -> float:
    """When the relay took the first mail after the switch, by its own record; 0: nobody read that.

    Our own test mails are none: what arrived while one was under way does not count, so that the figure is rather too
    late than too early.
    """
    steps = [s for view in views for s in view.state.steps.values()]
    tests = [(s.started - 1.0, s.ended + 1.0) for s in steps if s.outputs.get("accepted_by")]
    found = [
        float(at)
        for step in steps
        for at in _numbers(step.outputs.get("arrivals"))
        if at >= switched and not any(a <= at <= b for a, b in tests)
    ]
    return min(found, default=0.0)


def _numbers(value: object) -> list[float]:
    return [float(x) for x in value if isinstance(x, int | float)] if isinstance(value, list) else []


def audiences_told(view: RunView, internal: Collection[str] = ()) -> dict[str, float | None]:
    """When each audience of the activation was told (``bcp.reports.reach``); ``None``: it was not."""
    return {name: found.at for name, found in reached(view, internal).items()}


def objectives(view: RunView, achieved: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each target beside what was achieved; communication for each audience apart.

    ``met`` is ``None`` where nothing was measured and the run may still come to it, or where nobody knows since when
    the outage lasted. A run that was rejected or aborted meets no objective, whatever it reached on the way; one that
    failed meets none that it did not reach.
    """
    wanted = view.record.meta.get("objectives") or {}
    rows = []
    if (target := wanted.get("rto_receive")) is not None and not view.record.meta.get("parent"):
        rows.append(_row(view, "rto_receive", "", target, achieved.get("rto_receive_s")))
    if (target := wanted.get("rto_communicate")) is not None:
        told = achieved.get("told_s") or {"": None}
        rows += [_row(view, "rto_communicate", name, target, at) for name, at in told.items()]
    return rows


GATES = frozenset({"gate-closed", "rejected", "no-answer", "approval-unanswerable"})
"""Rules by which a gate ends a run: people said no, or nothing."""


def given_up(view: RunView) -> bool:
    """Did people end it: was it rejected, did nobody answer, was it aborted?"""
    return view.status() == "aborted" or (view.status() == "failed" and view.state.rule in GATES)


def _row(view: RunView, objective: str, audience: str, target: float, got: float | None) -> dict[str, Any]:
    failed = view.status() in FINAL and view.status() != "done"
    if got is not None and got < 0:  # the clock was set back meanwhile: how long it took is not known
        got, met = None, None
    elif got is None:
        met = False if failed or (objective == "rto_communicate" and view.status() in FINAL) else None
    elif got > target or given_up(view) or (failed and objective == "rto_receive"):
        met = False
    else:
        met = True if onset_of_run(view).exact and not set_back(view) else None  # it may have lasted longer
    return {"objective": objective, "audience": audience, "target_s": target, "achieved_s": got, "met": met}
