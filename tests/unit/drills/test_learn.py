"""What a record proposes of itself: each rule by the data that it looks at, and silent where all was well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.exercise import DrillRecord, Note, Objective, Participant, SharedFate
from bcp.contracts.exercise_parts import Chain, Decision, Mails, Moment, Receipts, Step
from bcp.drills.learn import proposals

GOOD = DrillRecord(
    "drill-1",
    "lab",
    state="ended",
    outcome="completed",
    objectives=(Objective("rto_receive", 1800, achieved=600, judged="met"),),
    steps=(Step("mx", "run-1", phase="activation", started=10, ended=20, planned_start=0, planned_end=5, executed=True,
                result="ok"),),
    decisions=(Decision(30, "ann", "gate", "approved", asked=0, step="gate", run="run-1"),),
    receipts=(Receipts("sms", "staff", "tell", planned=4, sent=4),),
    participants=(Participant("Ann", attended=True),),
    shared_fate=SharedFate("ok"),
)  # fmt: skip


def codes(record: DrillRecord) -> list[str]:
    return [p.code for p in proposals(record)]


def test_where_all_was_well_nothing_is_proposed() -> None:
    assert codes(GOOD) == []


def with_objective(**changes) -> DrillRecord:
    return replace(GOOD, objectives=(replace(GOOD.objectives[0], **changes),))


def with_step(**changes) -> DrillRecord:
    return replace(GOOD, steps=(replace(GOOD.steps[0], **changes),))


def with_decision(**changes) -> DrillRecord:
    return replace(GOOD, decisions=(replace(GOOD.decisions[0], **changes),))


def with_receipts(**changes) -> DrillRecord:
    return replace(GOOD, receipts=(replace(GOOD.receipts[0], **changes),))


CASES = {
    "late": (with_objective(achieved=2000, judged="missed"), "objective-missed", "33m"),
    "not reached": (with_objective(achieved=None, judged="not-reached"), "objective-missed", "not reached"),
    "a slow step": (with_step(ended=200), "step-late", "forecast"),
    "nobody answered": (with_decision(result="no-answer", by=""), "nobody-answered", "nobody answered"),
    "an answer that did not count": (with_decision(result="refused", how="too late"), "approval-refused", "too late"),
    "a slow decision": (with_decision(asked=1.0, at=1000.0), "slow-decision", "took 16m"),
    "no address": (with_receipts(unreachable=2), "no-address", "2 people"),
    "not taken": (with_receipts(sent=3, failed=1, reasons=("+1***: no such number",)), "undelivered", "no such number"),
    "in doubt": (with_receipts(in_doubt=1), "in-doubt", "nobody knows"),
    "absent": (replace(GOOD, participants=(Participant("Bob", "scribe", attended=False),)), "absent", "Bob"),
    "a deviation": (replace(GOOD, deviations=(Note(1, "ann", "we phoned", "deviation"),)), "deviation", "we phoned"),
    "settled by hand": (replace(GOOD, timeline=(Moment(1, "doubt_settled", "", "ann", "mx"),)), "manual-work", "ann"),
    "left in doubt": (with_step(result="in_doubt"), "settled-by-hand", "in doubt"),
    "failed": (with_step(result="failed", error="the key was refused"), "step-failed", "key was refused"),
    "shared fate": (replace(GOOD, shared_fate=SharedFate("risk", 1, ("tell -> teams",))), "shared-fate", "teams"),
    "interrupted": (replace(GOOD, outcome="interrupted", reason="a signal"), "not-completed", "a signal"),
    "doubled": (replace(GOOD, mails=Mails("lab-count", duplicated=2)), "doubled", "twice"),
    "damaged": (
        replace(GOOD, integrity=replace(GOOD.integrity, chains=(Chain("run-1", 3, "h", "event 2 was changed"),))),
        "damaged",
        "event 2",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_thing_is_proposed_with_what_would_mend_it(case: str) -> None:
    record, code, said = CASES[case]
    found = [p for p in proposals(record) if p.code == code]
    assert len(found) == 1
    assert said in found[0].title
    assert found[0].proposal
    assert found[0].place


def test_the_longest_step_is_named_where_an_objective_was_missed() -> None:
    slow = replace(GOOD.steps[0], id="dns", ended=400, planned_end=1000)
    record = replace(with_objective(achieved=2000, judged="missed"), steps=(*GOOD.steps, slow))
    longest = [p for p in proposals(record) if p.code == "longest-step"]
    assert [p.subject for p in longest] == ["dns"]
    assert "longest-step" not in codes(replace(record, objectives=GOOD.objectives))


def test_what_waits_for_people_is_a_decision_not_a_late_step() -> None:
    gate = replace(GOOD.steps[0], id="gate", ended=2000)
    assert "step-late" not in codes(replace(GOOD, steps=(gate,)))


@pytest.mark.parametrize(
    "changes",
    [
        {"ended": 13},
        {"ended": 70, "planned_end": 60},
        {"executed": False, "ended": 900},
        {"phase": "hold", "ended": 900},
    ],
)
def test_a_step_that_was_a_little_late_or_is_none_is_not_worth_a_word(changes) -> None:
    assert "step-late" not in codes(with_step(**changes))


def test_the_gravest_stands_first_and_each_once() -> None:
    twice = (GOOD.receipts[0], GOOD.receipts[0])
    record = replace(
        with_decision(result="no-answer", by=""),
        receipts=tuple(replace(r, failed=1, sent=3) for r in twice),
        participants=(Participant("Bob", attended=False),),
    )
    found = proposals(record)
    assert [p.code for p in found] == ["nobody-answered", "undelivered", "absent"]


def test_most_of_an_audience_not_reached_is_graver_than_one_number() -> None:
    few = proposals(with_receipts(planned=100, sent=99, failed=1))
    many = proposals(with_receipts(planned=100, sent=80, failed=20))
    assert (few[0].severity, many[0].severity) == ("medium", "high")


def test_messages_lost_are_counted_as_mails() -> None:
    lost = Objective("rpo_messages", 0, unit="messages", achieved=2, judged="missed")
    assert "2 mails" in proposals(replace(GOOD, objectives=(lost,)))[0].title
