"""What a run did not move is planned again with its own playbook and inputs, for exactly those domains."""

from __future__ import annotations

import pytest

from bcp.deeds.plan import PlanRequest
from bcp.deeds.rest import _text, again, kept_back
from bcp.kernel.errors import Missing, Refused

from .house import MOVED, House

LEFT = {
    **MOVED,
    "states": {"corp.test": "conflict", "other.test": "applied"},
    "left": {"corp.test": {"state": "conflict", "why": "somebody else"}},
}


def left(house: House, outputs=LEFT) -> str:
    return house.switched(outputs)


def test_exactly_those_with_what_the_run_was_given(house) -> None:
    left(house)
    wanted = again(house.app, "run-1", PlanRequest("other-book", {"reason": "again"}))
    assert (wanted.playbook, wanted.domains, wanted.inputs) == ("other-book", ("corp.test",), {"reason": "again"})
    assert again(house.app, "last", PlanRequest("", domains=("corp.test",))).domains == ("corp.test",)


def test_a_domain_that_the_run_did_not_leave_is_refused(house) -> None:
    left(house)
    with pytest.raises(Exception, match="none of those that run-1 left"):
        again(house.app, "run-1", PlanRequest("", domains=("other.test",)))


def test_where_nothing_is_left_there_is_nothing_to_try_again(house) -> None:
    left(house, MOVED)
    with pytest.raises(Refused) as caught:
        again(house.app, "run-1", PlanRequest(""))
    assert caught.value.rule == "nothing-left"
    with pytest.raises(Missing):
        again(house.app, "run-9", PlanRequest(""))
    assert kept_back(house.app, "run-1") == ""


def test_what_is_in_doubt_is_left_alone_and_named(house) -> None:
    """What is certain is not held up by it."""
    doubt = {"states": {"corp.test": "conflict", "other.test": "unknown"}}
    left(house, LEFT | doubt | {"left": {**LEFT["left"], "other.test": {"state": "unknown", "why": "it fell silent"}}})
    assert again(house.app, "run-1", PlanRequest("")).domains == ("corp.test",)
    told = kept_back(house.app, "run-1")
    assert told.startswith("NOT KNOWN where mail goes: 1 of 1 domains, left alone. Read the MX of other.test")


def test_a_run_that_is_in_doubt_as_a_whole_is_settled_first(house) -> None:
    """And it is said how."""
    house.run(events=[("step_started", "mx", {}), ("step_finished", "mx", {"status": "in_doubt"})])
    with pytest.raises(Refused, match="nobody knows yet") as caught:
        again(house.app, "run-1", PlanRequest(""))
    assert caught.value.rule == "nothing-left" and "bcp resume run-1" in caught.value.hint


def test_inputs_as_a_person_would_have_typed_them() -> None:
    assert [_text(v) for v in (True, False, 3, "x", ["a", "b"])] == ["true", "false", "3", "x", "a, b"]
