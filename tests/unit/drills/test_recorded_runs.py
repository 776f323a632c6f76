"""Recovery times of recorded runs are what a person computes from the raw events by hand; nothing is met unreached."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.drills.recorded import BACK, START, Story, person, raw

from bcp.contracts.exercise import DrillRecord, Objective
from bcp.drills.derive import Context, derive
from bcp.drills.fold import Exercise
from bcp.drills.talk import receipts_of
from bcp.engine.store import RunView
from bcp.pages.annexes_course import counted_by
from bcp.pages.words import words
from bcp.reports.achieved import achieved_times, objectives
from bcp.reports.figures import figures_of
from bcp.reports.milestones import milestones_of

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bcp.engine.runner.POLL_S", 0.002)


def known(at: float) -> dict[str, object]:
    return {"at": START + at, "exact": True, "source": "watch"}


def record(story: Story, *runs: str) -> DrillRecord:
    exercise = Exercise(DrillRecord("inc-1", "incident", state="closed"), runs=runs)
    return derive(exercise, [story.view(r) for r in runs], [], Context())


def goal(found: DrillRecord, code: str, audience: str = "") -> Objective:
    return next(o for o in found.objectives if o.code == code and (not audience or o.audience == audience))


def judged(found: DrillRecord) -> dict[str, str]:
    return {f"{o.code} {o.audience}".strip(): o.judged for o in found.objectives}


def ended(view: RunView, step: str) -> str:
    """The event by which this step ended, as a report names it."""
    (seq,) = [e.seq for e in view.record.events if e.kind == "step_finished" and e.step == step]
    return f"{view.id}#{seq}"


def test_one_an_outage_that_began_an_hour_before_the_run(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-HOUR))
    run = story.begin("run-1")
    story.answer(run, 120)
    assert story.process(run) == "holding"
    view, found = story.view(run), record(story, run)
    told = raw(view, "step_finished", "tell") + HOUR
    assert goal(found, "rto_communicate", "staff").achieved == round(told, 1)
    assert told > HOUR
    assert judged(found)["rto_communicate staff"] == "missed"
    assert found.detection.outage_since == START - HOUR
    assert goal(found, "rto_receive").achieved is None, "no mail was seen: MX that moved is no mail"
    aim = Objective("rto_communicate", 2 * HOUR, "staff")  # they are on call, and somebody set them a target
    kept = Exercise(DrillRecord("drill-1", "live", state="closed", objectives=(aim,)), runs=(run,))
    own = derive(kept, [view], [], Context(internal=("staff", "partners")))
    assert [(o.audience, o.achieved) for o in own.objectives] == [("staff", round(told, 1))]
    decision = found.decisions[0]
    assert (decision.result, decision.by) == ("approved", "p1")
    assert decision.asked - START == raw(view, "gate_opened", "gate")
    assert decision.at - START == raw(view, "approved", "gate")


def test_two_a_run_that_was_rejected_meets_nothing(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 30, "reject", "p2")
    assert story.process(run) == "failed"
    found = record(story, run)
    assert found.outcome == "rejected"
    assert set(judged(found).values()) == {"not-reached"}
    assert all(o.achieved is None for o in found.objectives)
    assert found.met is False
    assert [(d.by, d.result) for d in found.decisions] == [("p2", "rejected")]
    assert {s.id: s.result for s in found.steps}["mx"] == "not_reached"
    assert not any(s.executed for s in found.steps if s.id != "gate")


def test_three_aborted_before_anything_was_moved(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 40, "abort", "p2", reason="it is over")
    assert story.process(run) == "aborted"
    found = record(story, run)
    assert (found.outcome, found.met) == ("aborted", False)
    assert set(judged(found).values()) == {"not-reached"}
    assert [(d.by, d.result, d.what) for d in found.decisions] == [("p2", "aborted", "abort: it is over")]


def test_four_aborted_after_people_were_told_meets_nothing_either(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 20)
    assert story.process(run) == "holding"
    story.clock.pass_(400)
    story.runs.tell(run, "abort", "p2", reason="it was not true")
    assert story.process(run, undo_by="p1") == "aborted"
    view, found = story.view(run), record(story, run)
    assert story.mx() == "primary.test."
    told = goal(found, "rto_communicate", "staff")
    assert told.achieved == round(raw(view, "step_finished", "tell") + 60, 1)
    assert (told.judged, found.met) == ("void", False), "in time, by a run that was aborted"
    assert goal(found, "rto_receive").judged == "not-reached"
    assert {s.id: s.result for s in found.steps}["mx"] == "undone"


def test_five_a_later_step_failed_and_mail_went_back(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1", dies=True)
    story.answer(run, 20)
    assert story.process(run, undo_by="p1") in {"failed", "holding"}
    view, found = story.view(run), record(story, run)
    assert found.outcome in {"failed", ""}
    assert goal(found, "rto_receive").met is not True
    told = goal(found, "rto_communicate", "staff")
    assert told.achieved == round(raw(view, "step_finished", "tell") + 60, 1)
    assert {s.id: s.result for s in found.steps}["last"] == "failed"


def test_six_a_run_that_was_killed_and_resumed_counts_from_the_beginning(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 30)
    assert story.process(run, stop_at=38) == "stopped"
    interrupted = record(story, run)
    assert goal(interrupted, "rto_communicate", "partners").achieved is None
    assert goal(interrupted, "rto_communicate", "partners").judged == "not-reached"
    story.clock.pass_(1200)
    assert story.process(run) == "holding"
    view, found = story.view(run), record(story, run)
    told = raw(view, "step_finished", "partners") + 60
    assert told > 1200
    assert goal(found, "rto_communicate", "partners").achieved == round(told, 1)
    assert goal(found, "rto_communicate", "partners").judged == "missed"
    assert "resumed" in {m.kind for m in found.timeline}


def test_seven_half_of_an_audience_is_not_told(tmp_path: Path) -> None:
    people = (*(person(n, "staff", dead=n < 2) for n in range(4)), person(8, "partners"))
    story = Story(tmp_path, people=people, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 20)
    story.process(run)
    found = record(story, run)
    staff = goal(found, "rto_communicate", "staff")
    assert (staff.achieved, staff.fraction, staff.judged) == (None, 0.5, "not-reached")
    assert goal(found, "rto_communicate", "partners").judged == "met"
    row = next(r for r in found.receipts if r.step == "tell")
    assert (row.planned, row.sent, row.failed, row.percent(row.sent)) == (4, 2, 2, 50.0)
    assert any("no such number" in r for r in row.reasons)


def test_eight_nobody_answers(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    assert story.process(run) == "failed"
    found = record(story, run)
    assert found.outcome == "rejected"
    assert [(d.by, d.result) for d in found.decisions] == [("", "no-answer")]
    assert found.met is False


def test_nine_there_and_back_with_every_figure(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 300)
    story.process(run)
    story.clock.pass_(HOUR)
    story.relay.arrived_at = [200, 900, 905]  # the first is from before the switch
    back = story.begin("run-2", BACK, parent=run)
    asked = story.clock.now() - START
    story.answer(back, asked + 60)
    assert story.process(back) == "done"
    away, home = story.view(run), story.view(back)
    found = record(story, run, back)
    moved, drained = raw(home, "step_finished", "mx"), raw(home, "step_finished", "drain")
    by_hand = {
        "rto_receive": 900 + 60.0,
        "rto_communicate staff": raw(away, "step_finished", "tell") + 60,
        "rto_communicate partners": raw(away, "step_finished", "partners") + 60,
        "rpo_messages": 0.0,
        "wrt": drained - moved,
        "mtpd": drained + 60,
    }
    figures = {f"{o.code} {o.audience}".strip(): o.achieved for o in found.objectives}
    assert figures == pytest.approx(by_hand, abs=0.051)
    assert set(judged(found).values()) == {"met"}
    assert found.met is True
    assert all(o.how for o in found.objectives)
    (seq,) = [e.seq for e in home.record.events if e.kind == "step_finished" and e.step == "drain"]
    assert {o.evidence for o in found.objectives if o.code != "rto_communicate"} == {(f"run-2#{seq}",)}
    assert {o.audience: o.evidence for o in found.objectives if o.audience} == {
        "staff": (ended(away, "tell"),), "partners": (ended(away, "partners"),),
    }  # fmt: skip
    shown = [f for f in figures_of(found, words("en")) if f.evidence]
    assert [(f.code, e) for f in shown for e in f.evidence if not re.fullmatch(r"run-[12]#\d+(-\d+)?", e)] == []
    last = {f"{f.code} {f.subject}".strip(): f.evidence[0].partition("-")[2].partition("-")[2] for f in shown}
    assert last["switched"] == ended(away, "mx").partition("#")[2]
    assert (last["back.mx"], last["back.drained"]) == tuple(ended(home, s).partition("#")[2] for s in ("mx", "drain"))
    way = found.failback[0]
    assert (way.decided_by, way.mx_back - START, way.drained - START) == (("p1",), moved, drained)
    assert (found.mails.how, found.mails.waiting_only) == ("relay-account", True)
    said = {f.code: f.measured for f in figures_of(found, words("en"))}
    assert said["rpo_messages"] == said["mails.lost"]
    assert "this relay has no agent, and mail that it passed on at once was not counted" in said["mails.lost"]
    assert counted_by({"how": "relay-account", "waiting_only": True}) == "relay-waited"
    assert counted_by({"how": "relay-account"}) == "relay-account"


def test_ten_mail_that_bounced_on_the_way_misses_the_rpo(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 30)
    story.process(run)
    story.clock.pass_(600)
    story.relay.arrived_at, story.relay.bounces = [100, 200, 300], 2
    back = story.begin("run-2", BACK, parent=run)
    story.answer(back, story.clock.now() - START + 10)
    story.process(back)
    found = record(story, run, back)
    assert (goal(found, "rpo_messages").achieved, goal(found, "rpo_messages").judged) == (2.0, "missed")
    assert found.mails.bounced == 2


def test_eleven_where_nobody_knows_since_when_nothing_is_called_met(tmp_path: Path) -> None:
    story = Story(tmp_path)
    run = story.begin("run-1")
    story.answer(run, 30)
    story.process(run)
    found = record(story, run)
    assert goal(found, "rto_communicate", "staff").judged == "not-known"
    assert found.detection.exact is False


def test_twelve_rejected_way_back_leaves_the_rest_unreached(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 30)
    story.process(run)
    back = story.begin("run-2", BACK, parent=run)
    story.answer(back, story.clock.now() - START + 10, "reject")
    story.process(back)
    found = record(story, run, back)
    assert goal(found, "wrt").judged == "not-reached"
    assert goal(found, "mtpd").judged == "not-reached"
    assert (found.failback[0].mx_back, found.failback[0].result) == (0.0, "failed")


def test_thirteen_a_second_run_makes_good_what_was_rejected_at_first(tmp_path: Path) -> None:
    """Somebody said no, or nobody answered; an hour later it was done, within the target: it was reached."""
    story = Story(tmp_path, outage=known(-60))
    first = story.begin("run-1")
    story.answer(first, 30, "reject", "p2")
    assert story.process(first) == "failed"
    story.clock.pass_(100)
    second = story.begin("run-2")
    story.answer(second, story.clock.now() - START + 20)
    assert story.process(second) == "holding"
    story.relay.arrived_at = [700.0, 905.0]
    story.clock.pass_(HOUR)
    back = story.begin("run-3", BACK, parent=second)
    story.answer(back, story.clock.now() - START + 60)
    assert story.process(back) == "done"
    found = record(story, first, second, back)
    assert (found.outcome, goal(found, "rto_receive").achieved, goal(found, "rto_receive").judged) == ("", 760.0, "met")
    told = goal(found, "rto_communicate", "staff")
    assert told.achieved == round(raw(story.view(second), "step_finished", "tell") + 60, 1) and told.judged == "met"
    assert [(d.by, d.result) for d in found.decisions][:2] == [("p2", "rejected"), ("p1", "approved")]
    alone = record(story, first)
    assert (alone.outcome, alone.met) == ("rejected", False)


def test_a_word_that_takes_an_earlier_one_back_is_no_second_person(tmp_path: Path) -> None:
    """No channel reaches more than all; and whoever said yes, it is known by which way."""
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 20, how="console as p1")
    story.process(run)
    story.clock.pass_(400)
    story.runs.tell(run, "abort", "p2", reason="it was not true")
    story.process(run, undo_by="p1")
    found, view = record(story, run), story.view(run)
    mine = [e for e in view.record.effects if e.key.startswith("run-1/tell/")]
    again = [replace(e, key=e.key.replace("/tell/", "/tell!undo/")) for e in mine]
    undone = replace(view, record=replace(view.record, effects=(*view.record.effects, *again)))
    reported = receipts_of(undone, lambda receipts: dict.fromkeys(receipts, "delivered"))
    row = next(r for r in reported if r.step == "tell")
    assert len(mine) == 4
    assert (row.planned, row.sent, row.delivered, row.percent(row.sent)) == (4, 4, 4, 100.0)
    assert [d.how for d in found.decisions if d.step == "gate"] == ["console as p1"]


def test_what_was_in_time_and_came_to_nothing_is_no_finding_about_time(tmp_path: Path) -> None:
    from bcp.drills.learn import proposals

    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 20)
    story.process(run)
    story.runs.tell(run, "abort", "p2", reason="it was not true")
    story.process(run, undo_by="p1")
    titles = [p.title for p in proposals(record(story, run)) if p.code == "objective-missed"]
    assert titles
    assert all("not reached" in t for t in titles), titles


TELL_ONLY = """
version: 1
name: tell
title: Only texts
activation:
  - {id: words, uses: notify, with: {audience: staff, template: hello, channels: [sms]}}
"""


def test_fourteen_texts_alone_make_no_switch_good(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    first = story.begin("run-1")
    story.answer(first, 30, "reject", "p2")
    assert story.process(first) == "failed"
    second = story.begin("run-2", TELL_ONLY)
    assert story.process(second) == "done"
    found = record(story, first, second)
    assert found.outcome == "rejected" and goal(found, "rto_receive").judged == "not-reached"
    assert found.met is False


@pytest.mark.parametrize(
    ("outcome", "wanted", "met"),
    [
        ("completed", "met", True),
        ("aborted", "void", False),
        ("rejected", "void", False),
        ("interrupted", "void", False),
        ("failed", "met", True),
    ],
)
def test_what_an_exercise_reached_that_came_to_nothing_does_not_count(outcome: Any, wanted: str, met: bool) -> None:
    """A tabletop in which the decision was noted in time, and which was ended before its end."""
    goals = (Objective("rto_receive", 3600.0),)
    played = DrillRecord("drill-1", "tabletop", state="ended", outcome=outcome, objectives=goals)
    reaches = ({"code": "rto_receive", "audience": "", "story_s": 120.0, "seq": 5},)
    found = derive(Exercise(played, reaches=reaches), [], [], Context())
    assert (found.objectives[0].achieved, found.objectives[0].judged, found.met) == (120.0, wanted, met)


def test_fifteen_nothing_is_met_in_less_than_no_time(tmp_path: Path) -> None:
    """The clock was set back by an hour since the outage began: people were told *before* it, which was called met."""
    story = Story(tmp_path, outage=known(HOUR))
    run = story.begin("run-1")
    story.answer(run, 30)
    assert story.process(run) == "holding"
    view, found = story.view(run), record(story, run)
    assert raw(view, "step_finished", "tell") < HOUR, "by the journal it was before the outage began"
    assert goal(found, "rto_communicate", "staff").achieved is None
    assert judged(found)["rto_communicate staff"] == "not-measured"
    data = achieved_times(view)
    assert not [v for v in data.values() if isinstance(v, float) and v < 0]
    rows = [r for r in objectives(view, data) if r["audience"] == "staff"]
    assert [(r["achieved_s"], r["met"]) for r in rows] == [(None, None)]
    assert not [f for f in figures_of(found, words()) if f.unit == "s" and (f.value or 0) < 0]


def test_a_second_outage_in_the_same_record_counts_as_much_as_the_first(tmp_path: Path) -> None:
    """Mail was back, it failed again, and people heard of it an hour later: what the first one met is no answer."""
    story = Story(tmp_path, outage=known(-60))
    first = story.begin("run-1")
    story.answer(first, 30)
    story.process(first)
    story.clock.pass_(HOUR)
    home = story.begin("run-2", BACK, parent=first)
    story.answer(home, story.clock.now() - START + 20)
    story.process(home)
    story.clock.pass_(2 * HOUR)
    relapse = story.clock.now() - START
    story.outage = known(relapse)
    second = story.begin("run-3")
    story.answer(second, relapse + 3000)
    story.process(second)
    found = record(story, first, home, second)
    staff = goal(found, "rto_communicate", "staff")
    (told,) = {raw(story.view(second), "step_finished", "tell")}
    assert (staff.achieved, staff.judged) == (round(told - relapse, 1), "missed")
    assert staff.evidence == (ended(story.view(second), "tell"),)
    alone = goal(record(story, first, home), "rto_communicate", "staff")
    assert (alone.achieved, alone.judged) == (round(raw(story.view(first), "step_finished", "tell") + 60, 1), "met")


def test_where_the_clock_was_set_back_nothing_took_as_little_as_it_seems(tmp_path: Path) -> None:
    story = Story(tmp_path, outage=known(-60))
    run = story.begin("run-1")
    story.answer(run, 20)
    real = story.dns.swap

    async def swap(orders: Any) -> Any:
        done = await real(orders)
        story.clock.wall -= 600
        return done

    story.dns.swap = swap  # type: ignore[method-assign]
    story.process(run)
    story.clock.pass_(1800)
    story.relay.arrived_at = [100, 200]
    back = story.begin("run-2", BACK, parent=run)
    story.answer(back, story.clock.now() - START + 20, "abort", "p2", reason="not yet")
    story.process(back)
    home = story.begin("run-3", BACK, parent=run)
    story.answer(home, story.clock.now() - START + 20)
    story.process(home)
    found = record(story, run, back, home)
    whole = goal(found, "mtpd")
    assert whole.achieved is not None and whole.achieved < raw(story.view(home), "step_finished", "drain") + 660
    assert (whole.judged, found.detection.exact) == ("not-known", False)
    assert found.detection.counted_from.endswith("; the clock of this machine was set back meanwhile")
    assert "met" not in {o.judged for o in found.objectives if o.unit == "s" and o.code != "wrt"}
    times = achieved_times(story.view(run), (), [story.view(home)])
    assert (times["exact"], set(times["told_s"].values())) == (False, {None})
    assert {r["met"] for r in objectives(story.view(run), times)} == {None}
    marks = milestones_of(found, words("en"))
    assert min(m.after for m in marks) >= 0
    assert [m.lane for m in marks if m.code == "aborted"] == ["back"], "the way back was given up, not the switch"
