"""Who took part, what was fixed beforehand, and when it is exercised again: as far as journals and settings know it."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.drills.recorded import BACK, Story

from bcp.contracts.exercise import DrillRecord, NextDrill, Objective, Participant
from bcp.contracts.exercise_parts import Decision, Moment
from bcp.drills.derive import Context, derive
from bcp.drills.fold import Exercise
from bcp.drills.people import STAND_IN, who_took_part

DAY = 86_400.0


def said(by: str, result: str, how: str = "", at: float = 5.0) -> Decision:
    return Decision(at, by, "approve", result, how=how)  # type: ignore[arg-type]


def test_whoever_conducted_and_answered_took_part_and_a_stand_in_did_not() -> None:
    began = Moment(1.0, "began", "", "ann")
    record = DrillRecord("drill-1", "lab", timeline=(began,), participants=(Participant("Bob B", "observer", "bob"),))
    decisions = [
        said("bob", "approved"),
        said("carol", "rejected"),
        said("eve", "approved", STAND_IN),
        said("", "no-answer"),
        said("bcp", "approved"),
        said("dan", "noted", "noted"),
        said("fay", "refused"),
    ]
    found = who_took_part(record, decisions, ())
    assert [(p.name, p.role, p.attended, p.source) for p in found] == [
        ("Bob B", "observer", None, "planned"),
        ("ann", "conductor", True, "measured"),
        ("carol", "approver", True, "measured"),
        ("dan", "participant", True, "measured"),
    ]


def test_whoever_writes_the_record_of_an_outage_did_not_conduct_it() -> None:
    record = DrillRecord("drill-1", "incident", timeline=(Moment(1.0, "began", "", "ann"),))
    assert who_took_part(record, (), ()) == ()


def incident(story: Story, *runs: str, objectives: tuple[Objective, ...] = ()) -> DrillRecord:
    record = DrillRecord("inc-1", "incident", state="closed", objectives=objectives)
    context = Context(third_parties=("twilio-sms (channel sms)",), drill_every_s=92 * DAY)
    return derive(Exercise(record, runs=runs), [story.view(r) for r in runs], [], context)


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    monkeypatch.setattr("bcp.engine.runner.POLL_S", 0.002)
    made = Story(tmp_path, outage={"at": 1_800_000_000.0 - 60, "exact": True, "source": "watch"})
    made.answer(made.begin("run-1"), 20)
    made.process("run-1")
    made.clock.pass_(100)
    made.answer(made.begin("run-2", BACK, parent="run-1"), made.clock.now() - 1_800_000_000.0 + 20)
    made.process("run-2")
    return made


def test_a_real_outage_says_what_was_in_scope_who_was_there_and_which_third_parties(story: Story) -> None:
    found = incident(story, "run-1", "run-2")
    assert found.scope_in and found.third_parties == ("twilio-sms (channel sms)",)
    assert "p1" in {p.contact for p in found.participants if p.attended and p.role in {"approver", "initiator"}}
    assert found.next_drill == NextDrill()


def test_a_target_that_is_written_down_afterwards_is_not_the_one_of_the_playbook(story: Story) -> None:
    """Nobody makes an outage *met* by writing a looser target into its record."""
    looser = (Objective("rto_receive", 999_999.0, fixed_at=9e9), Objective("rto_communicate", 1e6, "board"))
    codes = [(o.code, o.target) for o in incident(story, "run-1", "run-2", objectives=looser).objectives]
    assert ("rto_receive", 1800.0) in codes and ("rto_receive", 999_999.0) not in codes
    assert ("rto_communicate", 1e6) not in codes


@pytest.mark.parametrize(
    ("kind", "ended", "every", "wanted"),
    [
        ("lab", 100.0, 92 * DAY, NextDrill(100.0 + 92 * DAY, schedule="readiness: drill_every:")),
        ("lab", 0.0, 92 * DAY, NextDrill()),
        ("lab", 100.0, 0.0, NextDrill()),
        ("incident", 100.0, 92 * DAY, NextDrill()),
    ],
)
def test_the_next_one_is_due_as_often_as_the_organisation_wants(kind, ended, every, wanted) -> None:
    record = DrillRecord("drill-1", kind, state="ended", ended=ended)
    assert derive(Exercise(record), [], [], Context(drill_every_s=every)).next_drill == wanted
    planned = NextDrill(7.0, "drill-2")
    record = DrillRecord("drill-1", kind, state="ended", ended=ended, next_drill=planned)
    assert derive(Exercise(record), [], [], Context(drill_every_s=every)).next_drill == planned
