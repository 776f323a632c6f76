"""A card says of a run what the state machine says of the same events."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bcp.contracts.journal import Event
from bcp.engine.state import Node, replay
from bcp.store.cards import CardFold, card_from_data, card_to_data, folded

NODES = [
    Node("mx", "activation", (), undo=True),
    Node("tell", "activation", (), optional=True),
    Node("drain", "activation", ("mx",)),
    Node("update", "hold", ()),
    Node("report", "always", ()),
]
META = {
    "nodes": [{"id": n.id, "phase": n.phase, "needs": [], "optional": n.optional, "undo": n.undo} for n in NODES],
    "plan": {
        "steps": [{"id": "mx", "uses": "dns.mx.switch"}, {"id": "drain", "uses": "relay.drain"}],
        "domains": ["a.test"],
        "playbook": "p",
    },
}
STEP = st.sampled_from([n.id for n in NODES])
STATUS = st.sampled_from(["ok", "unchanged", "failed", "skipped", "not_reached", "in_doubt", "would_run"])
EVENTS = st.one_of(
    st.tuples(st.just("run_started"), st.just(""), st.just({})),
    st.tuples(
        st.just("phase_started"),
        st.just(""),
        st.fixed_dictionaries({"phase": st.sampled_from(["ready", "activation", "hold", "always"])}),
    ),
    st.tuples(st.just("step_started"), STEP, st.fixed_dictionaries({"attempt": st.integers(0, 3)})),
    st.tuples(st.just("step_retry"), STEP, st.just({"error": "e"})),
    st.tuples(
        st.just("step_finished"), STEP, st.fixed_dictionaries({"status": STATUS, "error": st.sampled_from(["", "x"])})
    ),
    st.tuples(st.just("undo_started"), st.just(""), st.just({})),
    st.tuples(
        st.just("undo_finished"),
        STEP,
        st.fixed_dictionaries({"status": st.sampled_from(["undone", "undo_failed", "in_doubt"])}),
    ),
    st.tuples(st.just("doubt_settled"), STEP, st.sampled_from([{}, {"domain": "a.test", "state": "refused"}])),
    st.tuples(st.just("gate_opened"), STEP, st.just({"deadline": 1.0})),
    st.tuples(st.just("gate_closed"), STEP, st.just({})),
    st.tuples(st.just("stopped"), st.just(""), st.just({"reason": "r"})),
    st.tuples(st.just("resumed"), st.just(""), st.sampled_from([{}, {"undo": "alice"}])),
    st.tuples(st.just("aborting"), st.just(""), st.just({"reason": "enough"})),
    st.tuples(st.just("recovered"), st.just(""), st.just({"run": "run-2"})),
    st.tuples(
        st.just("run_finished"),
        st.just(""),
        st.fixed_dictionaries({"status": st.sampled_from(["done", "failed", "aborted"])}),
    ),
    st.tuples(st.just("acknowledged"), st.just(""), st.just({})),
    st.tuples(st.just("claimed"), STEP, st.just({"key": "k"})),
)


@settings(max_examples=400)
@given(st.lists(EVENTS, max_size=40))
def test_card_and_state_machine_agree(given_) -> None:
    """On every prefix of every story, possible or not."""
    events = [Event(i, 10.0 + i, kind, step, "alice", data) for i, (kind, step, data) in enumerate(given_, 1)]
    fold, before = CardFold("run-1", META), None
    for n in range(len(events) + 1):
        if n:
            e = events[n - 1]
            before, turned = fold.card(), fold.take(e.kind, e.at, e.step, e.actor, e.data)
            assert turned or before == fold.card(), "a change that nobody is told of"
        state, card = replay(NODES, events[:n]), fold.card()
        assert (card.status, card.phase, card.started, card.ended) == (
            state.status,
            state.phase,
            state.started,
            state.ended,
        )
        assert card.acknowledged == state.acknowledged and card.reason == state.reason
        assert card.doubtful == bool(state.doubtful())
        assert card.gate == any(s.gate for s in state.steps.values())
        mx = state.steps["mx"]
        assert card.changed == (bool(mx.began) and mx.status not in {"failed", "skipped", "not_reached", "pending"})
        assert card.draining == bool(state.steps["drain"].began)
        if mx.status in {"undone", "failed", "in_doubt"}:
            assert not card.moved_at
        elif mx.status in {"ok", "unchanged"} and mx.began:
            assert card.moved_at == mx.ended
    assert folded("run-1", META, events).card() == fold.card()


def test_a_card_survives_json_and_what_a_later_version_adds() -> None:
    """It is kept in the run's file and in the index."""
    card = CardFold("run-1", META).card(fence=3, seq=2, head="h")
    assert card_from_data({**card_to_data(card), "new": 1, "targets": list(card.targets)}) == card


def test_a_run_stands_until_it_is_over_or_undone() -> None:
    """What MX does depends on it."""
    fold = CardFold("run-1", META)
    for kind, step, data in (
        ("run_started", "", {}),
        ("step_started", "mx", {}),
        ("step_finished", "mx", {"status": "ok"}),
        ("phase_started", "", {"phase": "hold"}),
    ):
        fold.take(kind, 5.0, step, "", data)
    assert fold.card().stands and not fold.card().over and not fold.card().drill
    fold.take("run_finished", 6.0, "", "", {"status": "done"})
    assert not fold.card().stands and fold.card().over


LEFT = {"status": "ok", "outputs": {"states": {"a.test": "applied", "b.test": "conflict"},
                                    "left": {"b.test": {"state": "conflict"}}}}  # fmt: skip


def two_domains(*events: tuple[str, str, dict]) -> CardFold:
    plan = {**META["plan"], "domains": ["a.test", "b.test"], "group": "comms:x"}
    steps = [{"id": "mx", "uses": "dns.mx.switch", "outputs": {"before": {"a.test": {}, "b.test": {}}}}]
    fold = CardFold("run-1", {**META, "plan": {**plan, "steps": steps}, "group": "comms:x"})
    for kind, step, data in events:
        fold.take(kind, 5.0, step, "", data)
    return fold


def test_a_run_gives_up_what_its_switch_did_not_move_and_never_takes_it_back() -> None:
    """With the end of the step, in the same commit; an undo afterwards touches only what moved."""
    assert two_domains().card().targets == ("comms:x", "mx:a.test", "mx:b.test")
    fold = two_domains(("step_started", "mx", {}), ("step_finished", "mx", LEFT))
    assert fold.card().targets == ("comms:x", "mx:a.test") and fold.card().released == ("mx:b.test",)
    for kind, data in (
        ("undo_finished", {"status": "undone"}),
        ("step_started", {}),
        ("step_finished", {"status": "ok"}),
    ):
        fold.take(kind, 6.0, "mx", "", data)
        assert fold.card().released == ("mx:b.test",)
    assert card_from_data(card_to_data(fold.card())) == fold.card()


def test_a_step_that_failed_or_is_in_doubt_gives_nothing_up() -> None:
    for status in ("failed", "in_doubt", "would_run"):
        fold = two_domains(("step_started", "mx", {}), ("step_finished", "mx", {**LEFT, "status": status}))
        assert fold.card().released == ()
