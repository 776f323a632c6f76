"""The fold, event by event: exactly what each one changes, and nothing beside it."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from support import ROOT

from bcp.contracts.journal import Event
from bcp.engine.runner import nodes_of
from bcp.engine.state import FINAL, OVER, UNDO, Next, Node, RunState, fold, initial, next_in_phase, replay, to_undo
from bcp.playbook.load import load

NODES = [
    Node("ready", "ready", ()),
    Node("gate", "activation", ()),
    Node("mx", "activation", ("gate",), undo=True),
    Node("tell", "activation", ("gate",), optional=True),
    Node("update", "hold", ()),
    Node("sweep", "always", ()),
]


def state_of(run=None, **steps) -> RunState:
    """A run with these things known of it, and of its steps."""
    state = initial(NODES)
    for name, value in (run or {}).items():
        setattr(state, name, value)
    for step, values in steps.items():
        for name, value in values.items():
            setattr(state.steps[step], name, value)
    return state


def changes(state: RunState, kind: str, step: str = "", actor: str = "", **data):
    """What an event (number 7, at 50) changes: of the run, and of each step."""
    before = asdict(state)
    assert fold(state, Event(7, 50.0, kind, step, actor, data)) is state
    after = asdict(state)
    assert state.last_seq == 7
    run = {k: v for k, v in after.items() if k not in {"steps", "last_seq"} and v != before[k]}
    old, new = before["steps"], after["steps"]
    assert [k for k in old if k not in new] == [] or kind == "undo_asked"
    apart = {
        s: {k: v for k, v in new[s].items() if s not in old or v != old[s][k]}
        for s in new
        if s not in old or new[s] != old[s]
    }
    return run, apart


def test_a_run_before_its_first_event() -> None:
    """Every step waits, and knows whether the run goes on without it."""
    state = initial(NODES)
    assert (state.status, state.phase, list(state.steps)) == ("new", "", [n.id for n in NODES])
    assert {s.id: (s.phase, s.optional, s.status) for s in state.steps.values()} == {
        n.id: (n.phase, n.optional, "pending") for n in NODES
    }
    assert not state.failing() and state.doubtful() == []


def test_an_event_that_nobody_knows_moves_only_the_number() -> None:
    """Newer versions may write more."""
    assert changes(initial(NODES), "weather") == ({}, {})


def test_a_run_starts() -> None:
    assert changes(initial(NODES), "run_started") == ({"status": "running", "started": 50.0}, {})


@pytest.mark.parametrize(
    ("phase", "run"),
    [
        ("activation", {"phase": "activation", "status": "running"}),
        ("hold", {"phase": "hold", "status": "holding", "hold_since": 50.0}),
    ],
)
def test_a_phase_starts(phase, run) -> None:
    """Holding is a status of its own, and is counted from here."""
    assert changes(state_of({"status": "waiting"}), "phase_started", phase=phase) == (run, {})


def test_a_step_starts() -> None:
    """When and as which event it first began stays; attempts only grow."""
    assert changes(initial(NODES), "step_started", "mx") == (
        {},
        {"mx": {"status": "running", "attempts": 1, "started": 50.0, "began": 7}},
    )
    again = state_of(mx={"status": "waiting", "attempts": 2, "started": 40.0, "began": 3})
    assert changes(again, "step_started", "mx", attempt=2) == ({}, {"mx": {"status": "running", "attempts": 3}})
    assert changes(again, "step_started", "mx", attempt=1) == ({}, {})


def test_an_item_of_a_step_is_finished() -> None:
    """Kept by its number."""
    assert changes(initial(NODES), "item_finished", "mx", item="1", result={"a": 1}) == (
        {},
        {"mx": {"items": {1: {"a": 1}}}},
    )
    assert changes(initial(NODES), "item_finished", "mx", item=0) == ({}, {"mx": {"items": {0: {}}}})


FULL = {"summary": "s", "error": "e", "hint": "h", "outputs": {"a": 1}, "exit_code": 4, "rule": "r"}


def test_a_step_is_finished() -> None:
    """With all that is said of it; its gate is closed."""
    state = state_of(mx={"gate": {"count": 1}, "started": 40.0})
    assert changes(state, "step_finished", "mx", status="ok", **FULL) == (
        {},
        {"mx": {"status": "ok", "ended": 50.0, "gate": {}, **FULL}},
    )
    old = state_of(mx={"status": "running", **FULL})
    assert changes(old, "step_finished", "mx", status="skipped") == (
        {},
        {
            "mx": {
                "status": "skipped",
                "ended": 50.0,
                "started": 50.0,
                "summary": "",
                "error": "",
                "hint": "",
                "outputs": {},
                "exit_code": 1,
                "rule": "",
            }
        },
    )


def test_a_step_that_fails_stops_the_run_once() -> None:
    """The first failure is the reason. What is optional, or in *always*, stops nothing; nor does a round of a hold."""
    failed = {"failed_step": "mx", "reason": "e", "rule": "r"}
    assert changes(initial(NODES), "step_finished", "mx", status="failed", **FULL)[0] == failed
    for step in ("tell", "sweep", "update"):
        assert changes(initial(NODES), "step_finished", step, status="failed", **FULL)[0] == {}
    for run in ({"aborting": "kim"}, {"failed_step": "gate"}):
        assert changes(state_of(run), "step_finished", "mx", status="failed", **FULL)[0] == {}
    assert changes(initial(NODES), "step_finished", "mx", status="in_doubt", **FULL)[0] == {}


def test_a_round_of_a_hold_is_counted_and_forgets_its_items() -> None:
    state = state_of(update={"rounds": 2, "items": {0: {}}, "started": 1.0, "status": "running"})
    assert changes(state, "step_finished", "update", status="ok") == (
        {},
        {"update": {"status": "ok", "ended": 50.0, "rounds": 3, "items": {}}},
    )
    assert "rounds" not in changes(initial(NODES), "step_finished", "mx", status="ok")[1]["mx"]


def test_a_step_is_tried_again() -> None:
    assert changes(initial(NODES), "step_retry", "mx", error="busy") == (
        {},
        {"mx": {"status": "waiting", "error": "busy"}},
    )
    assert changes(state_of(mx={"error": "old"}), "step_retry", "mx")[1]["mx"]["error"] == ""


def test_a_gate_is_opened() -> None:
    """The run waits with it. What is asked is kept; when the step began stays."""
    asked = {"count": 1, "deadline": 99.0}
    assert changes(state_of({"status": "running"}), "gate_opened", "gate", **asked) == (
        {"status": "waiting"},
        {"gate": {"gate": asked, "status": "waiting", "started": 50.0}},
    )
    assert "started" not in changes(state_of(gate={"started": 3.0}), "gate_opened", "gate", **asked)[1]["gate"]


def test_a_gate_before_an_undo_does_not_stop_the_run() -> None:
    """The run itself opened it; it has no step of the playbook."""
    state = state_of({"status": "holding"})
    run, steps = changes(state, "gate_opened", "undo-mx", count=1)
    assert run == {} and steps["undo-mx"]["phase"] == UNDO and steps["undo-mx"]["status"] == "waiting"
    assert steps["undo-mx"]["id"] == "undo-mx" and steps["undo-mx"]["gate"] == {"count": 1}


def test_a_gate_is_closed() -> None:
    """The run goes on; the step ends by its own event."""
    state = state_of({"status": "waiting"}, gate={"gate": {"count": 1}, "status": "waiting"})
    assert changes(state, "gate_closed", "gate", result="approved") == ({"status": "running"}, {"gate": {"gate": {}}})


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [({"result": "approved"}, "ok", ""), ({"result": "no answer"}, "failed", "no answer"), ({}, "failed", "")],
)
def test_a_gate_before_an_undo_is_over_when_it_is_closed(data, status, error) -> None:
    """And the run is what it was."""
    state = state_of({"status": "holding"})
    fold(state, Event(6, 40.0, "gate_opened", "undo-mx", "", {"count": 1}))
    state.steps["undo-mx"].error = "old"
    assert changes(state, "gate_closed", "undo-mx", **data) == (
        {},
        {"undo-mx": {"gate": {}, "status": status, "ended": 50.0, "error": error}},
    )


def test_what_people_say_is_kept_as_it_came() -> None:
    """Who, at which gate, and what."""
    said = {"at": 49.0, "yes": True, "checksum": "c"}
    assert changes(initial(NODES), "answered", "gate", "ann", **said)[0] == {
        "answers": [{"by": "ann", "step": "gate", **said}]
    }
    assert changes(initial(NODES), "approved", "gate", "ann", how="sms")[0] == {
        "approvals": [{"step": "gate", "by": "ann", "at": 50.0, "how": "sms"}]
    }
    assert changes(initial(NODES), "acknowledged", "", "ann")[0] == {"acknowledged": "ann"}


def test_an_undo_is_asked_for_and_refused() -> None:
    """A new question takes the place of the one before; those of the playbook stay."""
    state = initial(NODES)
    fold(state, Event(6, 40.0, "gate_opened", "undo-mx", "", {"count": 1}))
    assert changes(state, "undo_asked", "", "ann", code="primary-down")[0] == {
        "undo_asked": {"by": "ann", "at": 50.0, "code": "primary-down"}
    }
    assert list(state.steps) == [n.id for n in NODES]
    assert changes(state, "undo_refused")[0] == {"undo_asked": {}}


def test_who_was_told_of_the_way_back_is_kept() -> None:
    assert changes(initial(NODES), "corrected", "tell")[0] == {"corrected": ["tell"]}


@pytest.mark.parametrize(("phase", "status"), [("hold", "holding"), ("activation", "running")])
def test_an_undo_is_withheld(phase, status) -> None:
    """Mail stays where it is: the run is no longer failing, and knows after what."""
    run = {"phase": phase, "status": "x", "failed_step": "mx", "aborting": "ann", "consent": {"at": 1}, "reason": "e"}
    assert changes(state_of(run), "undo_withheld", code="primary-down", reason="why")[0] == {
        "withheld": "primary-down",
        "held_after": "mx",
        "failed_step": "",
        "aborting": "",
        "consent": {},
        "reason": "why",
        "status": status,
    }
    again = state_of({"held_after": "mx", "reason": "e", "phase": phase, "status": status})
    assert changes(again, "undo_withheld", code="c")[0] == {"withheld": "c", "reason": ""}


def test_an_undo_begins_and_ends() -> None:
    """What was said of the step stays where nothing new is."""
    assert changes(initial(NODES), "undo_started") == ({"status": "undoing"}, {})
    state = state_of(mx={"status": "ok", "summary": "moved", "error": "e", "hint": "h"})
    assert changes(state, "undo_finished", "mx", status="undone") == (
        {},
        {"mx": {"status": "undone", "error": "", "hint": ""}},
    )
    assert changes(state, "undo_finished", "mx", status="undo_failed", summary="s", error="e", hint="h") == (
        {},
        {"mx": {"status": "undo_failed", "summary": "s", "error": "e", "hint": "h"}},
    )


def test_a_run_is_stopped() -> None:
    run = {"status": "stopped", "reason": "r", "stopped_by": "daemon"}
    assert changes(initial(NODES), "stopped", reason="r", by="daemon")[0] == run
    old = state_of({"reason": "old", "stopped_by": "old"})
    assert changes(old, "stopped")[0] == {"status": "stopped", "reason": "", "stopped_by": ""}


@pytest.mark.parametrize(
    ("run", "data", "status", "aborting"),
    [
        ({"phase": "hold"}, {}, "holding", ""),
        ({"phase": "hold", "recovered": True}, {}, "running", ""),
        ({"phase": "activation"}, {}, "running", ""),
        ({"phase": "hold"}, {"undo": "ann"}, "holding", "ann"),
        ({"phase": "hold", "aborting": "kim"}, {"undo": "ann"}, "holding", "kim"),
    ],
)
def test_a_run_is_resumed(run, data, status, aborting) -> None:
    """Where it was; who wants it undone is who said so first."""
    state = state_of({"status": "stopped", **run})
    changes(state, "resumed", **data)
    assert (state.status, state.aborting) == (status, aborting)


@pytest.mark.parametrize(
    ("run", "data", "reason"), [({}, {}, ""), ({"failed_step": "mx"}, {}, "r"), ({}, {"undo": "ann"}, "r")]
)
def test_the_reason_of_a_stop_is_over_when_the_run_goes_on(run, data, reason) -> None:
    """*done: in doubt* was said of a run that ended well. Why it is undone stays."""
    state = state_of({"status": "stopped", "reason": "r", **run})
    changes(state, "resumed", **data)
    assert state.reason == reason


def test_a_run_is_aborted() -> None:
    """By somebody, with what they were shown; a question about an undo is over."""
    state = state_of({"undo_asked": {"by": "kim"}})
    assert changes(state, "aborting", "", "ann", reason="r", consent=["c"])[0] == {
        "aborting": "ann",
        "reason": "r",
        "undo_asked": {},
        "consent": {"codes": ["c"], "at": 50.0},
    }
    assert state.failing()
    nameless = state_of({"reason": "old"})
    assert changes(nameless, "aborting")[0] == {
        "aborting": "unknown",
        "reason": "",
        "consent": {"codes": (), "at": 50.0},
    }


def test_the_service_is_back() -> None:
    assert changes(initial(NODES), "recovered", run="run-2")[0] == {"recovered": True, "handed_over": "run-2"}
    assert changes(state_of({"handed_over": "x"}), "recovered")[0] == {"recovered": True, "handed_over": ""}


def test_a_doubt_is_settled() -> None:
    """It runs again, where it was in doubt; for anything else, or nothing, it is no news."""
    assert changes(state_of(mx={"status": "in_doubt"}), "doubt_settled", "mx") == ({}, {"mx": {"status": "running"}})
    assert changes(state_of(mx={"status": "ok"}), "doubt_settled", "mx") == ({}, {})
    assert changes(initial(NODES), "doubt_settled", "gone") == ({}, {})
    running = state_of(mx={"status": "running"})
    assert changes(running, "doubt_settled", "mx", part=True) == ({}, {"mx": {"begun": True}})
    assert changes(running, "doubt_settled", "mx") == ({}, {}), "once begun it stays so"


def test_a_run_is_finished() -> None:
    """A reason that is known stays where none is given."""
    state = state_of({"reason": "old"})
    assert changes(state, "run_finished", status="done")[0] == {"status": "done", "ended": 50.0}
    assert state.status in FINAL
    assert changes(state, "run_finished", status="failed", reason="r")[0] == {"status": "failed", "reason": "r"}


def test_a_replay_is_the_fold_of_all_events() -> None:
    """In their order."""
    events = [Event(1, 1.0, "run_started", "", "", {}), Event(2, 2.0, "phase_started", "", "", {"phase": "hold"})]
    state = replay(NODES, events)
    assert (state.started, state.status, state.hold_since, state.last_seq) == (1.0, "holding", 2.0, 2)


# -- what may happen next ----------------------------------------------------------------------------------------------


def after(*needs, optional=()) -> Next:
    """What may happen to the last of these steps; the others, in these states, are what it needs."""
    names = [f"s{i}" for i in range(len(needs))]
    nodes = [Node(n, "before", (), optional=n in optional) for n in names] + [Node("last", "activation", tuple(names))]
    state = initial(nodes)
    for name, status in zip(names, needs, strict=True):
        state.steps[name].status = status
    return next_in_phase(nodes, state, "activation")


START, WAIT = Next(("last",)), Next((), (), "phase_over")


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        ((), START),
        (("ok",), START),
        (("unchanged", "would_run"), START),
        (("skipped",), Next((), (("last", "skipped"),))),
        (("failed",), Next((), (("last", "not_reached"),))),
        (("not_reached",), Next((), (("last", "not_reached"),))),
        (("undone",), Next((), (("last", "not_reached"),))),
        (("skipped", "failed"), Next((), (("last", "skipped"),))),
        (("failed", "skipped"), Next((), (("last", "skipped"),))),
        (("in_doubt", "skipped"), Next((), (("last", "skipped"),))),
        (("in_doubt",), WAIT),
        (("in_doubt", "failed"), WAIT),
        (("failed", "in_doubt"), WAIT),
        (("pending",), WAIT),
        (("failed", "running"), WAIT),
        (("ok", "waiting"), WAIT),
    ],
)
def test_a_step_starts_after_what_it_needs(needs, found) -> None:
    """One that was skipped skips it, one that failed makes it unreachable, one in doubt keeps it waiting."""
    assert after(*needs) == found


def test_what_is_optional_may_fail_and_what_is_unknown_is_no_need() -> None:
    """And one in doubt is then no reason to wait."""
    assert after("failed", optional=("s0",)) == START and after("in_doubt", optional=("s0",)) == START
    assert after("failed", "failed", optional=("s0",)).skip == (("last", "not_reached"),)
    lone = [Node("last", "activation", ("elsewhere", "near")), Node("near", "before", ())]
    state = initial(lone)
    assert next_in_phase(lone, state, "activation") == WAIT
    state.steps["near"].status = "ok"
    assert next_in_phase(lone, state, "activation") == START


def phase(run=None, name="activation", **steps) -> Next:
    """What may happen in a phase of three: ``a``, ``b`` (optional), ``c``; and one of another phase."""
    nodes = [Node("z", "before", ()), Node("a", name, ()), Node("b", name, (), optional=True), Node("c", name, ())]
    state = initial(nodes)
    for key, value in (run or {}).items():
        setattr(state, key, value)
    for key, value in steps.items():
        state.steps[key].status = value
    return next_in_phase(nodes, state, name)


FAILS = {"failed_step": "x"}
ALL = ("a", "b", "c")


@pytest.mark.parametrize(
    ("given", "right"),
    [
        (lambda: phase(), Next(ALL)),
        (lambda: phase(a="running"), Next(("b", "c"))),
        (lambda: phase(a="running", b="ok", c="ok"), Next()),
        (lambda: phase(a="ok", b="ok", c="ok"), Next(verdict="phase_over")),
        (lambda: phase(a="in_doubt", b="ok", c="ok"), Next(verdict="blocked")),
        (lambda: phase(a="ok", b="in_doubt", c="ok"), Next(verdict="phase_over")),
        (lambda: phase(a="in_doubt", b="ok"), Next(("c",))),
        (lambda: phase(a="in_doubt", b="ok", c="ok", z="running"), Next(verdict="blocked")),
        (lambda: phase(FAILS), Next((), tuple((s, "not_reached") for s in ALL))),
        (lambda: phase({"aborting": "ann"}, a="ok"), Next((), (("b", "not_reached"), ("c", "not_reached")))),
        (lambda: phase(FAILS, a="running", b="ok", c="ok"), Next()),
        (lambda: phase(FAILS, a="failed", b="ok", c="ok"), Next(verdict="failing")),
        (lambda: phase(FAILS, a="in_doubt", b="ok", c="ok"), Next(verdict="failing")),
        (lambda: phase(FAILS, "always"), Next(ALL)),
        (lambda: phase(FAILS, "always", a="ok", b="ok", c="ok"), Next(verdict="phase_over")),
    ],
)
def test_what_may_happen_in_a_phase(given, right) -> None:
    """A run that fails starts nothing more, but what is in *always*."""
    assert given() == right


def test_what_is_left_behind_is_undone_last_begun_first() -> None:
    """What never began, left nothing, cannot be undone or only looked is left alone."""
    names = {"a": "ready", "b": "activation", "c": "activation", "d": "after", "e": "hold", "f": "before", "g": "hold"}
    nodes = [Node(n, p, (), undo=n != "g") for n, p in names.items()]
    state = initial(nodes)
    for n, step in enumerate(state.steps.values(), start=1):
        step.began, step.status = n, "ok"
    assert to_undo(nodes, state) == ["e", "d", "c", "b"]
    state.steps["b"].began = 9
    state.steps["c"].began = 0
    assert to_undo(nodes, state) == ["b", "e", "d"]
    for status, outputs, left in (
        ("in_doubt", {}, True),
        ("failed", {}, False),
        ("failed", {"a": 1}, True),
        ("undone", {"a": 1}, False),
        ("unchanged", {"a": 1}, False),
    ):
        state.steps["d"].status, state.steps["d"].outputs = status, outputs
        assert ("d" in to_undo(nodes, state)) is left, status
    assert {"in_doubt", "failed", "skipped", "undo_failed"} <= OVER


def test_after_a_drain_that_failed_employees_still_hear_that_mail_is_back() -> None:
    """Of the two messages of the shipped way back one is sent, whatever the relay can say of what it holds."""
    nodes = nodes_of(load(ROOT / "playbooks" / "exchange-failback.yaml"))
    state = initial(nodes)
    for name, status in (("approve", "ok"), ("mx", "ok"), ("canary", "ok"), ("tell-page", "ok"), ("drain", "failed")):
        state.steps[name].status = status
    assert set(next_in_phase(nodes, state, "activation").start) == {"tell-employees", "tell-employees-late"}
    state.steps["tell-employees"].status = "skipped"  # its condition did not hold
    assert next_in_phase(nodes, state, "activation").start == ("tell-employees-late",)
