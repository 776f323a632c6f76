"""Who told senders the new MX, and when: measured where somebody was asked, else a forecast that says so; and the
circumstances of a run stand in its record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.drills.recorded import START, Story
from unit.reports.samples import T, full

from bcp.contracts.exercise import DrillRecord, Objective
from bcp.contracts.exercise_parts import CurvePoint
from bcp.drills.derive import Context, derive
from bcp.drills.fold import Exercise
from bcp.drills.learn import proposals
from bcp.pages.report import report_page
from bcp.pages.words import words
from bcp.reports.document import document
from bcp.reports.figures import figures_of
from bcp.reports.milestones import caches, receive_share

EN = words("en")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bcp.engine.runner.POLL_S", 0.002)


def played(story: Story, told: dict[float, tuple[int, int]], **meta: Any) -> DrillRecord:
    """A run that held; resolvers told this, so many seconds after the start."""
    run = story.begin("run-1")
    story.answer(run, 20)
    assert story.process(run) == "holding"
    view = story.view(run)
    events = list(view.record.events)
    events += [replace(events[-1], at=START + s, kind="mx_told", data={"new": n, "asked": a})
               for s, (n, a) in told.items()]  # fmt: skip
    record = replace(view.record, events=tuple(events), meta={**view.record.meta, **meta})
    exercise = Exercise(DrillRecord("inc-1", "incident", state="closed"), runs=(run,))
    return derive(exercise, [replace(view, record=record)], [], Context())


def story(tmp_path: Path) -> Story:
    return Story(tmp_path, outage={"at": START - 60.0, "exact": True, "source": "watch"})


def figure(record: DrillRecord, code: str) -> Any:
    return next((f for f in figures_of(record, EN) if f.code == code), None)


def test_what_resolvers_told_is_the_curve_and_no_forecast_is_mixed_in(tmp_path: Path) -> None:
    found = played(story(tmp_path), {30.0: (1, 20), 200.0: (19, 20), 400.0: (20, 20)})
    kinds = [p.what for p in found.propagation]
    assert kinds.count("resolvers") == 3
    assert "forecast" not in kinds
    assert receive_share(found) == START + 200.0
    assert (figure(found, "receive-95").value, figure(found, "receive-95").how) == (260.0, "resolvers")
    assert caches(found) == (START + 400.0, False)


def test_authoritative_servers_are_said_apart_and_are_no_senders(tmp_path: Path) -> None:
    found = played(story(tmp_path), {})
    first = found.propagation[0]
    assert (first.what, first.new, first.asked) == ("authoritative", 1, 1)
    assert {p.what for p in found.propagation[1:]} == {"forecast"}
    assert receive_share(found) is None
    assert (figure(found, "receive-95").value, figure(found, "receive-95").how) == (None, "not-measured")
    assert caches(found)[1] is True
    assert figure(found, "propagation").how == "forecast"


def test_both_are_stated_the_first_mail_and_95_of_100_resolvers() -> None:
    record = full()  # 6 resolvers: the sixth tells it after 1900 s
    assert figure(record, "rto_receive").value == 972.0
    assert figure(record, "receive-95").value == 1900.0
    page = report_page(document(record, "drill", made="2026-01-23T10:00:00Z"))
    assert "95 of 100 resolvers told the relay&#39;s MX after" in page or "95 of 100 resolvers told the relay's" in page


def test_a_drill_that_moves_nothing_has_no_such_figure() -> None:
    for kind in ("tabletop", "dry"):
        assert figure(replace(full(), kind=kind), "receive-95") is None  # type: ignore[arg-type]
    assert figure(replace(full(), objectives=()), "receive-95") is None


def test_mail_that_came_in_time_and_not_from_everywhere_is_a_finding() -> None:
    late = next(p for p in proposals(full()) if p.code == "resolvers-late")
    assert late.title.startswith("95 of 100 resolvers told the relay's MX after 31m")
    soon = replace(full(), propagation=(CurvePoint(T + 900, 6, 6),))
    assert not [p for p in proposals(soon) if p.code == "resolvers-late"]
    missed = replace(full(), objectives=(Objective("rto_receive", 1800, judged="missed", achieved=2000.0),))
    assert not [p for p in proposals(missed) if p.code == "resolvers-late"]


FATE = {"state": "risk", "chains": ["out: 'mx' -> the DNS host"], "at": START - 1}


def test_shared_fate_and_clock_of_a_run_that_no_drill_watched(tmp_path: Path) -> None:
    found = played(story(tmp_path), {}, shared_fate=FATE, clock="clock of this machine, UTC; x")
    assert (found.shared_fate.state, found.shared_fate.chains) == ("risk", ("out: 'mx' -> the DNS host",))
    assert found.shared_fate.at == START - 1
    assert found.integrity.clock_source == "clock of this machine, UTC; x"
    assert [p.code for p in proposals(found) if p.code == "shared-fate"]


def test_of_an_older_run_nobody_knows(tmp_path: Path) -> None:
    found = played(story(tmp_path), {})
    assert (found.shared_fate.state, found.shared_fate.at) == ("unknown", 0.0)
    assert "not known" in found.integrity.clock_source


def test_an_answer_without_a_gate_is_one_to_the_gate_that_was_open(tmp_path: Path) -> None:
    """Its question is known, and so is how long it took."""
    told = story(tmp_path)
    run = told.begin("run-1")
    told.answer(run, 30, "reject", "p2")
    told.process(run)
    exercise = Exercise(DrillRecord("inc-1", "incident", state="closed"), runs=(run,))
    (no,) = derive(exercise, [told.view(run)], [], Context()).decisions
    assert (no.result, no.what, no.step) == ("rejected", "gate of out", "gate")
    assert no.asked == next(e.at for e in told.view(run).record.events if e.kind == "gate_opened")
    assert no.at >= no.asked
