"""Ending a run: what did not move mail stops at once; what did is ended by its approvers, shown where mail goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.deeds.abort import Abort, Shown, abort, began, look
from bcp.kernel.errors import BcpError, GateClosed

from .house import BOOK, House, person

RUN_ONLY = frozenset({"run"})
APPROVE_ONLY = frozenset({"approve"})


def shown(house: House, run: str) -> Shown:
    return house.do(look(house.ground, run))


def refused(house: House, who, wanted: Abort) -> str:
    with pytest.raises(BcpError) as caught:
        house.do(abort(house.ground, who, wanted))
    assert house.signals(wanted.run) == []
    return caught.value.rule


@pytest.mark.parametrize(
    "events",
    [
        [],
        [("phase_started", "", {"phase": "hold"})],
        [("step_started", "mx", {}), ("step_finished", "mx", {"status": "failed", "error": "x"})],
        [("step_started", "mx", {}), ("step_finished", "mx", {"status": "unchanged"})],
        [
            ("step_started", "mx", {}),
            ("step_finished", "mx", {"status": "ok"}),
            ("undo_finished", "mx", {"status": "undone"}),
        ],
    ],
)
def test_a_run_that_moved_no_mail_is_stopped_by_whoever_may_run(house, events) -> None:
    """No look, no question; also by a token that belongs to nobody."""
    run = house.run(events=events)
    ci = replace(person("token:ci", can=RUN_ONLY), contact="")
    assert shown(house, run).moves is None and shown(house, run).consequence == ""
    done = house.do(abort(house.ground, ci, Abort(run, "wrong one")))
    assert not done.asks and house.woken == [run]
    (told,) = house.signals(run)
    assert (told.kind, told.actor, told.data["reason"]) == ("abort", "token:ci", "wrong one")
    assert "consequence" not in told.data


def test_who_may_only_approve_stops_nothing_that_moved_no_mail(house) -> None:
    """Roles as everywhere."""
    assert refused(house, person("alice", can=APPROVE_ONLY), Abort(house.run())) == "not-allowed"


@pytest.mark.parametrize("status", ["done", "failed", "aborted"])
def test_what_is_over_cannot_be_ended(house, status) -> None:
    run = house.run(events=[("run_finished", "", {"status": status})])
    assert refused(house, person("alice"), Abort(run)) == "run-over"


@pytest.mark.parametrize(("last", "outputs"), [("ok", True), ("in_doubt", True), ("failed", True), ("running", False)])
def test_every_state_in_which_mail_may_have_moved_is_gated(house, last, outputs) -> None:
    """Done, in doubt, done in part, under way."""
    from .house import MOVED

    events = [("step_started", "mx", {})]
    if last != "running":
        events.append(("step_finished", "mx", {"status": last, "outputs": MOVED if outputs else {}}))
    run = house.run(events=events)
    assert shown(house, run).moves is not None
    assert refused(house, person("bob", can=RUN_ONLY), Abort(run)) == "not-allowed"


def test_what_is_shown_says_where_mail_goes_and_what_looks_say(house) -> None:
    house.seen = "down"
    found = shown(house, house.holding())
    assert found.moves.towards == "primary"
    assert found.moves.mx == {"corp.test": ("10 relay.test.", "0 primary.test.")}
    assert (found.seen, found.against, found.approvers, found.count) == ("down", "primary-down", ("alice", "bob"), 1)
    assert found.anyway and found.anyway != found.consequence and "dead" in found.why()


@pytest.mark.parametrize(
    ("seen", "against"),
    [("healthy", ""), ("down", "primary-down"), ("unknown", "primary-unseen"), ("suspect", "primary-unseen")],
)
def test_a_second_yes_is_asked_for_unless_the_service_is_seen_well(house, seen, against) -> None:
    house.seen = seen
    found = shown(house, house.holding())
    assert found.against == against and bool(found.anyway) is bool(against)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (person("bob", can=RUN_ONLY), "not-allowed"),
        (replace(person("token:ci"), contact=""), "no-person"),
        (person("carol"), "not-an-approver"),
    ],
)
def test_who_may_not_approve_the_switch_may_not_undo_it(house, who, expected) -> None:
    """Even with the right consequence in hand."""
    run = house.holding()
    found = shown(house, run)
    assert refused(house, who, Abort(run, consequence=found.consequence, anyway=found.anyway)) == expected


@pytest.mark.parametrize(
    ("seen", "consequence", "anyway", "expected"),
    [
        ("healthy", "", "", "consequence-not-shown"),
        ("healthy", "0" * 64, "", "wrong-checksum"),
        ("down", "right", "", "second-yes"),
        ("down", "right", "0" * 64, "second-yes"),
        ("down", "", "right", "consequence-not-shown"),
    ],
)
def test_a_yes_is_bound_to_exactly_what_was_shown(house, seen, consequence, anyway, expected) -> None:
    house.seen = seen
    run = house.holding()
    found = shown(house, run)
    pick = {"right": (found.consequence, found.anyway)}
    wanted = Abort(
        run,
        consequence=pick.get(consequence, (consequence,))[0],
        anyway=pick[anyway][1] if anyway == "right" else anyway,
    )
    assert refused(house, person("alice"), wanted) == expected


def test_a_yes_to_an_unseen_service_is_none_to_a_dead_one(house) -> None:
    """It was shown as unknown; until the yes it was seen down."""
    house.seen = "unknown"
    run = house.holding()
    found = shown(house, run)
    house.seen = "down"
    assert (
        refused(house, person("alice"), Abort(run, consequence=found.consequence, anyway=found.anyway)) == "second-yes"
    )


def test_a_right_yes_is_told_with_what_it_was_bound_to(house) -> None:
    """The run itself asks on if more people are needed, and judges again."""
    run = house.holding()
    found = shown(house, run)
    done = house.do(
        abort(house.ground, person("alice"), Abort(run, "drill", found.consequence[:16], found.anyway[:16]))
    )
    assert done.asks
    (told,) = house.signals(run)
    assert (told.data["consequence"], told.data["anyway"]) == (found.consequence, found.anyway)


def test_a_closed_gate_is_exit_five() -> None:
    """For scripts."""
    assert GateClosed("x").exit_code == 5


def test_a_playbook_without_a_gate_asks_the_people_on_call(house) -> None:
    """Never nobody."""
    text = "\n".join(line for line in BOOK.splitlines() if "approval" not in line) + "\n"
    found = shown(house, house.holding(text=text))
    assert found.approvers == ("alice", "bob")


def test_the_strictest_gate_decides(house) -> None:
    text = BOOK.replace(
        "  - {id: mx,", "  - {id: second, uses: approval, with: {from: [alice, carol, bob], min: 2}}\n  - {id: mx,"
    )
    found = shown(house, house.holding(text=text))
    assert (found.count, found.approvers) == (2, ("alice", "bob", "carol"))


def test_ending_a_way_back_moves_mail_to_the_relay(house) -> None:
    """There a healthy service is what speaks against it."""
    text = BOOK.replace("to: relay", "to: primary")
    house.seen = "healthy"
    found = shown(house, house.holding(text=text, seen="healthy"))
    assert (found.moves.towards, found.against) == ("relay", "primary-well")


def test_what_was_seen_at_the_start() -> None:
    step = {"uses": "verdict", "phase": "before", "outputs": {"state": "down"}}
    assert began({"steps": [step]}) == "down" and began({"steps": [{**step, "phase": "activation"}]}) == ""


def test_the_bulk_of_a_run_that_moved_no_mail_is_not_read(house, monkeypatch) -> None:
    """A plan of thousands of domains holds everybody up; nothing of it is needed where nothing moves back."""
    from bcp.engine.store import Runs

    def whole(*_: object, **__: object) -> None:
        raise AssertionError("read whole")

    still_there = house.run(events=[("step_started", "mx", {}), ("step_finished", "mx", {"status": "unchanged"})])
    moved = house.run("run-2", events=[("step_started", "mx", {})])
    monkeypatch.setattr(Runs, "view", whole)
    assert shown(house, still_there).moves is None
    with pytest.raises(AssertionError, match="read whole"):
        shown(house, moved)


def test_what_a_yes_is_bound_to_can_be_said_in_another_language(house) -> None:
    """From the run itself, whatever its gate wrote down in English; also what speaks against it."""
    from types import SimpleNamespace
    from typing import Any

    from bcp.engine.holds import SAID
    from bcp.engine.moves import ANYWAY, GATE
    from bcp.pages.words import words
    from bcp.server.parts import spoken

    from .house import MOVED

    moved = [("step_started", "mx", {}), ("step_finished", "mx", {"status": "ok", "outputs": MOVED})]
    run = house.run(events=moved)
    found = shown(house, run)
    core: Any = SimpleNamespace(app=house.app)
    for step, bound, code in (
        (GATE, found.consequence, ""),
        *((ANYWAY, found.moves.anyway(c), c) for c in SAID),
    ):
        question: Any = SimpleNamespace(run=run, step=step, checksum=bound)
        short, although, whole = house.do(spoken._undo(core, question, words("de")))
        assert short == words("de")("ask.undo.primary") and "corp.test: von " in whole
        assert although == (words("de")(f"ask.although.{code}") if code else "")
