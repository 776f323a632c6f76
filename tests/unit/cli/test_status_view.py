"""Whom a run waits for, in words that lead to what has to be done."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from bcp.cli import status_view as view
from bcp.cli.status_view import show
from bcp.contracts.journal import Signal
from bcp.contracts.store import RunCard
from bcp.engine.state import StepState
from bcp.pages.front import Mx, Situation, next_step

GATE = {"deadline": 3661.0, "approvers": ["alice", "bob"], "count": 2, "about": ""}


def test_a_gate_says_whose_yes_is_missing_and_to_which_plan() -> None:
    told = view._waits(StepState("approve", "activation", gate=GATE), "0123456789abcdef")
    assert told == "approve waits for 2 approval(s) from alice, bob until 01:01:01 UTC, plan 0123456789ab"


def test_a_request_asks_for_a_deed_and_names_no_plan_that_it_is_not_about() -> None:
    step = StepState("mx", "activation", gate={**GATE, "about": "Type: MX"})
    assert view._waits(step, "0123456789abcdef") == "mx waits until 01:01:01 UTC for this to be done by alice, bob:"
    undo = replace(step, id="undo", phase="undo")
    assert view._waits(undo, "0123456789abcdef") == "undo waits until 01:01:01 UTC for 2 yes to this from alice, bob:"


@pytest.mark.parametrize(
    ("phase", "about", "live", "told"),
    [
        ("activation", "", True, "bcp approve r   or   bcp reject r"),
        ("activation", "Type: MX", True, "what is asked for above; it goes on by itself"),
        ("undo", "mail goes back", True, "bcp approve r   or   bcp reject r"),
        ("activation", "Type: MX", False, "bcp resume r"),
    ],
)
def test_what_is_next_where_somebody_is_asked(phase: str, about: str, live: bool, told: str) -> None:
    """Records to enter are no yes to be said; moving back is."""
    step = StepState("x", phase, "waiting", gate={**GATE, "about": about})
    seen = SimpleNamespace(id="r", live=live, status=lambda: "interrupted", state=SimpleNamespace(steps={"x": step}))
    assert view.next_step(seen).startswith(told)


def test_the_way_back_is_next_only_once_the_service_is_well() -> None:
    """Above it stands: hold. Whoever is tired would type the last line."""
    seen = SimpleNamespace(id="r", live=True, status=lambda: "holding", state=SimpleNamespace(steps={}))
    assert view.next_step(seen) == "once the service is well again: bcp failback r"


@pytest.mark.parametrize("taken_up", [True, False], ids=["by the run", "not yet"])
@pytest.mark.parametrize("live", [True, False])
def test_a_yes_that_was_accepted_is_shown_whoever_was_killed_before_it_acted(taken_up: bool, live: bool) -> None:
    """And what to do where nobody works on the run; what cannot count is no answer."""
    gate = {**GATE, "checksum": "c" * 64, "opened": 100.0}
    step = StepState("approve", "activation", "waiting", gate=gate)

    def signal(actor: str, at: float, kind: str = "approve", checksum: str = "c" * 64) -> Signal:
        return Signal(1, at, kind, actor, {"checksum": checksum, "step": "approve"})

    told = [signal("alice", 200.0), signal("mallory", 200.0), signal("bob", 50.0), signal("bob", 200.0, "approve", "d")]
    known = [{**s.data, "by": s.actor, "at": s.at, "yes": True} for s in told]
    seen = SimpleNamespace(
        id="r",
        live=live,
        state=SimpleNamespace(answers=known if taken_up else [], steps={"approve": step}),
        record=SimpleNamespace(unread=() if taken_up else [*told, signal("alice", 201.0, "stop")]),
    )
    assert view.answers_at(seen, step) == {"alice": True} and view.yes_by(seen) == ("alice",)
    (text,) = view._answered(seen, step)
    assert "alice has said yes." in text and ("bcp resume r" in text) is not live


@pytest.mark.parametrize(
    ("free", "flag", "said", "disk"),
    [
        (0, 0, "its disk is full", "full"),
        (9, os.ST_RDONLY, "it may only be read", "read-only"),
        (9, 0, "", "ok"),
    ],
)
def test_a_folder_that_takes_nothing_is_said_for_what_stands_here_may_be_old(
    tmp_path, monkeypatch, capsys, free: int, flag: int, said: str, disk: str
) -> None:
    """To people in words, to machines in a field."""
    monkeypatch.setattr(view.os, "statvfs", lambda path: SimpleNamespace(f_bavail=free, f_flag=flag))
    assert view._warn_of_disk(tmp_path) == disk
    told = " ".join(capsys.readouterr().err.split())
    assert (said in told and "may be old" in told) if said else not told


@pytest.mark.parametrize(("status", "told"), [("holding", ""), ("running", ""), ("stopped", "the daemon ends")])
def test_the_list_of_runs_gives_no_reason_of_a_stop_that_is_over(status: str, told: str) -> None:
    assert view._reason(RunCard("r", status, reason="the daemon ends"), status) == told


def test_how_long_a_run_took_is_not_told_as_how_long_it_has_been_stopped() -> None:
    state = SimpleNamespace(ended=0.0)
    assert view._took(state, "9m") == "; began 9m ago"
    assert view._took(SimpleNamespace(ended=5.0), "9m") == " after 9m" and view._took(state, "") == ""


@pytest.mark.parametrize(("count", "said"), [(1, "nothing; alice said yes"), (2, "an answer by bob until")])
def test_who_has_said_yes_is_not_asked_again(count: int, said: str) -> None:
    gate = {**GATE, "checksum": "c", "opened": 100.0, "count": count}
    step = StepState("approve", "activation", "waiting", gate=gate)
    known = [{"by": "alice", "at": 200.0, "yes": True, "checksum": "c", "step": ""}]
    seen = SimpleNamespace(
        id="r", live=True, state=SimpleNamespace(answers=known, steps={"a": step}), record=SimpleNamespace(unread=())
    )
    asked = Situation(
        "x", "down", "decided", "", None, 300.0, True, True, "", "", Mx(False), asked_until=3661.0,
        asked_people=("alice", "bob"),
    )  # fmt: skip
    assert said in next_step(view._with_answers(asked, seen, stuck=False))


@pytest.mark.parametrize(("names", "told"), [({"mx": "mx"}, ""), ({}, ""), ({"mx": "Point MX"}, "Point MX")])
def test_a_step_without_a_name_is_not_named_twice(names: dict[str, str], told: str) -> None:
    assert view._named(names, "mx") == told


@pytest.mark.parametrize(
    ("status", "failed", "aborting", "told"),
    [
        ("stopped", "", "", "stopped by Ctrl-C"),
        ("failed", "mx", "", "stopped by Ctrl-C"),
        ("running", "", "", ""),
        ("holding", "", "", ""),
        ("running", "mx", "", "stopped by Ctrl-C"),
        ("running", "", "ann", "stopped by Ctrl-C"),
    ],
)
def test_the_reason_of_a_stop_is_gone_with_it(status: str, failed: str, aborting: str, told: str) -> None:
    state = SimpleNamespace(status=status, reason="stopped by Ctrl-C", failed_step=failed, aborting=aborting)
    assert view._why(state) == told


def test_where_nothing_was_ever_done_status_says_so_and_where_it_looked(house, capsys) -> None:
    """No run is no error: on a new machine it is the first command that people try."""
    show()
    said = capsys.readouterr().out
    assert "No run of ours has moved MX" in said and "look once (bcp verdict)" in said
    assert "No look and no run yet in" in said and str(house.folder) in said.replace("\n", "")


@pytest.mark.parametrize(("status", "said"), [("holding", True), ("done", False)])
def test_what_somebody_put_back_is_said_while_the_run_holds(status, said) -> None:
    """Afterwards the MX is where it belongs."""
    from bcp.cli.left import back_text

    events = [SimpleNamespace(kind="mx_reverted", data={"domains": {"a.test": "0 old."}})]
    view = SimpleNamespace(id="run-1", status=lambda: status, record=SimpleNamespace(events=events))
    text = back_text(view)
    assert bool(text) is said and ("a.test is 0 old. now" in text) is said
