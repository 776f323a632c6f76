"""A live drill on a domain without mail of its own: what our test mail and the volunteers show, and what nobody
counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from unit.drills.recorded import BACK, OUT, START, Story, raw

from bcp.contracts.exercise import DrillRecord, Objective
from bcp.drills.derive import Context, derive
from bcp.drills.fold import Exercise
from bcp.drills.play import Play
from bcp.pages.words import words
from bcp.reports.figures import figures_of

TRIED = OUT.replace("hold:\n", "  - {id: flows, uses: mail.canary, with: {expect: accepted, timeout: 10s}}\nhold:\n")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bcp.engine.runner.POLL_S", 0.002)


def test_our_test_mail_is_the_first_one_and_an_empty_queue_counts_nothing(tmp_path: Path) -> None:
    """The relay passes everything on at once, so that its queue is empty when it is looked at on the way back."""
    story = Story(tmp_path, outage={"at": START - 60, "exact": True, "source": "watch"})
    run = story.begin("run-1", TRIED)
    story.answer(run, 20)
    story.process(run)
    back = story.begin("run-2", BACK, parent=run)
    story.answer(back, story.clock.now() - START + 10)
    assert story.process(back) == "done"
    away = story.view(run)
    aims = (Objective("rto_receive", 1800), Objective("rto_communicate", 900, "helpers"), Objective("rpo_messages", 0))
    live = Exercise(
        DrillRecord("drill-1", "live", state="closed", objectives=aims), Play(volunteers="helpers"), runs=(run, back)
    )
    views = [away, story.view(back)]
    found = derive(live, views, [], Context())
    receive, told, lost = found.objectives
    assert (receive.achieved, receive.how) == (round(raw(away, "step_finished", "flows") + 60, 1), "test-mail")
    (seq,) = [e.seq for e in away.record.events if e.kind == "step_finished" and e.step == "flows"]
    assert (receive.judged, receive.evidence) == ("met", (f"run-1#{seq}",))
    assert next(f for f in figures_of(found, words("en")) if f.code == "rto_receive").measured.startswith(
        "our own test"
    )
    assert (told.judged, told.achieved) == ("met", round(raw(away, "step_finished", "tell") + 60, 1))
    assert (lost.judged, lost.achieved, found.mails.how, found.mails.relayed) == ("not-measured", None, "", None)

    assert {r.audience for r in found.receipts} == {"helpers"}, "nobody else was told, whomever the playbook names"
    everybody = replace(live, record=replace(live.record, objectives=(Objective("rto_communicate", 900),)))
    assert [o.audience for o in derive(everybody, views, [], Context()).objectives] == ["helpers"]

    real = Exercise(DrillRecord("inc-1", "incident", state="closed", objectives=aims), runs=(run, back))
    judged = {o.code: o.judged for o in derive(real, views, [], Context()).objectives}
    assert {r.audience for r in derive(real, views, [], Context()).receipts} == {"staff", "partners"}
    assert judged["rto_receive"] == "not-measured", "of a real outage our test mail is no mail of anybody's"
