"""Recovery times as they are computed by hand from the raw events; nothing is met that was not reached."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bcp.contracts.journal import Effect, RunRecord
from bcp.engine.state import RunState, StepState
from bcp.engine.store import RunView
from bcp.reports.achieved import achieved_times, first_mail, objectives
from bcp.reports.reach import reached

T0 = 1_769_100_000.0
"""The run starts."""
TARGETS = {"rto_receive": 1800.0, "rto_communicate": 900.0}


def step(name: str, at: float, status: str = "ok", phase: str = "activation", **outputs: Any) -> StepState:
    return StepState(name, phase, status, started=T0 + at - 1, ended=T0 + at, outputs=outputs)


def view(
    *steps: StepState, status: str = "done", outage: dict[str, Any] | None = None, parent: str = "",
    told: dict[str, str] | None = None,
) -> RunView:  # fmt: skip
    planned = [
        {"id": s.id, "phase": s.phase, "forecasts": [{"audience": told[s.id]}] if told and s.id in told else []}
        for s in steps
    ]
    meta = {"plan": {"steps": planned, "outage": outage or {}}, "objectives": TARGETS, "parent": parent}
    record = RunRecord("run-1", meta, (), (), "", "")
    return RunView(record, RunState(steps={s.id: s for s in steps}, status=status, started=T0), live=False)


def known(at: float) -> dict[str, Any]:
    return {"at": T0 + at, "exact": True, "source": "watch"}


def switch(at: float) -> StepState:
    return step("mx", at, safe_at=T0 + at + 300)


def row(found: RunView, name: str, audience: str = "", internal: tuple[str, ...] = ("oncall",)) -> dict[str, Any]:
    rows = objectives(found, achieved_times(found, internal))
    return next(r for r in rows if r["objective"] == name and r["audience"] == audience)


def test_the_outage_began_an_hour_before_the_run() -> None:
    found = view(switch(120), step("drain", 900, arrivals=[T0 + 150]), outage=known(-3600))
    assert achieved_times(found)["switched_s"] == 3720.0
    assert row(found, "rto_receive") == {
        "objective": "rto_receive", "audience": "", "target_s": 1800.0, "achieved_s": 3750.0, "met": False,
    }  # fmt: skip


def test_receive_is_the_first_mail_on_the_relay_not_the_moved_mx() -> None:
    found = view(switch(3), step("flows", 4, accepted_by="mx.relay.test"), outage=known(-10))
    times = achieved_times(found)
    assert "rto_receive_s" not in times
    assert (times["switched_s"], times["test_mail_s"]) == (13.0, 14.0)
    assert row(found, "rto_receive")["met"] is None


def test_mail_from_before_the_switch_and_our_own_test_mail_are_not_the_first() -> None:
    steps = [switch(100), step("flows", 110, accepted_by="mx.relay.test")]
    drain = step("drain", 500, arrivals=[T0 + 20, T0 + 109.5, T0 + 131])
    assert first_mail([view(*steps, drain)], T0 + 99) == T0 + 131


def test_the_way_back_knows_the_first_mail() -> None:
    away = view(switch(60), outage=known(0), status="done")
    back = view(step("drain", 4000, arrivals=[T0 + 75]), parent="run-1")
    assert achieved_times(away, children=[back])["rto_receive_s"] == 75.0


@pytest.mark.parametrize("junk", [None, "x", [None, "1"], {"a": 1}, 7])
def test_junk_is_no_arrival(junk: object) -> None:
    assert first_mail([view(switch(5), step("drain", 9, arrivals=junk))], T0) == 0.0


def test_telling_the_people_on_call_is_no_communication() -> None:
    found = view(
        step("tell-oncall", 5, sent=2), step("tell-employees", 600, sent=80), outage=known(-60),
        told={"tell-oncall": "oncall", "tell-employees": "employees"},
    )  # fmt: skip
    assert achieved_times(found, {"oncall"})["told_s"] == {"employees": 660.0}
    assert row(found, "rto_communicate", "employees")["met"] is True


def test_each_audience_for_itself_and_one_that_was_not_told_misses() -> None:
    found = view(
        step("a", 60, sent=5), step("b", 2000, sent=3), step("c", 70, status="failed", sent=0),
        outage=known(0), told={"a": "employees", "b": "customers", "c": "partners"},
    )  # fmt: skip
    met = {name: row(found, "rto_communicate", name)["met"] for name in ("employees", "customers", "partners")}
    assert met == {"employees": True, "customers": False, "partners": False}
    assert "rto_communicate_s" not in achieved_times(found)


def test_a_step_that_sent_to_nobody_told_nobody() -> None:
    found = view(step("a", 60, sent=0), outage=known(0), told={"a": "employees"})
    assert row(found, "rto_communicate", "employees")["achieved_s"] is None


def test_the_first_of_two_texts_counts() -> None:
    found = view(step("a", 60, sent=5), step("b", 30, sent=3), outage=known(0), told={"a": "all", "b": "all"})
    assert achieved_times(found)["told_s"] == {"all": 30.0}


@pytest.mark.parametrize("status", ["aborted", "failed"])
def test_a_run_that_came_to_nothing_meets_nothing(status: str) -> None:
    found = view(switch(60), step("d", 90, arrivals=[T0 + 70]), status=status, outage=known(0))
    assert row(found, "rto_receive")["met"] is False
    assert row(found, "rto_communicate")["met"] is False


@pytest.mark.parametrize(("status", "rule", "met"), [
    ("aborted", "", False), ("failed", "rejected", False), ("failed", "no-answer", False),
    ("failed", "gate-closed", False), ("failed", "step-failed", True), ("holding", "", True), ("done", "", True),
])  # fmt: skip
def test_people_who_were_told_in_time_by_a_run_that_was_given_up_meet_nothing(
    status: str, rule: str, met: bool
) -> None:
    """As the record says: a run that was aborted or rejected meets nothing, whatever it reached on the way."""
    found = view(step("a", 60, sent=5), status=status, outage=known(0), told={"a": "employees"})
    found = replace(found, state=replace(found.state, rule=rule))
    told = row(found, "rto_communicate", "employees")
    assert (told["achieved_s"], told["met"]) == (60.0, met)


def test_a_run_that_still_works_may_come_to_it() -> None:
    found = view(status="waiting", outage=known(0))
    assert row(found, "rto_receive")["met"] is None
    assert row(found, "rto_communicate")["met"] is None


def test_where_the_beginning_is_not_known_nothing_is_called_met() -> None:
    found = view(step("look", 1, since=T0 - 2), switch(60), step("d", 90, arrivals=[T0 + 70]))
    times = achieved_times(found)
    assert (times["exact"], times["rto_receive_s"]) == (False, 72.0)
    assert row(found, "rto_receive")["met"] is None
    late = view(step("look", 1, since=T0 - 2), switch(60), step("d", 90, arrivals=[T0 + 2000]))
    assert row(late, "rto_receive")["met"] is False


def test_the_way_back_has_no_recovery_time() -> None:
    found = view(switch(60), parent="run-0", outage=known(0))
    assert "rto_receive_s" not in achieved_times(found)
    assert [r["objective"] for r in objectives(found, achieved_times(found))] == ["rto_communicate"]


def test_an_old_plan_counts_from_what_its_steps_saw() -> None:
    found = view(step("look", 1, since=T0 - 30), switch(60))
    assert achieved_times(found)["switched_s"] == 90.0
    assert achieved_times(view(switch(60)))["counted_from"].startswith("the start of the run")


def one_person(*keys: str, forecasts: int = 1) -> RunView:
    """An audience of one, that is told by one message; what was taken by these keys of the ledger."""
    forecast = {"audience": "staff", "people": 1, "messages": 1}
    meta = {"plan": {"steps": [{"id": "tell", "phase": "activation", "forecasts": [forecast] * forecasts}]}}
    taken = tuple(Effect(k, "tell", "settled", T0, T0, {"channel": "x"}, {"state": "sent"}) for k in keys)
    record = RunRecord("run-1", meta, (), taken, "", "")
    return RunView(record, RunState(steps={"tell": step("tell", 9, sent=1)}, status="done", started=T0), live=False)


def test_a_page_tells_an_audience_of_one_as_it_tells_one_of_many() -> None:
    assert reached(one_person("run-1/tell"))["staff"].at == T0 + 9
    assert reached(one_person("run-1/tell/sms/ann"))["staff"].at == T0, "when the channel had taken it"
    assert reached(one_person("run-1/tell", forecasts=2))["staff"].at is None  # the text to the person was not taken
