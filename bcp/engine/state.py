"""The state of a run, folded from its events, and what may happen next. Pure: no clock, no I/O.

``fold`` is the only way in which a state comes to be, in a live run, after a crash, and for ``bcp status``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bcp.contracts.journal import Event
from bcp.store.targets import said_of

DONE = frozenset({"ok", "unchanged", "would_run"})
"""Step states after which dependent steps may start."""
OVER = DONE | {"failed", "skipped", "not_reached", "in_doubt", "undone", "undo_failed"}
FINAL = frozenset({"done", "failed", "aborted"})
"""Run states in which nothing more happens and the target is free."""
SEQUENCE = ("ready", "before", "activation", "after", "hold")


@dataclass(slots=True)
class StepState:
    """What is known of one step."""

    id: str
    phase: str
    status: str = "pending"
    started: float = 0.0
    ended: float = 0.0
    attempts: int = 0
    summary: str = ""
    error: str = ""
    hint: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    items: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    rounds: int = 0
    began: int = 0
    """Sequence number of its first start: undo goes backwards in this order."""
    begun: bool = False
    """A process that died had done a part of it: what stands there is not what the plan saw, by our own work."""
    optional: bool = False
    gate: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 1
    rule: str = ""
    """Code of the rule that stopped it."""

    @property
    def asks_for_deed(self) -> bool:
        """Whether its gate asks somebody to do something by hand, and not only for a yes: it goes on once that is done,
        whether or not anybody says so."""
        return bool(self.gate.get("about")) and self.phase != UNDO


UNDO = "undo"
"""Phase of the gates that a run opens itself before it moves mail back."""


@dataclass(slots=True)
class RunState:
    """What is known of a run.

    ``status``: new, running, waiting, holding, undoing, stopped, in_doubt, done, failed, aborted.
    """

    steps: dict[str, StepState] = field(default_factory=dict)
    status: str = "new"
    phase: str = ""
    started: float = 0.0
    ended: float = 0.0
    hold_since: float = 0.0
    recovered: bool = False
    aborting: str = ""
    failed_step: str = ""
    reason: str = ""
    approvals: list[Mapping[str, Any]] = field(default_factory=list)
    acknowledged: str = ""
    last_seq: int = 0
    handed_over: str = ""
    answers: list[Mapping[str, Any]] = field(default_factory=list)
    """What people said at gates, as it came: ``by``, ``at``, ``yes``, ``checksum``, ``step``. Kept over a restart."""
    undo_asked: Mapping[str, Any] = field(default_factory=dict)
    """Somebody wants to undo what moved mail, and people are asked; empty: nobody does."""
    consent: Mapping[str, Any] = field(default_factory=dict)
    """To which consequences people said yes when they aborted: ``codes``, ``at``."""
    withheld: str = ""
    """Code of why an undo that would move mail was not done; empty: none was withheld."""
    corrected: list[str] = field(default_factory=list)
    """Steps whose audience heard that mail was moved back."""
    held_after: str = ""
    """The step that failed before it."""
    stopped_by: str = ""
    """Code of what stopped it: ``daemon``, ``signal``, ``told``."""
    rule: str = ""
    """Code of the rule that ended it."""

    def failing(self) -> bool:
        """Did something fail that the run cannot go on without, or was it aborted?"""
        return bool(self.aborting or self.failed_step)

    def doubtful(self) -> list[StepState]:
        """Steps in doubt."""
        return [s for s in self.steps.values() if s.status == "in_doubt"]


@dataclass(frozen=True, slots=True)
class Node:
    """A step as the machine sees it."""

    id: str
    phase: str
    needs: tuple[str, ...]
    optional: bool = False
    """``continue_on_error``."""
    undo: bool = False

    def to_data(self) -> dict[str, Any]:
        """As it is kept in the run's file. ``asdict`` would copy every value, and a run may have thousands of steps."""
        return {
            "id": self.id,
            "phase": self.phase,
            "needs": self.needs,
            "optional": self.optional,
            "undo": self.undo,
        }


def initial(nodes: Sequence[Node]) -> RunState:
    """A run before its first event."""
    return RunState({n.id: StepState(n.id, n.phase, optional=n.optional) for n in nodes})


def fold(state: RunState, event: Event) -> RunState:
    """The state after one more event (the same object, changed)."""
    state.last_seq = event.seq
    handler = _HANDLERS.get(event.kind)
    if handler is not None:
        handler(state, event)
    return state


def replay(nodes: Sequence[Node], events: Iterable[Event]) -> RunState:
    """The state after all these events."""
    state = initial(nodes)
    for event in events:
        fold(state, event)
    return state


def _run_started(state: RunState, event: Event) -> None:
    state.status, state.started = "running", event.at


def _phase_started(state: RunState, event: Event) -> None:
    state.phase, state.status = str(event.data["phase"]), "running"
    if state.phase == "hold":
        state.status, state.hold_since = "holding", event.at


def _step_started(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.status = "running"
    step.attempts = max(step.attempts, int(event.data.get("attempt", 0)) + 1)
    step.started = step.started or event.at
    step.began = step.began or event.seq


def _item_finished(state: RunState, event: Event) -> None:
    state.steps[event.step].items[int(event.data["item"])] = event.data.get("result", {})


def _step_finished(state: RunState, event: Event) -> None:
    step, data = state.steps[event.step], event.data
    step.status, step.ended = str(data["status"]), event.at
    step.summary, step.error, step.hint = (
        str(data.get("summary", "")),
        str(data.get("error", "")),
        str(data.get("hint", "")),
    )
    step.outputs, step.gate = data.get("outputs") or {}, {}
    step.exit_code, step.rule = int(data.get("exit_code", 1)), str(data.get("rule", ""))
    step.started = step.started or event.at
    if step.phase == "hold":
        step.rounds, step.items = step.rounds + 1, {}
        return
    fatal = step.status == "failed" and not step.optional and step.phase != "always"
    if fatal and not state.failing():
        state.failed_step, state.reason, state.rule = step.id, step.error, step.rule


def _step_retry(state: RunState, event: Event) -> None:
    state.steps[event.step].status = "waiting"
    state.steps[event.step].error = str(event.data.get("error", ""))


def _gate_opened(state: RunState, event: Event) -> None:
    step = state.steps.setdefault(event.step, StepState(event.step, UNDO))
    step.gate, step.status = event.data, "waiting"
    step.started = step.started or event.at
    if step.phase != UNDO:  # the run itself goes on while people are asked about an undo
        state.status = "waiting"


def _gate_closed(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.gate = {}
    if step.phase == UNDO:
        yes = event.data.get("result") == "approved"
        step.status, step.ended = ("ok" if yes else "failed"), event.at
        step.error = "" if yes else str(event.data.get("result", ""))
        return
    state.status = "running"


def _answered(state: RunState, event: Event) -> None:
    state.answers.append({"by": event.actor, "step": event.step, **event.data})


def _undo_asked(state: RunState, event: Event) -> None:
    state.undo_asked = {"by": event.actor, "at": event.at, **event.data}
    for step in [s for s in state.steps.values() if s.phase == UNDO]:  # an earlier question is over
        del state.steps[step.id]


def _undo_refused(state: RunState, event: Event) -> None:
    state.undo_asked = {}


def _corrected(state: RunState, event: Event) -> None:
    state.corrected.append(event.step)


def _undo_withheld(state: RunState, event: Event) -> None:
    state.withheld, state.held_after = str(event.data["code"]), state.failed_step or state.held_after
    state.failed_step, state.aborting, state.consent = "", "", {}
    state.reason = str(event.data.get("reason", ""))
    state.status = "holding" if state.phase == "hold" else "running"


def _approved(state: RunState, event: Event) -> None:
    state.approvals.append({"step": event.step, "by": event.actor, "at": event.at, **event.data})


def _undo_started(state: RunState, event: Event) -> None:
    state.status = "undoing"


def _undo_finished(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.status, step.summary = str(event.data["status"]), str(event.data.get("summary", step.summary))
    step.error, step.hint = str(event.data.get("error", "")), str(event.data.get("hint", ""))


def _stopped(state: RunState, event: Event) -> None:
    state.status, state.reason = "stopped", str(event.data.get("reason", ""))
    state.stopped_by = str(event.data.get("by", ""))


def _resumed(state: RunState, event: Event) -> None:
    state.status = "holding" if state.phase == "hold" and not state.recovered else "running"
    if event.data.get("undo"):
        state.aborting = state.aborting or str(event.data["undo"])
    if not (state.failed_step or state.aborting):
        state.reason = ""  # that of the stop: it is over


def _aborting(state: RunState, event: Event) -> None:
    state.aborting, state.reason = event.actor or "unknown", str(event.data.get("reason", ""))
    state.undo_asked, state.consent = {}, {"codes": event.data.get("consent", ()), "at": event.at}


def _recovered(state: RunState, event: Event) -> None:
    state.recovered, state.handed_over = True, str(event.data.get("run", ""))


def _doubt_settled(state: RunState, event: Event) -> None:
    step = state.steps.get(event.step)
    if step is None:
        return
    step.outputs = said_of(step.outputs, event.data)
    step.begun = step.begun or bool(event.data.get("part"))
    step.status = "running" if step.status == "in_doubt" else step.status


def _run_finished(state: RunState, event: Event) -> None:
    state.status, state.ended = str(event.data["status"]), event.at
    state.reason = str(event.data.get("reason", "")) or state.reason


def _acknowledged(state: RunState, event: Event) -> None:
    state.acknowledged = event.actor


_HANDLERS = {
    "run_started": _run_started,
    "phase_started": _phase_started,
    "step_started": _step_started,
    "item_finished": _item_finished,
    "step_finished": _step_finished,
    "step_retry": _step_retry,
    "gate_opened": _gate_opened,
    "gate_closed": _gate_closed,
    "approved": _approved,
    "answered": _answered,
    "undo_asked": _undo_asked,
    "undo_refused": _undo_refused,
    "undo_withheld": _undo_withheld,
    "corrected": _corrected,
    "undo_started": _undo_started,
    "undo_finished": _undo_finished,
    "stopped": _stopped,
    "resumed": _resumed,
    "aborting": _aborting,
    "recovered": _recovered,
    "doubt_settled": _doubt_settled,
    "run_finished": _run_finished,
    "acknowledged": _acknowledged,
}


@dataclass(frozen=True, slots=True)
class Next:
    """What may happen now. ``verdict`` is set when nothing is left:
    ``phase_over``, ``blocked`` (something is in doubt) or ``failing``."""

    start: tuple[str, ...] = ()
    skip: tuple[tuple[str, str], ...] = ()
    verdict: str = ""


def next_in_phase(nodes: Sequence[Node], state: RunState, phase: str) -> Next:
    """Which steps of a phase may start, which can never be reached, and whether the phase is over.

    One pass over the steps: it is asked after every ending.
    """
    failing = state.failing() and phase != "always"
    steps = state.steps
    start: list[str] = []
    skip: list[tuple[str, str]] = []
    busy = doubtful = False
    for node in nodes:
        if node.phase != phase:
            continue
        status = steps[node.id].status
        if status in OVER:
            doubtful = doubtful or (status == "in_doubt" and not node.optional)
            continue
        if status != "pending":
            busy = True
        elif failing:
            skip.append((node.id, "not_reached"))
        elif fate := _fate(node, steps):
            if fate == "start":
                start.append(node.id)
            else:
                skip.append((node.id, fate))
    if skip or start or busy:
        return Next(tuple(start), tuple(skip))
    if failing:
        return Next(verdict="failing")
    return Next(verdict="blocked" if doubtful else "phase_over")


def _fate(node: Node, steps: Mapping[str, StepState]) -> str:
    """``start``, ``skipped``, ``not_reached``, or empty: not decided yet.
    Asked for every waiting step after every ending."""
    skipped = lost = doubtful = False
    for name in node.needs:
        need = steps.get(name)
        if need is None:
            continue
        status = need.status
        if status not in OVER:
            return ""
        if status == "skipped":
            skipped = True
        elif status not in DONE and not need.optional:
            lost = True
            doubtful = doubtful or status == "in_doubt"
    if skipped:
        return "skipped"
    if doubtful:
        return ""
    return "not_reached" if lost else "start"


def to_undo(nodes: Sequence[Node], state: RunState) -> list[str]:
    """Steps to reverse, last begun first."""
    wanted = [n for n in nodes if n.undo and n.phase in {"activation", "after", "hold"}]
    began = [
        (state.steps[n.id].began, n.id)
        for n in wanted
        if state.steps[n.id].began and _left_something(state.steps[n.id])
    ]
    return [step_id for _, step_id in sorted(began, reverse=True)]


def _left_something(step: StepState) -> bool:
    return step.status in {"ok", "in_doubt"} or (step.status == "failed" and bool(step.outputs))
