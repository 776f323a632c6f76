"""When the outage began, asked of everything here that knows: the watch's history, the book of incidents, a run."""

from __future__ import annotations

from pathlib import Path

from bcp.detect.history import History, incidents_of
from bcp.detect.onset import LONGEST_S, UNKNOWN, Onset, choose, from_data, one_outage, read_since
from bcp.engine.store import Runs
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.store.sqlite.book import opened_at
from bcp.store.sqlite.latest import read_latest

WATCHED_S = 86_400.0
"""A watch that ended longer ago knows nothing of the outage of now."""


def onset_of(
    state: Path, service: str, clock: Clock, history: History, runs: Runs, gap_s: float, *, said: str, parent: str
) -> Onset:
    """The best that is known. ``said``: a person's word (``read_since``); ``parent``: the run that is gone back from;
    ``gap_s``: a pause that does not end an outage. What cannot be read says nothing.

    Raises:
        Invalid: what the person said is no time.
    """
    now = clock.now()
    return choose(
        now,
        said=read_since(said, now) if said.strip() else 0.0,
        parent=from_data(_plan(runs, parent)) if parent else UNKNOWN,
        watch=_watched(history, now, gap_s),
        incident=opened_at(state / "incidents.db", service),
    )


def _plan(runs: Runs, parent: str) -> dict[str, object]:
    try:
        found = runs.view(parent, effects=False).plan.get("outage")
    except BcpError:
        return {}
    return found if isinstance(found, dict) else {}


def _watched(history: History, now: float, gap_s: float) -> Onset:
    """What the watch saw begin. A watch that never saw it well knows only that it is at least as old."""
    latest = read_latest(history.path)
    if latest is None or now - latest[0] > WATCHED_S:
        return UNKNOWN
    try:
        verdicts = history.verdicts(now - LONGEST_S)
    except BcpError:
        return UNKNOWN
    since = one_outage(incidents_of(verdicts), gap_s)
    seen_well = any(v["state"] == "healthy" and v["at"] <= since for v in verdicts)
    return Onset(since, seen_well, "watch") if since else UNKNOWN
