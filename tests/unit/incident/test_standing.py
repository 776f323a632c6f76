"""What runs leave standing: folded from cards of the index, in any order and among any number of others."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.store import FINAL, RunCard
from bcp.detect.course import STANDING, Course, after_event
from bcp.incident.standing import STUCK, Standing, event_between, standing, stuck

ALL = (
    "new",
    "running",
    "waiting",
    "undoing",
    "holding",
    "stopped",
    "in_doubt",
    "done",
    "failed",
    "aborted",
    "unreadable",
)


def card(name: str = "r", status: str = "running", **more) -> RunCard:
    """A run that moves MX."""
    return RunCard(name, status, **{"moves_mx": True, **more})


@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize("moved", [0.0, 5.0])
@pytest.mark.parametrize("doubtful", [False, True])
def test_one_run_that_goes_forward(status: str, moved: float, doubtful: bool) -> None:
    """Over: nothing. Switched: active, whatever it does now. Else decided, while something will still come of it."""
    found = standing([card(status=status, moved_at=moved, doubtful=doubtful)]).what
    if status in FINAL:
        assert found == "none"
    elif moved:
        assert found == "active"
    else:
        works = status in {"new", "running", "waiting", "undoing"} or doubtful
        assert found == ("decided" if works else "none")


@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize("draining", [False, True])
@pytest.mark.parametrize("doubtful", [False, True])
def test_one_run_that_goes_back(status: str, draining: bool, doubtful: bool) -> None:
    """A way back that was stopped is none: its parent still holds, and that is what stands."""
    back = card("b", status, parent="r", draining=draining, doubtful=doubtful, moved_at=9.0)
    works = status not in FINAL and (status in {"new", "running", "waiting", "undoing"} or doubtful)
    assert standing([back]).what == (("draining" if draining else "failback") if works else "none")
    assert standing([back, card("r", "holding", moved_at=5.0)]).what == (
        ("draining" if draining else "failback") if works else "active"
    )


def test_drills_and_runs_that_move_nothing_leave_nothing() -> None:
    """However they stand."""
    for status in ALL:
        assert standing([card(status=status, kind="drill", moved_at=5.0)]) == Standing()
        assert standing([card(status=status, moves_mx=False)]) == Standing()


def test_the_furthest_names_it_and_the_first_switch_dates_it() -> None:
    """Several domains are in several runs."""
    runs = [card("d", "waiting"), card("c", "holding", moved_at=30.0), card("a", "holding", moved_at=10.0)]
    assert standing(runs) == Standing("active", 10.0, ("c", "a"))
    back = card("e", parent="a")
    assert standing([back, *runs]) == Standing("failback", 10.0, ("e",))
    assert standing([card("f", parent="c", draining=True), back, *runs]).what == "draining"


@given(st.integers(0, 300), st.integers(0, 2**32))
def test_no_number_of_other_runs_hides_one_that_holds(others: int, seed: int) -> None:
    """After three hundred sends MX is still known to be on the relay."""
    rng = random.Random(seed)
    cards = [RunCard(f"n{i}", rng.choice(ALL)) for i in range(others)] + [card("x", "holding", moved_at=1.0)]
    rng.shuffle(cards)
    assert standing(cards) == Standing("active", 1.0, ("x",))


@pytest.mark.parametrize(("before", "now"), list(product(STANDING, STANDING)))
def test_the_event_between_two_standings_leads_there(before: str, now: str) -> None:
    """From any to any: a daemon that was away for all of it arrives where the index is."""
    event = event_between(before, now)
    if before == now:
        assert event == ""
    else:
        assert after_event(Course(standing=before), event, 1.0).standing == now


@pytest.mark.parametrize("said", sorted(STUCK))
@pytest.mark.parametrize("more", [{"parent": "r0"}, {"parent": "r0", "draining": True}, {}, {"moved_at": 5.0}])
def test_a_run_that_nobody_works_on_is_stuck_wherever_it_is(said: str, more: dict) -> None:
    """By what its state is for people: the index says *running* of one that was killed."""
    cards = [card("b", "running", **more), card("old", "done")]
    assert stuck(cards, lambda c: said) == "b"
    assert stuck(cards, lambda c: c.status) == ""


@pytest.mark.parametrize("parent", ["", "h"])
def test_a_run_that_was_stopped_before_it_moved_anything_waits_for_somebody(parent: str) -> None:
    """It holds its target; what the world rests on comes first."""
    stopped, held = card("s", "stopped", parent=parent), card("h", "interrupted", moved_at=5.0)
    assert stuck([stopped], lambda c: c.status) == "s"
    assert stuck([stopped, held], lambda c: c.status) == "h"
    assert stuck([card("s", "stopped", moves_mx=False)], lambda c: c.status) == ""


def test_a_way_back_that_runs_is_not_hindered_by_the_run_it_goes_back_from() -> None:
    """Whose process was stopped while it held: nobody goes on with that one now."""
    held, back = card("h", "stopped", moved_at=5.0), card("b", "running", parent="h", moved_at=9.0)
    assert stuck([back, held], lambda c: c.status) == ""
    assert stuck([back, held], lambda c: "interrupted" if c.id == "b" else c.status) == "b"
    assert stuck([held], lambda c: c.status) == "h"


def test_a_run_that_holds_or_is_over_is_not_stuck() -> None:
    """Nothing is to be gone on with; nor with a drill, which is of no concern at night."""
    cards = [card("h", "holding", moved_at=5.0), card("o", "stopped", kind="drill"), card("f", "failed")]
    assert stuck(cards, lambda c: c.status) == "" and stuck([], lambda c: c.status) == ""
