"""The figures of a record against those that somebody computes from the raw files: plain SQL and arithmetic, and not
one function of the product on that side."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from unit.drills.recorded import BACK, START, Story, person

from bcp.contracts.exercise import DrillRecord
from bcp.drills.derive import Context, derive
from bcp.drills.fold import Exercise

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bcp.engine.runner.POLL_S", 0.002)


class Raw:
    """One run's file, read with SQL."""

    def __init__(self, path: Path) -> None:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            self.meta = {k: json.loads(v) for k, v in db.execute("select key, value from meta") if v[:1] in "{["}
            self.events = [(a, k, s, json.loads(d)) for a, k, s, d in
                           db.execute("select at, kind, step, data from event order by seq")]  # fmt: skip
            self.sent = [(k, at) for k, at, o in db.execute("select key, settled, outcome from effect") if o
                         and json.loads(o).get("state") == "sent"]  # fmt: skip

    def ended(self, step: str) -> tuple[float, dict[str, Any]] | None:
        rows = [(a, d) for a, k, s, d in self.events if (k, s) == ("step_finished", step) and d["status"] == "ok"]
        return rows[-1] if rows else None

    def told(self, step: str, people: int) -> float | None:
        """When 95 of 100 people had been sent a message that was taken."""
        times = sorted(at for key, at in self.sent if key.split("/")[1] == step and not key.endswith("/back"))
        needed = ceil(0.95 * people)
        return times[needed - 1] if len(times) >= needed and self.ended(step) else None


def by_hand(onset: float, away: Raw, back: Raw | None, people: dict[str, int]) -> dict[str, float | None]:
    """Seconds, rounded as a person would."""
    out: dict[str, float | None] = {}
    for audience, step in (("staff", "tell"), ("partners", "partners")):
        at = away.told(step, people[audience])
        out[f"rto_communicate {audience}"] = None if at is None else round(at - onset, 1)
    moved = [a for a, k, s, _ in away.events if (k, s) == ("step_started", "mx")] if away.ended("mx") else []
    drained, home = (back.ended("drain"), back.ended("mx")) if back is not None else (None, None)
    arrivals = list(drained[1]["outputs"].get("arrivals") or []) if drained else []
    first = [t for t in arrivals if moved and t >= moved[0]]
    out["rto_receive"] = round(min(first) - onset, 1) if first else None
    out["wrt"] = round(drained[0] - home[0], 1) if drained and home else None
    out["mtpd"] = round(drained[0] - onset, 1) if drained and home else None
    return out


def plain(story: Story) -> tuple[str, str]:
    run = story.begin("run-1")
    story.answer(run, 30)
    story.process(run)
    return run, ""


def there_and_back(story: Story) -> tuple[str, str]:
    run, _ = plain(story)
    story.clock.pass_(HOUR)
    story.relay.arrived_at = [10, 400, 405]
    way = story.begin("run-2", BACK, parent=run)
    story.answer(way, story.clock.now() - START + 60)
    story.process(way)
    return run, way


def rejected(story: Story) -> tuple[str, str]:
    run = story.begin("run-1")
    story.answer(run, 30, "reject")
    story.process(run)
    return run, ""


def aborted_before(story: Story) -> tuple[str, str]:
    run = story.begin("run-1")
    story.answer(run, 40, "abort", "p2", reason="over")
    story.process(run)
    return run, ""


def aborted_after(story: Story) -> tuple[str, str]:
    run, _ = plain(story)
    story.clock.pass_(400)
    story.runs.tell(run, "abort", "p2", reason="not true")
    story.process(run, undo_by="p1")
    return run, ""


def later_step_failed(story: Story) -> tuple[str, str]:
    run = story.begin("run-1", dies=True)
    story.answer(run, 20)
    story.process(run, undo_by="p1")
    return run, ""


def killed_and_resumed(story: Story) -> tuple[str, str]:
    run = story.begin("run-1")
    story.answer(run, 30)
    story.process(run, stop_at=60)
    story.clock.pass_(1200)
    story.process(run)
    return run, ""


def nobody(story: Story) -> tuple[str, str]:
    run = story.begin("run-1")
    story.process(run)
    return run, ""


def back_rejected(story: Story) -> tuple[str, str]:
    run, _ = plain(story)
    way = story.begin("run-2", BACK, parent=run)
    story.answer(way, story.clock.now() - START + 10, "reject")
    story.process(way)
    return run, way


FEW = {"staff": (4, 0), "partners": (1, 0)}
STORIES: dict[str, tuple[Callable[[Story], tuple[str, str]], float, dict[str, tuple[int, int]]]] = {
    "plain": (plain, -60, FEW),
    "an hour before": (plain, -HOUR, FEW),
    "there and back": (there_and_back, -60, FEW),
    "rejected": (rejected, -60, FEW),
    "aborted before": (aborted_before, -60, FEW),
    "aborted after": (aborted_after, -60, FEW),
    "a later step failed": (later_step_failed, -60, FEW),
    "killed and resumed": (killed_and_resumed, -60, FEW),
    "nobody answers": (nobody, -60, FEW),
    "the way back is rejected": (back_rejected, -60, FEW),
    "one of forty has a dead number": (plain, -60, {"staff": (40, 1), "partners": (1, 0)}),
    "three of forty have dead numbers": (plain, -60, {"staff": (40, 3), "partners": (1, 0)}),
    "stragglers after a kill": (killed_and_resumed, -60, {"staff": (20, 0), "partners": (1, 0)}),
}


@pytest.mark.parametrize("name", STORIES)
def test_figures_equal_those_computed_by_hand(tmp_path: Path, name: str) -> None:
    play, onset, crowd = STORIES[name]
    people = tuple(
        person(100 * g + n, group, dead=n >= count - dead)
        for g, (group, (count, dead)) in enumerate(crowd.items())
        for n in range(count)
    )
    story = Story(tmp_path, people=people, outage={"at": START + onset, "exact": True, "source": "watch"})
    run, way = play(story)
    views = [story.view(r) for r in (run, way) if r]
    exercise = Exercise(DrillRecord("inc-1", "incident", state="closed"), runs=tuple(v.id for v in views))
    found = derive(exercise, views, [], Context())
    back = Raw(story.runs.path(way)) if way else None
    hand = by_hand(START + onset, Raw(story.runs.path(run)), back, {g: c for g, (c, _) in crowd.items()})
    mine = {f"{o.code} {o.audience}".strip(): o.achieved for o in found.objectives}
    mine.pop("rpo_messages")
    assert {k: v for k, v in mine.items() if k in hand} == pytest.approx(hand, abs=0.051)
    assert set(mine) == set(hand)
    for o in found.objectives:
        if o.judged == "met":
            assert o.achieved is not None and o.achieved <= o.target
