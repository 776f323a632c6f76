"""Settle, acknowledge, stop a send, declare and close: who may, in which state, and what is left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.deeds.incident import Close, Declare, close, declare, reopen
from bcp.deeds.resume import may_resume
from bcp.deeds.send import Send, plan_send, sends, stop_send
from bcp.deeds.settle import Settle, acknowledge, settle
from bcp.kernel.errors import BcpError, Invalid, Missing

from .house import House, person

NOBODY = replace(person("token:ci"), contact="")
LOOKS = person("alice", can=frozenset({"approve"}))
SEND = """\
version: 1
name: comms-send
title: One message
activation:
  - {id: send, uses: shell, with: {run: [true]}, irreversible: a test}
"""


def rule(house: House, work) -> str:
    with pytest.raises(BcpError) as caught:
        house.do(work)
    return caught.value.rule


def doubtful(house: House) -> str:
    return house.run(
        effects=[
            ("run-1/mx#0", "mx", {}),
            ("run-1/send/sms/alice", "send", {"channel": "sms"}),
            ("run-1/tool#0", "tool", {}),
        ]
    )


# -- settle ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("what", ["mx", "run-1/mx#0"])
def test_a_person_s_word_settles_a_step_or_one_effect(house, what, happened) -> None:
    run = doubtful(house)
    done = house.do(settle(house.ground, person("alice"), Settle(run, what, happened, "I looked")))
    assert done.keys == ("run-1/mx#0",) and done.by == "alice"
    found = {e.key: e for e in house.runs.view(run).record.effects}
    assert found["run-1/mx#0"].state == "settled"
    assert found["run-1/mx#0"].outcome["state"] == ("done" if happened else "void")
    assert found["run-1/mx#0"].outcome.get("by") == ("alice" if happened else None), (
        "then what was planned is its outcome"
    )
    assert found["run-1/tool#0"].state != "settled"
    event = next(e for e in house.runs.view(run).record.events if e.kind == "doubt_settled")
    assert (event.actor, event.step, event.data["reason"], event.data["how"]) == ("alice", "mx", "I looked", "a test")


@pytest.mark.parametrize(("happened", "state"), [(True, "sent"), (False, "failed")])
def test_a_delivery_is_settled_as_its_channel_would_have(house, happened, state) -> None:
    run = doubtful(house)
    house.do(settle(house.ground, person("alice"), Settle(run, "send", happened)))
    outcome = next(e.outcome for e in house.runs.view(run).record.effects if e.step == "send")
    assert outcome["state"] == state and outcome["receipt"] == "settled by alice"


@pytest.mark.parametrize(
    ("who", "what", "expected"),
    [
        (LOOKS, "mx", "not-allowed"),
        (person("alice"), "other", "nothing-in-doubt"),
        (person("alice"), "run-1/mx#1", "nothing-in-doubt"),
    ],
)
def test_what_cannot_be_settled(house, who, what, expected) -> None:
    run = doubtful(house)
    assert rule(house, settle(house.ground, who, Settle(run, what, True))) == expected
    assert all(e.state != "settled" for e in house.runs.view(run).record.effects)


def test_while_a_process_works_on_it_nobody_settles(house) -> None:
    """It may know more in a moment."""
    run = doubtful(house)
    lock = house.runs.lock(run)
    assert lock.take()
    with lock:
        assert rule(house, settle(house.ground, person("alice"), Settle(run, "mx", True))) == "run-live"


# -- acknowledge, resume -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["done", "failed", "aborted"])
def test_a_run_that_is_over_is_acknowledged_by_name(house, status) -> None:
    run = house.run(events=[("run_finished", "", {"status": status})])
    assert house.do(acknowledge(house.ground, person("bob"), run)).by == "bob"
    assert house.runs.view(run).state.acknowledged == "bob"


def test_what_is_not_over_is_not_acknowledged(house) -> None:
    assert rule(house, acknowledge(house.ground, person("bob"), house.run())) == "not-over"
    assert rule(house, acknowledge(house.ground, LOOKS, "run-1")) == "not-allowed"
    assert rule(house, acknowledge(house.ground, person("bob"), "run-7")) == "no-such-run"


def test_what_may_be_gone_on_with(house) -> None:
    run = house.run(events=[("stopped", "", {"by": "signal"})])
    assert may_resume(house.ground, NOBODY, run).id == run
    over = house.run("run-2", events=[("run_finished", "", {"status": "done"})])
    for who, name, expected in (
        (LOOKS, run, "not-allowed"),
        (person("bob"), over, "run-over"),
        (person("bob"), "run-9", "no-such-run"),
    ):
        with pytest.raises(BcpError) as caught:
            may_resume(house.ground, who, name)
        assert caught.value.rule == expected
    lock = house.runs.lock(run)
    assert lock.take()
    with lock, pytest.raises(BcpError) as caught:
        may_resume(house.ground, person("bob"), run)
    assert caught.value.rule == "run-live"


# -- sends -------------------------------------------------------------------------------------------------------------


def test_stop_knows_only_sends(house) -> None:
    """Without a name: the newest send that is not over, whatever was started later."""
    house.run("run-1", text=SEND)
    house.run("run-2", text=SEND)
    house.run("run-3", text=SEND, events=[("run_finished", "", {"status": "done"})])
    other = house.holding("run-4")
    assert sends(house.ground) == ["run-2", "run-1"]
    assert house.do(stop_send(house.ground, person("alice"))).run == "run-2"
    assert house.signals(other) == [] and [s.kind for s in house.signals("run-2")] == ["abort"]


def test_stop_never_touches_another_run(house) -> None:
    """Named or not: the last run may hold everybody's mail."""
    run = house.holding()
    assert rule(house, stop_send(house.ground, person("alice"), run)) == "not-a-send"
    assert rule(house, stop_send(house.ground, person("alice"))) == "no-send"
    assert house.signals(run) == []


def test_a_send_that_is_over_cannot_be_stopped(house) -> None:
    run = house.run(text=SEND, events=[("run_finished", "", {"status": "done"})])
    assert rule(house, stop_send(house.ground, person("alice"), run)) == "run-over"


@pytest.mark.parametrize(
    ("who", "wanted", "expected"),
    [
        (LOOKS, Send("inbound-failing", "staff"), "not-allowed"),
        (person("bob"), Send("no-such", "staff"), "no-such-message"),
        (person("bob"), Send("inbound-failing", "nobody"), "no-such-audience"),
        (person("bob"), Send("regulator-after", "staff"), "draft"),
        (person("bob"), Send("inbound-failing", "staff", letter="Z"), ""),
    ],
)
def test_sends_that_are_refused_before_anything_is_planned(house, who, wanted, expected) -> None:
    assert rule(house, plan_send(house.ground, who, wanted)) == expected


# -- incidents ---------------------------------------------------------------------------------------------------------


def test_a_person_declares_an_outage_and_closes_it_with_a_reason(house) -> None:
    made = house.do(declare(house.ground, person("alice"), Declare("Nobody can log in", ("D",))))
    assert (made.state, made.classes, made.title) == ("declared", ("D",), "Nobody can log in") and made.declared
    again = house.do(declare(house.ground, person("bob"), Declare("Log-in fails")))
    assert again.id == made.id and again.title == "Log-in fails"
    over = house.do(close(house.ground, person("bob"), Close(made.id, "Microsoft repaired it")))
    assert over.state == "closed" and over.closed
    kinds = [(e.kind, e.actor) for e in house.book.events(made.id)]
    assert ("declared_by_hand", "alice") in kinds and ("closed_by_hand", "bob") in kinds


def test_an_incident_whose_run_holds_is_not_closed(house) -> None:
    """Mail is on the relay: somebody has to bring it back first."""
    made = house.do(declare(house.ground, person("alice"), Declare("x")))
    house.book.change(made.id, "run_started", fields={"runs": (house.holding(),)})
    assert rule(house, close(house.ground, person("alice"), Close(made.id, "over"))) == "still-holding"
    house.book.change(made.id, "run_started", fields={"runs": ("run-lost",)})
    assert rule(house, close(house.ground, person("alice"), Close(made.id, "over"))) == "still-holding", (
        "one that cannot be read is not over"
    )


@pytest.mark.parametrize(
    ("who", "reason", "expected"),
    [(LOOKS, "over", "not-allowed"), (NOBODY, "over", "no-person"), (person("alice"), " ", "no-reason")],
)
def test_what_closing_needs(house, who, reason, expected) -> None:
    made = house.do(declare(house.ground, person("alice"), Declare("x")))
    assert rule(house, close(house.ground, who, Close(made.id, reason))) == expected


def test_what_is_closed_is_not_closed_again(house) -> None:
    made = house.do(declare(house.ground, person("alice"), Declare("x")))
    house.do(close(house.ground, person("alice"), Close(made.id, "over")))
    assert rule(house, close(house.ground, person("alice"), Close(made.id, "over"))) == "closed"


@pytest.mark.parametrize(
    ("who", "wanted", "expected"),
    [
        (LOOKS, Declare("x"), "not-allowed"),
        (NOBODY, Declare("x"), "no-person"),
        (person("alice"), Declare("  "), "no-title"),
        (person("alice"), Declare("x", ("Z",)), "no-such-class"),
    ],
)
def test_what_declaring_needs(house, who, wanted, expected) -> None:
    assert rule(house, declare(house.ground, who, wanted)) == expected


def test_what_was_not_over_is_opened_again(house) -> None:
    """With a reason; one outage has one incident."""
    made = house.do(declare(house.ground, person("alice"), Declare("x")))
    again = Close(made.id, "it came back")
    assert rule(house, reopen(house.ground, person("alice"), again)) == "incident-open"
    house.do(close(house.ground, person("alice"), Close(made.id, "over")))
    for who, wanted, expected in (
        (LOOKS, again, "not-allowed"),
        (NOBODY, again, "no-person"),
        (person("alice"), Close(made.id, ""), "no-reason"),
    ):
        assert rule(house, reopen(house.ground, who, wanted)) == expected
    found = house.do(reopen(house.ground, person("bob"), again))
    assert (found.id, found.state, found.closed) == (made.id, "opened", 0.0)
    house.do(close(house.ground, person("alice"), Close(made.id, "over")))
    other = house.do(declare(house.ground, person("alice"), Declare("y")))
    assert other.id != made.id and rule(house, reopen(house.ground, person("bob"), again)) == "other-open"


# -- a run whose file is gone ----------------------------------------------------------------------------------------


def lost(house: House) -> str:
    """A run that held when somebody deleted its file."""
    run = house.holding()
    lock = house.runs.lock(run)
    assert lock.take()
    house.runs.room.leases.take(run, ["mx:corp.test"])
    house.runs.room.leases.begun(run)
    lock.release()
    house.runs.path(run).unlink()
    return run


def test_that_a_lost_run_is_over_a_named_person_says(house) -> None:
    """It stands in the book and in the audit file, and its targets are free."""
    run = lost(house)
    assert [h.run for h in house.runs.lost()] == [run]
    assert rule(house, acknowledge(house.ground, NOBODY, run)) == "no-person"
    assert rule(house, acknowledge(house.ground, LOOKS, run)) == "not-allowed"
    done = house.do(acknowledge(house.ground, person("alice"), run))
    assert done.by == "alice" and house.runs.lost() == []
    assert house.runs.room.audit.read().anchors[run].status == "acknowledged"
    event = house.book.events()[-1]
    assert (event.kind, event.actor, event.data["run"]) == ("lost_run_acknowledged", "alice", run)


def test_a_lost_run_that_is_looked_at_says_what_to_do(house) -> None:
    run = lost(house)
    house.run("run-2")
    with pytest.raises(BcpError) as caught:
        house.runs.find(run)
    assert caught.value.rule == "run-lost" and "bcp acknowledge" in caught.value.hint


def test_a_wrong_audience_is_said_before_channels_and_none_says_what_to_add(house) -> None:
    from bcp.deeds import announce

    with pytest.raises(Missing) as caught:
        announce.playbook_of(house.app, "stafff", "employees-investigating", None, "A", {})
    assert caught.value.rule == "no-such-audience" and "staff" in caught.value.hint
    with pytest.raises(Invalid) as caught:
        announce.playbook_of(house.app, "staff", "employees-investigating", None, "A", {})
    assert caught.value.rule == "no-channel" and "channels:" in caught.value.hint
