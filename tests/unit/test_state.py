"""The state machine: whatever order things end in, nothing starts before its needs, and it always comes to an end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bcp.contracts.journal import Event
from bcp.engine.state import DONE, OVER, Node, fold, initial, next_in_phase, replay, to_undo


@st.composite
def graphs(draw):
    """Acyclic graphs of up to eight steps."""
    count = draw(st.integers(1, 8))
    nodes = []
    for i in range(count):
        needs = tuple(f"s{j}" for j in range(i) if draw(st.booleans()))
        nodes.append(Node(f"s{i}", "activation", needs, draw(st.booleans()), draw(st.booleans())))
    return nodes


@settings(max_examples=300)
@given(graphs(), st.data())
def test_every_graph_ends_and_respects_its_needs(nodes, data) -> None:
    """Play a run with random endings of its steps."""
    state, seq = initial(nodes), 0
    by_id = {n.id: n for n in nodes}
    running: list[str] = []
    events: list[Event] = []

    def note(kind: str, step: str, **more) -> None:
        nonlocal seq
        seq += 1
        events.append(Event(seq, float(seq), kind, step, "", more))
        fold(state, events[-1])

    for _ in range(200):
        todo = next_in_phase(nodes, state, "activation")
        for step, how in todo.skip:
            note("step_finished", step, status=how)
        for step in todo.start:
            assert all(
                state.steps[n].status in DONE or (by_id[n].optional and state.steps[n].status in OVER)
                for n in by_id[step].needs
            )
            assert not state.failing()
            note("step_started", step, attempt=0)
            running.append(step)
        if running:
            step = running.pop(data.draw(st.integers(0, len(running) - 1)))
            note(
                "step_finished",
                step,
                status=data.draw(st.sampled_from(["ok", "unchanged", "failed", "skipped", "in_doubt"])),
                error="x",
                outputs={"a": 1},
            )
        elif not todo.skip and not todo.start:
            break
    assert not running
    pending = [s for s in state.steps.values() if s.status not in OVER]
    if pending:
        assert todo.verdict == "blocked" and any(s.status == "in_doubt" for s in state.steps.values())
    assert replay(nodes, events) == state
    order = to_undo(nodes, state)
    assert [state.steps[s].began for s in order] == sorted((state.steps[s].began for s in order), reverse=True)


def test_a_step_whose_need_was_skipped_is_skipped() -> None:
    """A switch must not happen because its gate was skipped."""
    nodes = [Node("gate", "activation", ()), Node("mx", "activation", ("gate",))]
    state = initial(nodes)
    fold(state, Event(1, 1.0, "step_finished", "gate", "", {"status": "skipped"}))
    assert next_in_phase(nodes, state, "activation").skip == (("mx", "skipped"),)
