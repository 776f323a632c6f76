"""How a process's work on a run ends, when attempts are repeated, and what the ledger keeps of an outcome."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.action import Outcome
from bcp.engine.ending import Ending, finished, in_doubt, left_holding
from bcp.engine.outcomes import Steps, VoidAttempt, from_record, pause_before, to_record
from bcp.engine.state import Node, initial
from bcp.kernel.errors import BcpError, Transient
from bcp.playbook.model import Retry


def run(**known):
    """A run of two steps, with these things known of it."""
    state = initial([Node("mx", "activation", ()), Node("tell", "activation", ())])
    for name, value in known.items():
        setattr(state, name, value)
    return state


def doubt(state, *names):
    for name in names:
        state.steps[name].status = "in_doubt"
    return state


def test_a_run_in_doubt_says_what_to_settle() -> None:
    """The first of them; exit code 4."""
    found = in_doubt(doubt(run(), "mx", "tell"), "run-1")
    assert (found.status, found.code, found.reason, found.rule) == ("in_doubt", 4, "in doubt: mx, tell", "")
    assert "bcp settle run-1 mx --happened" in found.hint and "then bcp resume run-1" in found.hint


def test_a_run_is_left_holding() -> None:
    """That is the good end of an activation; where an undo was withheld it is not, and says why."""
    assert left_holding(run(), "run-1") == Ending(
        "holding", 0, "activation is done; the run holds", "Back again: bcp failback run-1"
    )
    found = left_holding(run(withheld="primary-down"), "run-1")
    assert (found.status, found.code, found.rule) == ("holding", 5, "primary-down")
    assert found.reason.startswith("abort: mail was left where it is, because our own look says")
    assert found.hint == "Back again: bcp failback run-1"
    assert left_holding(run(withheld="primary-down", held_after="mx"), "run-1").reason.startswith("mx: mail")


def test_a_run_is_done() -> None:
    """With nothing to say, not even the rule of a step that failed and did not matter."""
    assert finished(run(rule="r"), "run-1", goes_back=False) == Ending("done", 0)
    found = finished(doubt(run(rule="r"), "tell", "mx"), "run-1", goes_back=False)
    assert (found.status, found.code, found.rule) == ("done", 4, "")
    assert found.reason == "done, but in doubt: mx, tell" and found.hint == "bcp settle run-1 mx ..."


def test_a_run_is_aborted() -> None:
    """Whatever failed before; with who it was."""
    found = finished(run(aborting="ann", reason="enough", failed_step="mx", rule="r"), "run-1", goes_back=False)
    assert found == Ending("aborted", 5, "aborted by ann: enough", "", "r")
    assert finished(run(aborting="ann"), "run-1", goes_back=True).reason == "aborted by ann"


def test_a_run_has_failed() -> None:
    """By its step: its exit code, and its hint."""
    state = run(failed_step="mx", reason="refused", rule="dns.silent")
    state.steps["mx"].exit_code, state.steps["mx"].hint = 3, "try again"
    right = Ending("failed", 3, "mx: refused", "try again", "dns.silent")
    assert finished(state, "run-1", goes_back=False) == right
    doubt(state, "tell")
    assert finished(state, "run-1", goes_back=False) == right


def test_a_gate_names_itself_and_is_not_named_twice() -> None:
    state = run(failed_step="mx", reason="mx: rejected by ann")
    assert finished(state, "run-1", goes_back=False).reason == "mx: rejected by ann"


def test_a_way_back_that_left_mx_where_it_points_has_failed() -> None:
    """Not one that goes to the relay; not one of which nothing failed; and an abort is an abort."""
    known = {"withheld": "primary-unseen", "held_after": "mx", "rule": "r"}
    state = run(**known)
    state.steps["mx"].error, state.steps["mx"].hint = "no answer", "look"
    found = finished(state, "run-1", goes_back=True)
    assert (found.status, found.code, found.hint, found.rule) == ("failed", 1, "look", "r")
    assert found.reason.startswith("mx: no answer; MX was left where it points, because our own look cannot see")
    assert finished(state, "run-1", goes_back=False).status == "done"
    assert finished(run(held_after="mx"), "run-1", goes_back=True).status == "done"
    assert finished(run(withheld="primary-unseen"), "run-1", goes_back=True).status == "done"
    assert finished(run(**known, aborting="ann"), "run-1", goes_back=True).status == "aborted"


# -- attempts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "waiting", "pause"),
    [
        (0, True, 0.25),
        (1, True, 0.5),
        (4, True, 4.0),
        (5, True, 5.0),
        (50, True, 5.0),
        (1, False, 2.0),
        (3, False, 18.0),
    ],
)
def test_the_pause_before_the_next_attempt(failures, waiting, pause) -> None:
    """Quick where something is waited for and no retry is set; else as *retry* says."""
    assert pause_before(Retry(count=0, delay="2s", backoff=3.0), failures, BcpError("x"), waiting) == pause


def test_a_retry_that_is_set_counts_also_while_something_is_waited_for() -> None:
    assert pause_before(Retry(count=2, delay="2s", backoff=3.0), 2, BcpError("x"), True) == 6.0
    assert pause_before(Retry(count=2, delay="200s", backoff=3.0), 2, BcpError("x"), True) == 300.0


@given(st.floats(0, 10_000))
def test_what_the_other_side_asks_for_is_done_up_to_five_minutes(told) -> None:
    """Whatever *retry* says."""
    error = Transient("busy", retry_after_s=told)
    assert pause_before(Retry(count=2, delay="2s"), 1, error, True) == min(told, 300.0)


def test_an_outcome_comes_back_as_it_was_kept() -> None:
    """Without secrets; what was not kept is nothing, and a change."""
    kept = to_record(Outcome("moved", {"a": 1}, changed=False))
    assert kept == {"state": "done", "summary": "moved", "outputs": {"a": 1}, "changed": False}
    assert from_record(kept) == Outcome("moved", {"a": 1}, changed=False)
    assert from_record(kept, {"a": 2}) == Outcome("moved", {"a": 1}, changed=False)
    said = {"state": "done", "summary": "ann says so", "outputs": {}, "by": "ann"}
    assert from_record(said, {"before": 1}).outputs == {"before": 1}, "what was planned is what a person saw happen"
    assert from_record({**said, "by": ""}, {"before": 1}).outputs == {}
    assert from_record({"state": "done", "outputs": None}) == Outcome("", {}, changed=True)
    assert from_record({"summary": 5, "changed": 0}) == Outcome("5", {}, changed=False)


@pytest.mark.parametrize("state", ["failed", "void"])
def test_an_effect_that_did_not_happen_has_no_outcome(state) -> None:
    with pytest.raises(VoidAttempt):
        from_record({"state": state, "summary": "s"})


def test_expressions_see_steps_as_they_are() -> None:
    """Outputs are a copy: an expression changes nothing."""
    state = run()
    step = state.steps["mx"]
    step.outputs, step.status, step.summary, step.attempts = {"a": 1}, "ok", "moved", 2
    steps = Steps(state)
    assert dict(steps["mx"]) == {"outputs": {"a": 1}, "state": "ok", "summary": "moved", "attempts": 2}
    steps["mx"]["outputs"]["a"] = 2
    assert step.outputs == {"a": 1} and list(steps) == ["mx", "tell"] and len(steps) == 2
    with pytest.raises(KeyError):
        steps["gone"]
