"""Did we meet our objectives? As strict as the record: what was not reached, or does not count, is no yes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.reports.samples import full

from bcp.contracts.exercise import DrillRecord, Objective
from bcp.pages.words import words
from bcp.reports.answer import answer_of, judgement
from bcp.reports.figures import figures_of
from bcp.reports.milestones import milestones_of

EN = words("en")
MET = Objective("rto_receive", 1800.0, achieved=600.0, judged="met", how="first-mail")


def record(*judged: str, **more: object) -> DrillRecord:
    goals = tuple(replace(MET, judged=j, achieved=None if j in {"not-reached", "open", "not-measured"} else 600.0)
                  for j in judged)  # type: ignore[arg-type]  # fmt: skip
    base = {"state": "closed", "outcome": "completed", "started": 1.0, "ended": 2.0}
    return DrillRecord("d", "live", objectives=goals, **{**base, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "code", "reached"),
    [
        (record("met"), "yes", 1),
        (record("met", "met"), "yes", 2),
        (record("met", "missed"), "no", 1),
        (record("met", "not-reached"), "no", 1),
        (record("met", "not-known"), "not-known", 1),
        (record("met", "not-measured"), "not-known", 1),
        (record("met", "open", state="running", outcome=""), "not-yet", 1),
        (record("met", state="running", outcome=""), "not-yet", 1),
        (record("missed", "open", state="running", outcome=""), "no", 0),
        (record(), "no-objective", 0),
        (record("met", outcome="aborted"), "no", 0),
        (record("met", outcome="rejected"), "no", 0),
        (record("met", outcome="interrupted"), "no", 0),
        (record("met", outcome="failed"), "no", 1),
        (record(outcome="aborted"), "no", 0),
        (record("not-measured", state="planned", outcome="", started=0.0), "not-yet", 0),
        (record("met", state="missed", outcome="not-begun"), "no", 0),
        (record("met", state="cancelled", outcome="not-begun", reason="holiday"), "no", 0),
    ],
)
def test_the_answer(found: DrillRecord, code: str, reached: int) -> None:
    answer = answer_of(found, EN)
    assert (answer.code, answer.reached) == (code, reached)
    assert answer.met is {"yes": True, "no": False}.get(code)
    assert answer.headline
    assert answer.sentence.endswith(".")


def test_a_dry_run_says_that_nothing_was_measured() -> None:
    said = answer_of(replace(record("not-measured"), kind="dry"), EN)
    assert said.code == "not-known"
    assert said.sentence.startswith("Nothing was carried out")


def test_what_was_missed_is_named_with_its_figures() -> None:
    assert "Tell customers (22m 10s, target 15m)" in answer_of(full(), EN).sentence
    said = answer_of(record("met", outcome="aborted", reason="people said stop."), EN).sentence
    assert said == "It was aborted: people said stop. 0 of 1 objectives count as met."


@pytest.mark.parametrize("outcome", ["aborted", "rejected", "interrupted"])
def test_what_was_reached_before_people_ended_it_does_not_count_anywhere(outcome: str) -> None:
    found = replace(full(), outcome=outcome)  # type: ignore[arg-type]
    assert {judgement(found, o) for o in found.objectives} == {"void", "missed"}
    assert "met" not in {f.judged for f in figures_of(found, EN)}
    assert "met" not in {m.judged for m in milestones_of(found, EN)}


def test_every_figure_says_how_it_was_measured() -> None:
    for found in (full(), record(), replace(full(), propagation=(), receipts=(), failback=())):
        for figure in figures_of(found, EN):
            assert figure.measured and figure.display, figure


def test_a_start_that_is_not_exact_makes_a_lower_bound() -> None:
    detection = replace(full().detection, exact=False)
    figures = {f.code: f for f in figures_of(replace(full(), detection=detection), EN)}
    assert figures["rto_receive"].display == "at least 16m 12s"
    assert figures["detection"].at_least
    assert figures["wrt"].display == "21m", "the way back began when we know it began"


def test_the_course_in_the_order_of_time() -> None:
    found = milestones_of(full(), EN)
    away = [m for m in found if m.lane == "away"]
    assert [m.code for m in away] == [
        "outage", "detected", "decided", "switched", "rto_communicate", "rto_receive", "rto_communicate", "caches",
    ]  # fmt: skip
    assert [m.after for m in away] == sorted(m.after for m in away)
    assert [m.code for m in found if m.lane == "back"] == ["back-started", "mx-back", "drained", "told-over"]
    decided = next(m for m in away if m.code == "decided")
    assert decided.after == 300.0, "not the yes to the way back"
    assert milestones_of(DrillRecord("d", "live"), EN) == []


def test_a_forecast_says_that_it_is_one() -> None:
    points = tuple(replace(p, what="forecast") for p in full().propagation)
    found = replace(full(), propagation=points)
    assert next(m for m in milestones_of(found, EN) if m.code == "caches").forecast
    assert next(f for f in figures_of(found, EN) if f.code == "caches").how == "forecast"


def test_what_nobody_set_a_target_for_is_taken_from_the_run() -> None:
    found = replace(full(), objectives=())
    marks = milestones_of(found, EN, {"rto_receive_s": 12.0, "told_s": {"staff": 9.0, "board": None}})
    assert {(m.code, m.after) for m in marks} >= {("rto_receive", 12.0), ("rto_communicate", 9.0)}


def test_what_was_only_declared_is_not_detected_in_the_picture_either() -> None:
    """The number said *not measured*, and the picture beside it *detected*, at once."""
    seen = full()
    assert "detected" in {m.code for m in milestones_of(seen, EN)}
    said = replace(seen, detection=replace(seen.detection, by="declared by the exercise"))
    assert "detected" not in {m.code for m in milestones_of(said, EN)}
    (number,) = (f for f in figures_of(said, EN) if f.code == "detection")
    assert number.value is None


def test_how_long_it_took_is_measured_where_it_was_written() -> None:
    """An exercise has a drill book; an outage has none."""
    for kind, how in (("live", "the drill book"), ("incident", "the recorded events")):
        figure = next(f for f in figures_of(replace(full(), kind=kind), EN) if f.code == "duration")
        assert figure.measured.startswith(how), kind
