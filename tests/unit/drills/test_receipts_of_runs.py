"""Who was told by which step: what was never due is no 0 %, what a stand-in took is nobody's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from unit.drills.recorded import OUT

from bcp.contracts.exercise_parts import Receipts
from bcp.contracts.journal import Effect, Event
from bcp.drills.steps import expected_times
from bcp.drills.talk import receipts_of
from bcp.engine.state import RunState, StepState

T = 1_800_000_000.0
HALF_HOUR = 1800.0


@dataclass
class Record:
    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass
class View:
    """As much of a run as receipts are read from."""

    plan: dict[str, Any]
    state: RunState
    record: Record
    id: str = "run-1"


def step(name: str, phase: str, title: str = "", seconds: float = 0.0) -> dict[str, Any]:
    forecast = {"channel": "sms", "audience": "staff", "people": 4, "messages": 4, "unreachable": 0, "seconds": seconds}
    return {"id": name, "phase": phase, "name": title, "uses": "notify", "needs": [], "forecasts": [forecast]}


def view(*phases: tuple[str, float], ended: float = 0.0, **states: StepState) -> View:
    steps = [step("tell", "activation", "Tell everybody"), step("update", "hold")]
    events = [Event(n, T + at, "phase_started", "", "", {"phase": p}, "") for n, (p, at) in enumerate(phases, 1)]
    plan = {"playbook_text": OUT.replace("DIES", "false"), "steps": steps, "created": T, "domains": []}
    return View(plan, RunState(started=T, ended=T + ended if ended else 0.0, steps=states), Record(events))


def rows(found: View) -> dict[str, Receipts]:
    return {r.step: r for r in receipts_of(found)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("phases", "ended", "due"),
    [
        ([("activation", 0.0), ("hold", 60.0), ("always", 60 + HALF_HOUR - 1)], 4000.0, False),
        ([("activation", 0.0), ("hold", 60.0), ("always", 60 + HALF_HOUR)], 4000.0, True),
        ([("activation", 0.0)], 90.0, False),
        ([("activation", 0.0), ("hold", 60.0)], 60 + HALF_HOUR + 5, True),
        ([("activation", 0.0), ("hold", 60.0)], 0.0, False),
    ],
    ids=["too short", "long enough", "no hold", "ended in the hold", "still holds"],
)
def test_an_update_is_due_when_its_interval_has_gone_by(phases, ended: float, due: bool) -> None:
    assert rows(view(*phases, ended=ended))["update"].due is due


def test_what_a_failed_run_did_not_come_to_was_wanted_and_what_was_skipped_was_not() -> None:
    assert rows(view(("activation", 0.0), ended=9.0))["tell"].due is True
    skipped = StepState("tell", "activation", status="skipped")
    assert rows(view(("activation", 0.0), ended=9.0, tell=skipped))["tell"].due is False


def effect(receipt: str, person: str = "p1", state: str = "sent", name: str = "update") -> Effect:
    outcome = {"state": state, "receipt": receipt}
    return Effect(
        key=f"run-1/{name}/sms/{person}", step=name, state="settled", claimed_at=T, settled_at=T + 1,
        request={"channel": "sms"}, outcome=outcome,
    )  # fmt: skip


def test_what_was_sent_was_due_whatever_the_clock_says() -> None:
    found = view(("activation", 0.0), ("hold", 60.0))
    found.record.effects = [effect("SM1")]
    row = rows(found)["update"]
    assert (row.due, row.sent, row.simulated) == (True, 1, False)


@pytest.mark.parametrize(
    ("receipts", "simulated"),
    [(["EM-1"], True), (["emulated:page", "EM-2"], True), (["EM-1", "SM2"], False), (["1700000000.1"], False)],
)
def test_stand_ins_are_known_by_their_receipts(receipts: list[str], simulated: bool) -> None:
    found = view(("activation", 0.0))
    found.record.effects = [effect(r, f"p{n}", name="tell") for n, r in enumerate(receipts)]
    row = rows(found)["tell"]
    assert (row.simulated, row.name, row.step) == (simulated, "Tell everybody", "tell")


def test_what_comes_after_the_activation_is_planned_after_it() -> None:
    found = view(("activation", 0.0))
    found.plan["steps"] = [
        step("early", "activation", seconds=100.0), step("flows", "after", seconds=20.0),
        step("update", "hold", seconds=1000.0), step("report", "always", seconds=1.0),
    ]  # fmt: skip
    planned = expected_times(found, 60.0)  # type: ignore[arg-type]
    assert {n: (b - T, e - T) for n, (b, e) in planned.items()} == {
        "early": (0.0, 100.0), "flows": (100.0, 120.0), "update": (120.0, 1120.0), "report": (120.0, 121.0),
    }  # fmt: skip


def test_percents_of_a_row_do_not_change_by_being_named() -> None:
    row = Receipts("sms", "staff", "tell", "run-1", 4, 2)
    assert replace(row, name="Tell", due=True).percent(2) == 50.0
