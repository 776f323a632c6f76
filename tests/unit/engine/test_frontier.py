"""The frontier says the same as the state machine asked about all steps, whatever happens in between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import often

from bcp.contracts.journal import Event
from bcp.engine.frontier import Frontier
from bcp.engine.state import Next, Node, RunState, fold, initial, next_in_phase

ENDS = ["ok", "unchanged", "failed", "skipped", "in_doubt", "would_run"]


@st.composite
def graphs(draw):
    """Up to eight steps of one phase, which may also need two of an earlier one."""
    nodes = [Node("e0", "ready", ()), Node("e1", "ready", (), optional=draw(st.booleans()))]
    for i in range(draw(st.integers(1, 8))):
        earlier = ["e0", "e1", *(f"s{j}" for j in range(i))]
        needs = tuple(n for n in earlier if draw(st.integers(0, 3)) == 0)
        nodes.append(Node(f"s{i}", "activation", needs, draw(st.booleans()), draw(st.booleans())))
    return nodes


class Played:
    """A run that things happen to."""

    def __init__(self, nodes: list[Node]) -> None:
        self.state, self.seq = initial(nodes), 0

    def note(self, kind: str, step: str = "", **data: object) -> None:
        self.seq += 1
        fold(self.state, Event(self.seq, float(self.seq), kind, step, "somebody", data))


def _both(frontier: Frontier, nodes: list[Node], state: RunState, phase: str = "activation") -> Next:
    found = frontier.next(state)
    assert found == next_in_phase(nodes, state, phase)
    return found


@settings(max_examples=often(100))
@given(graphs(), st.data())
def test_it_says_what_the_machine_says(nodes, data) -> None:
    """Random endings, doubts that are settled, failures, aborts and undos that are withheld."""
    run, frontier = Played(nodes), Frontier(nodes, "activation")
    for early in ("e0", "e1"):
        run.note("step_finished", early, status=data.draw(st.sampled_from(ENDS)))
    for _ in range(60):
        todo = _both(frontier, nodes, run.state)
        for step in todo.start:
            run.note("step_started", step, attempt=0)
        for step, how in todo.skip:
            run.note("step_finished", step, status=how)
        running = [s.id for s in run.state.steps.values() if s.status in {"running", "waiting"}]
        doubtful = [s.id for s in run.state.doubtful()]
        match data.draw(st.sampled_from(["end", "end", "end", "retry", "settle", "abort", "withhold", "nothing"])):
            case "end" if running:
                run.note("step_finished", data.draw(st.sampled_from(running)), status=data.draw(st.sampled_from(ENDS)))
            case "retry" if running:
                run.note("step_retry", running[0], error="x")
            case "settle" if doubtful:
                run.note("doubt_settled", doubtful[0])
            case "abort":
                run.note("aborting", reason="x")
            case "withhold" if run.state.failing():
                run.note("undo_withheld", code="x")


def test_a_long_chain_is_walked_one_by_one() -> None:
    """Each ending frees the next; none is started twice and none is forgotten."""
    nodes = [Node(f"s{i}", "activation", (f"s{i - 1}",) if i else ()) for i in range(50)]
    run, frontier, began = Played(nodes), Frontier(nodes, "activation"), []
    while (todo := _both(frontier, nodes, run.state)).start:
        began += todo.start
        run.note("step_started", todo.start[0], attempt=0)
        assert _both(frontier, nodes, run.state) == Next()
        run.note("step_finished", todo.start[0], status="ok")
    assert began == [n.id for n in nodes] and todo.verdict == "phase_over"


def test_those_freed_together_come_in_file_order() -> None:
    """Two that wait for different steps, of which the later ends first."""
    nodes = [Node(i, "activation", needs) for i, needs in [("a", ()), ("b", ()), ("c", ("b", "a")), ("d", ("a",))]]
    run, frontier = Played(nodes), Frontier(nodes, "activation")
    assert _both(frontier, nodes, run.state).start == ("a", "b")
    run.note("step_finished", "b", status="ok")
    run.note("step_started", "a", attempt=0)
    assert _both(frontier, nodes, run.state) == Next()
    run.note("step_finished", "a", status="ok")
    assert _both(frontier, nodes, run.state).start == ("c", "d")


@pytest.mark.parametrize(("settled", "then"), [("ok", ("b",)), ("unchanged", ("b",))])
def test_what_waits_for_a_doubt_goes_on_when_it_is_settled(settled, then) -> None:
    """It is looked at again although the step in doubt was over before."""
    nodes = [Node("a", "activation", ()), Node("b", "activation", ("a",))]
    run, frontier = Played(nodes), Frontier(nodes, "activation")
    run.note("step_finished", "a", status="in_doubt")
    assert _both(frontier, nodes, run.state).verdict == "blocked"
    run.note("step_finished", "a", status=settled)
    assert _both(frontier, nodes, run.state).start == then


def test_what_waits_is_not_looked_at_again() -> None:
    """The price of one more question does not grow with the steps that wait."""
    nodes = [Node(f"s{i}", "activation", (f"s{i - 1}",) if i else ()) for i in range(1000)]
    run, frontier = Played(nodes), Frontier(nodes, "activation")
    run.note("step_started", "s0", attempt=0)
    frontier.next(run.state)
    asked: list[str] = []

    class Seen(dict[str, object]):
        def __getitem__(self, name: str) -> object:
            asked.append(name)
            return super().__getitem__(name)

    run.state.steps = Seen(run.state.steps)  # type: ignore[assignment]
    assert frontier.next(run.state) == Next()
    assert set(asked) == {"s0"}


def test_always_is_reached_in_a_run_that_failed() -> None:
    """As with the machine: what is in ``always`` runs whatever happened."""
    nodes = [Node("a", "activation", ()), Node("z", "always", ()), Node("y", "always", ("z",))]
    run = Played(nodes)
    run.note("step_finished", "a", status="failed", error="x")
    assert _both(Frontier(nodes, "activation"), nodes, run.state).verdict == "failing"
    always = Frontier(nodes, "always")
    assert _both(always, nodes, run.state, "always").start == ("z",)
    run.note("step_finished", "z", status="ok")
    assert _both(always, nodes, run.state, "always").start == ("y",)
