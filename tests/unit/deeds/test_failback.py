"""Which run is gone back from: the one that is named, or the one that holds mail away from home."""

from __future__ import annotations

import pytest

from bcp.deeds.failback import failback_source, plan_back
from bcp.kernel.errors import Missing

from .house import MOVED, House, person

FINISHED = ("step_finished", "mx", {"status": "ok", "outputs": MOVED})
DONE = ("run_finished", "", {"status": "done"})


def nothing_to_go_back_from(house: House) -> None:
    """It is refused, and no plan is made."""
    with pytest.raises(Missing) as caught:
        house.do(plan_back(house.ground, person("alice")))
    assert caught.value.rule == "no-run-to-go-back" and "bcp failback RUN" in caught.value.hint
    assert not (house.folder / ".bcp" / "plans").exists()


def test_without_any_run_there_is_nothing_to_go_back_from(house) -> None:
    nothing_to_go_back_from(house)


@pytest.mark.parametrize("status", ["done", "failed", "aborted"])
def test_a_run_that_never_moved_mail_is_nothing_to_go_back_from(house, status) -> None:
    """However it ended."""
    house.run(events=[("run_finished", "", {"status": status})])
    nothing_to_go_back_from(house)


@pytest.mark.parametrize("status", ["failed", "aborted"])
def test_a_run_that_was_undone_when_it_ended_is_none_either(house, status) -> None:
    """Mail went home with it."""
    house.run(events=[("step_started", "mx", {}), FINISHED, ("run_finished", "", {"status": status})])
    nothing_to_go_back_from(house)


def test_a_way_back_is_never_gone_back_from(house) -> None:
    """It moved mail too: home."""
    house.run("run-2", parent="run-1", events=[("step_started", "mx", {}), FINISHED, DONE])
    nothing_to_go_back_from(house)


def test_the_newest_that_holds_is_taken_before_one_that_is_done(house) -> None:
    """Of those that moved mail and are over, the newest; one that is named, whatever it did."""
    house.run("run-1", events=[("step_started", "mx", {}), FINISHED, DONE])
    assert failback_source(house.app, "").id == "run-1"
    house.holding("run-2")
    house.run("run-3", events=[("step_started", "mx", {}), FINISHED, DONE])
    assert failback_source(house.app, "").id == "run-2"
    assert failback_source(house.app, "run-3").id == "run-3"


def test_a_run_that_holds_is_found_behind_many_others(house) -> None:
    """By the index: the others are not even read."""
    house.holding("run-000")
    for number in range(1, 60):
        house.run(f"run-{number:03}", events=[("run_finished", "", {"status": "done"})])
    read: list[str] = []
    view = house.app.running.runs.view

    def watched(run_id, **given):
        read.append(run_id)
        return view(run_id, **given)

    house.app.running.runs.view = watched
    assert failback_source(house.app, "").id == "run-000" and read == ["run-000"]
    assert "mx-on-relay" in house.app.running.facts()


def test_a_run_that_moved_mail_and_is_under_way_is_found(house) -> None:
    """Whether it is too early to go back, the start of the way back says: that there is none would not be true."""
    house.run("run-1", events=[("step_started", "mx", {}), FINISHED])
    house.run("run-2", events=[("step_started", "gate", {})])
    assert failback_source(house.app, "").id == "run-1"
